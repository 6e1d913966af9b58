package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vitrine/engine/modeltest/tinymodel"
)

func TestGenerateStructured(t *testing.T) {
	model := tinymodel.Folder(t)
	schema := filepath.Join(t.TempDir(), "schema.json")
	const body = `{"type":"object","properties":{"ok":{"type":"boolean"},"n":{"type":"integer","minimum":3,"maximum":40}},"required":["ok","n"],"additionalProperties":false}`
	if err := os.WriteFile(schema, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	args := func(flags ...string) []string {
		return append([]string{"generate", "--model", model, "--prompt", "the of", "--max-tokens", "100", "--seed", "7"}, flags...)
	}
	for _, c := range []struct {
		flags []string
		in    string
		holds func(text string) bool
	}{
		{[]string{"--choice", "yes", "--choice", "the other"}, "", func(s string) bool { return s == "yes" || s == "the other" }},
		{[]string{"--regex", "[a-c]{3}-[0-9]+世"}, "", regexp.MustCompile(`^[a-c]{3}-[0-9]+世$`).MatchString},
		{[]string{"--json-schema", schema}, "", isOKAndN},
		{[]string{"--json-schema", "-", "--temperature", "0"}, body, isOKAndN},
	} {
		text := ok(t, c.in, args(c.flags...)...)
		g := decodeLines[generated](t, ok(t, c.in, args(append(c.flags, "--json")...)...))[0]
		if !c.holds(g.Text) || g.FinishReason != "stop" || text != g.Text+"\n" {
			t.Errorf("%q: answered %q %s, and without --json %q", c.flags, g.Text, g.FinishReason, text)
		}
	}
	g := decodeLines[generated](t, ok(t, "", args("--choice", "of", "--choice", "the", "--n", "6", "--json")...))[0]
	for _, o := range g.Outputs {
		if o.Text != "of" && o.Text != "the" {
			t.Errorf("output %d is %q", o.Index, o.Text)
		}
	}
	object := decodeLines[generated](t, ok(t, "", args("--json-object", "--max-tokens", "400", "--logit-bias", bias('}', 12)+","+bias('"', 9), "--json")...))[0]
	if object.FinishReason != "stop" || !json.Valid([]byte(object.Text)) || object.Text[0] != '{' {
		t.Errorf("--json-object: %q %s", object.Text, object.FinishReason)
	}
}

// bias is an entry of --logit-bias.
func bias(b byte, by int) string {
	return strconv.Itoa(int(tinymodel.Byte(b))) + "=" + strconv.Itoa(by)
}

func isOKAndN(text string) bool {
	var v struct {
		OK *bool
		N  *int
	}
	return json.Unmarshal([]byte(text), &v) == nil && v.OK != nil && v.N != nil && *v.N >= 3 && *v.N <= 40
}

func TestGenerateStructuredIsRefused(t *testing.T) {
	model := tinymodel.Folder(t)
	for _, c := range []struct {
		flags []string
		in    string
		want  string
	}{
		{[]string{"--regex", "a("}, "", "--regex: regex: missing closing )"},
		{[]string{"--regex", ""}, "", "--regex: got an empty expression"},
		{[]string{"--choice", ""}, "", "--choice: choice: has an empty text"},
		{[]string{"--choice", "a", "--regex", "a"}, "", "want at most one of --json-schema, --json-object, --regex and --choice, got 2"},
		{[]string{"--json-schema", "-"}, "", "is empty"},
		{[]string{"--json-schema", "-"}, `{"properties":{"a":{"contains":{}}}}`, "--json-schema: /properties/a/contains is not supported"},
		{[]string{"--json-schema", "nosuchfile.json"}, "", "nosuchfile.json"},
		{[]string{"--json-schema", "-"}, strings.Repeat(" ", maxSchema+1), "longer than 1 MiB"},
	} {
		status, out, errOut := vitrine(t.Context(), c.in, append([]string{"generate", "--model", model, "--prompt", "the"}, c.flags...)...)
		if status != exitUsage || !strings.Contains(errOut, c.want) || out != "" {
			t.Errorf("%q: exit status %d, said %q and %q, want %q", c.flags, status, out, errOut, c.want)
		}
	}
}

func TestGenerateBeams(t *testing.T) {
	model := tinymodel.Folder(t)
	args := []string{"generate", "--model", model, "--prompt", "the of", "--max-tokens", "5", "--ignore-eos"}
	one := decodeLines[generated](t, ok(t, "", append(args, "--temperature", "0", "--json")...))[0]
	beams := decodeLines[searched](t, ok(t, "", append(args, "--beam-width", "1", "--json")...))[0]
	if len(beams.Beams) != 1 || !slices.Equal(beams.Beams[0].IDs, one.IDs) || beams.Beams[0].Text != one.Text || beams.Beams[0].FinishReason != "length" {
		t.Errorf("one beam is %+v, greedy is %v %q", beams.Beams, one.IDs, one.Text)
	}
	var sum number
	for _, l := range one.LogProbs {
		sum += l
	}
	if d := beams.Beams[0].CumLogProb - sum; d > 1e-4 || d < -1e-4 {
		t.Errorf("cumulative_logprob is %v, the sum is %v", beams.Beams[0].CumLogProb, sum)
	}
	wide := decodeLines[searched](t, ok(t, "", append(args, "--beam-width", "6", "--json", "--length-penalty", "0")...))[0]
	if len(wide.Beams) != 6 || wide.Beams[0].CumLogProb < beams.Beams[0].CumLogProb-1e-4 {
		t.Errorf("six beams are worse than one: %+v", wide.Beams)
	}
	for i, b := range wide.Beams {
		if b.Score != b.CumLogProb || i > 0 && b.Score > wide.Beams[i-1].Score {
			t.Errorf("beam %d is out of order: %+v", i, b)
		}
	}
	text := ok(t, "", append(args, "--beam-width", "3")...)
	if strings.Count(text, "--- ") != 3 || !strings.HasPrefix(text, "--- 1 of 3, score -") {
		t.Errorf("wrote %q", text)
	}
}
