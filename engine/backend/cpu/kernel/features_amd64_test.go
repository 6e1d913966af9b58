//go:build !noasm

package kernel

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestBest tells what this machine runs, and what it lacks for more.
func TestBest(t *testing.T) {
	t.Logf("best: %v", Best())
	if lacks := Missing(AMX); len(lacks) > 0 {
		t.Logf("this machine lacks %s", strings.Join(lacks, ", "))
	}
	for _, l := range []Level{Go, AVX2, AVX512, AMX} {
		if lacks := Missing(l); (len(lacks) == 0) != (l <= Best()) {
			t.Errorf("%v lacks %v, and %v is the best", l, lacks, Best())
		}
	}
}

// Each feature that the kernels need can be switched off, and they do without it then.
func TestFeaturesCanBeSwitchedOff(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range features {
		if !*f.has {
			continue // nothing to switch off; TestBest tells
		}
		cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestBest$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG="+os.Getenv("GODEBUG")+",cpu."+f.switchName+"=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", f.switchName, err, out)
		}
		want := "best: " + min(Best(), f.level-1).String() + "\n"
		if !strings.Contains(string(out), want) || !strings.Contains(string(out), f.name) {
			t.Errorf("without %s: %s\nwant %s", f.name, out, want)
		}
	}
}
