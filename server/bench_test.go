package main

import (
	"os"
	"strings"
	"testing"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/modeltest"
	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/bench/fakellama"
	"vitrine/server/machine"
)

func TestMain(m *testing.M) {
	fakellama.Main() // where this program was started as one of llama.cpp's
	os.Exit(m.Run())
}

func TestBench(t *testing.T) {
	model := tinymodel.Folder(t)
	got := decodeLines[measurement](t, ok(t, "", "bench", "--model", model, "--threads", "1", "--prompt-tokens", "8,100", "--output-tokens", "4",
		"--batch", "1,3", "--repeat", "2", "--json"))
	if len(got) != 4 {
		t.Fatalf("%d measurements, want 4", len(got))
	}
	for i, want := range []struct{ prompt, batch int }{{8, 1}, {8, 3}, {100, 1}, {100, 3}} {
		m := got[i]
		if m.Depth != 0 || m.LoadSeconds <= 0 || m.ModelBytes < 700_000 || m.StepBytes >= m.ModelBytes || m.KVBytes <= 0 || m.Memory != nil || m.BandwidthShare != 0 {
			t.Errorf("measurement %d is %+v", i, m)
		}
		if r, known := machine.ResidentMemory(); known && (m.Resident == nil || m.Now == 0 || m.Peak < m.Now || m.Peak > 2*r.Peak) {
			t.Errorf("measurement %d tells of memory %+v", i, m.Resident)
		}
		if m.PromptTokens != want.prompt || m.Batch != want.batch || m.OutputTokens != 4 || m.Repeat != 2 || m.Threads != 1 || m.Ranks != 1 || !m.Invariant || m.Backend != "cpu" {
			t.Errorf("measurement %d is %+v", i, m)
		}
		if !(0 < m.PrefillMin && m.PrefillMin <= m.Prefill && m.Prefill <= m.PrefillMax) || !(0 < m.DecodeMin && m.DecodeMin <= m.Decode && m.Decode <= m.DecodeMax) {
			t.Errorf("rates out of order: %+v", m)
		}
	}
	divided := []string{"bench", "--model", model, "--threads", "3", "--tensor-parallel-size", "2", "--prompt-tokens", "8", "--output-tokens", "4", "--repeat", "1"}
	if m := decodeLines[measurement](t, ok(t, "", append(divided, "--json")...)); len(m) != 1 || m[0].Ranks != 2 || m[0].Threads != 3 || !(m[0].Decode > 0) {
		t.Errorf("two ranks: %+v", m)
	}
	if out := ok(t, "", divided...); !strings.Contains(out, " KV), 3 threads of 2 ranks") {
		t.Errorf("two ranks: %q", out)
	}
	varied := []string{"bench", "--model", model, "--prompt-tokens", "8", "--output-tokens", "4", "--repeat", "1", "--batch-invariant=false"}
	if m := decodeLines[measurement](t, ok(t, "", append(varied, "--json")...)); len(m) != 1 || m[0].Invariant || !(m[0].Decode > 0) {
		t.Errorf("without batch invariance: %+v", m)
	}
	varied = append(varied, "--cpu", "go", "--kv-cache-dtype", "int8")
	if out := ok(t, "", varied...); !strings.Contains(out, "cpu (go, int8 KV), ") || !strings.Contains(out, "threads, not batch-invariant") {
		t.Errorf("without batch invariance: %q", out)
	}
	status, _, errOut := vitrine(t.Context(), "", "bench", "--model", model, "--prompt-tokens", "250", "--output-tokens", "10")
	if status != exitUsage || !strings.Contains(errOut, "want at most the model's context of 256") {
		t.Errorf("exit status %d, said %q", status, errOut)
	}
}

func TestBenchAtADepth(t *testing.T) {
	model := tinymodel.Folder(t)
	args := []string{"bench", "--model", model, "--threads", "1", "--depth", "100,40", "--output-tokens", "4", "--batch", "2", "--repeat", "2"}
	got := decodeLines[measurement](t, ok(t, "", append(args, "--json")...))
	if len(got) != 2 {
		t.Fatalf("%d measurements, want the depths alone", len(got))
	}
	for i, depth := range []int{100, 40} {
		if m := got[i]; m.Depth != depth || m.PromptTokens != 0 || m.Batch != 2 || m.Prefill != 0 || !(m.Decode > 0) {
			t.Errorf("measurement %d is %+v", i, m)
		}
	}
	both := decodeLines[measurement](t, ok(t, "", append(args, "--json", "--prompt-tokens", "9", "--max-num-batched-tokens", "5")...))
	if len(both) != 3 || both[0].PromptTokens != 9 || both[0].Depth != 0 || both[1].Depth != 100 {
		t.Errorf("a prompt and two depths: %+v", both)
	}
	status, _, errOut := vitrine(t.Context(), "", "bench", "--model", model, "--depth", "252", "--output-tokens", "4")
	if status != exitUsage || !strings.Contains(errOut, "want at most the model's context of 256") {
		t.Errorf("exit status %d, said %q", status, errOut)
	}
}

func TestBenchTable(t *testing.T) {
	out := ok(t, "", "bench", "--model", tinymodel.Folder(t), "--prompt-tokens", "9", "--depth", "20", "--output-tokens", "4", "--repeat", "1", "--machine")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) < 5 || !strings.Contains(lines[0], "loaded in") || !strings.Contains(lines[1], machine.Describe().CPU) || !strings.Contains(lines[1], "GB/s of memory") ||
		!strings.Contains(lines[2], "of bandwidth") || !strings.Contains(lines[3], "%") || !strings.Contains(lines[4], "–") {
		t.Errorf("wrote\n%s", out)
	}
	if _, known := machine.ResidentMemory(); known && (len(lines) != 6 || !strings.HasPrefix(lines[5], "resident memory ")) {
		t.Errorf("wrote\n%s", out)
	}
}

// A prefill's share is of the peak of the instructions that the kernels in use have; there
// is none of plain Go.
func TestBenchShareIsOfTheLevel(t *testing.T) {
	for level, want := range map[kernel.Level]string{kernel.Go: "", kernel.AVX2: "AVX2"} {
		if level > kernel.Best() {
			continue
		}
		m := decodeLines[measurement](t, ok(t, "", "bench", "--model", tinymodel.Folder(t), "--prompt-tokens", "9", "--output-tokens", "2", "--repeat", "1",
			"--machine", "--json", "--cpu", level.String()))[0]
		if m.Int8ShareOf != want || (m.Compute == nil) != (want == "") || want == "" && m.Int8Share != 0 {
			t.Errorf("--cpu %v: a share of %g of %q, want one of %q", level, m.Int8Share, m.Int8ShareOf, want)
		}
	}
}

func TestBenchCompare(t *testing.T) {
	model := modeltest.SmolLM2(t)
	args := []string{"bench", "--model", model, "--threads", "2", "--repeat", "2", "--output-tokens", "2", "--batch", "1,2", "--prompt-tokens", "8", "--depth", "8"}
	with := func(f fakellama.Fake) string { return "llama-bench=" + f.Install(t) }
	got := decodeLines[comparison](t, ok(t, "", append(args, "--json", "--compare", with(fakellama.Fake{Rate: 1000, BatchedRate: 4000}))...))[0]
	if got.Threads != 2 || got.Rounds != 2 || got.Quantization != "Q4_1" || got.Machine.CPU == "" || got.LlamaCpp.Commit != "abc123" {
		t.Errorf("%+v", got)
	}
	names := []string{"prefill of 8", "decode at depth 8", "decode at depth 8, 2 streams"}
	if len(got.Tests) != len(names) {
		t.Fatalf("tests %+v, want %q", got.Tests, names)
	}
	for i, test := range got.Tests {
		theirs := 1000.0
		if test.Batch > 1 {
			theirs = 4000
		}
		if test.Test != names[i] || test.LlamaCpp.Median != theirs || !(test.Vitrine.Min > 0) || test.Ratio != 0 && !near(test.Ratio, test.Vitrine.Median/theirs) {
			t.Errorf("%+v", test)
		}
	}

	status, out, errOut := vitrine(t.Context(), "", append(args, "--compare", with(fakellama.Fake{Rate: 1000, Alone: true}))...)
	if status != exitOK || strings.Contains(out, "streams") || !strings.Contains(out, "decode at depth 8 ") || !strings.Contains(out, "build abc123 (7), CPU") ||
		!strings.Contains(errOut, "llama-batched-bench does not lie beside") {
		t.Errorf("without llama-batched-bench: exit status %d, wrote\n%s, said %q", status, out, errOut)
	}

	status, _, errOut = vitrine(t.Context(), "", append(args, "--compare", with(fakellama.Fake{Fails: "failed to load model"}))...)
	if status != exitFailed || !strings.Contains(errOut, "prefill of 8: llama-bench") || !strings.Contains(errOut, "failed to load model") {
		t.Errorf("llama-bench fails: exit status %d, said %q", status, errOut)
	}
}

// near says whether a ratio is what it should be, to its three decimals.
func near(got, want float64) bool { return got-want < 0.001 && want-got < 0.001 }

func TestBenchCompareRefuses(t *testing.T) {
	folder := tinymodel.Folder(t)
	fake := fakellama.Fake{Rate: 1}.Install(t)
	for _, c := range []struct{ compare, want string }{
		{"llama-bench", `--compare: got "llama-bench", want llama-bench=PATH`},
		{"ollama=" + fake, "want llama-bench=PATH"},
		{"llama-bench=" + folder + "/nothing", "is no program that can be run"},
		{"llama-bench=" + fake, "is no .gguf file"},
	} {
		status, out, errOut := vitrine(t.Context(), "", "bench", "--model", folder, "--compare", c.compare)
		if status != exitUsage || out != "" || !strings.Contains(errOut, c.want) {
			t.Errorf("%s: exit status %d, wrote %q, said %q", c.compare, status, out, errOut)
		}
	}
}
