package main

import (
	"strings"
	"testing"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/modeltest/tinymodel"
)

// Who names processor features that are not there is told so, and what is lacking; who
// names none, or some that are there, is not.
func TestMissingFeaturesAreTold(t *testing.T) {
	model := tinymodel.Folder(t)
	for _, args := range [][]string{{}, {"--cpu", "go"}, {"--cpu", "avx2"}, {"--cpu", "avx512"}, {"--cpu", "amx"}, {"--cpu", "amx", "--backend", "ref"}} {
		status, _, log := vitrine(t.Context(), "", append([]string{"bench", "--model", model, "--prompt-tokens", "2", "--output-tokens", "1", "--repeat", "1"}, args...)...)
		if status != exitOK {
			t.Fatalf("%q: exit status %d: %s", args, status, log)
		}
		want := ""
		if len(args) == 2 {
			level, err := kernel.ParseLevel(args[1])
			if err != nil {
				t.Fatal(err)
			}
			want = strings.Join(kernel.Missing(level), ", ")
		}
		const told = "this machine lacks what --cpu names"
		if strings.Contains(log, told) != (want != "") || !strings.Contains(log, want) {
			t.Errorf("%q: %q, want %q to be told", args, log, want)
		}
	}
}
