package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/server/machine"
)

// servingArgs serve a small workload on the tiny model.
func servingArgs(t *testing.T, more ...string) []string {
	t.Helper()
	workload := filepath.Join(t.TempDir(), "small.json")
	if err := os.WriteFile(workload, []byte(`{"name": "small", "seed": 3, "max_model_len": 64, "shared_tokens": 20, "requests": [
		{"arrival": 0, "prompt_tokens": 3, "output_tokens": 9}, {"arrival": 1, "prompt_tokens": 17, "output_tokens": 2},
		{"arrival": 2, "prompt_tokens": 1, "output_tokens": 30}, {"arrival": 3, "prompt_tokens": 8, "output_tokens": 5}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{"bench", "serving", "--model", tinymodel.Folder(t), "--threads", "1", "--workload", workload, "--max-num-seqs", "2"}, more...)
}

func TestBenchServing(t *testing.T) {
	runs := decodeLines[servedRun](t, ok(t, "", servingArgs(t, "--policy", "fcfs,static", "--kv-memory", "paged,contiguous", "--block-size", "4",
		"--prefix-caching", "off", "--repeat", "2", "--json")...))
	if len(runs) != 4 {
		t.Fatalf("%d lines, want each policy with each kind of memory", len(runs))
	}
	for i, want := range []struct{ policy, memory string }{{"fcfs", "paged"}, {"fcfs", "contiguous"}, {"static", "paged"}, {"static", "contiguous"}} {
		r := runs[i]
		if r.Policy != want.policy || r.KVMemory != want.memory || r.Workload != "small" || r.Requests != 4 || r.Repeat != 2 || r.KVBlocks != 32 {
			t.Errorf("line %d is %+v", i, r)
		}
		if r.PromptTokens != 109 || r.OutputTokens != 46 || r.Answers != runs[0].Answers || r.ConcurrentMax != 2 {
			t.Errorf("line %d did other work: %+v", i, r)
		}
		rate := r.OutputPerSecond
		if !(0 < rate.Min && rate.Min <= rate.Median && rate.Median <= rate.Max) || r.Ratio <= 0 || (i == 0) != (r.Ratio == 1) && rate.Median != runs[0].OutputPerSecond.Median {
			t.Errorf("line %d has rates %+v and the ratio %g", i, rate, r.Ratio)
		}
		if (r.PaddingTokens > 0) != (want.policy == "static") {
			t.Errorf("%s pads with %d tokens", want.policy, r.PaddingTokens)
		}
	}
	// A request of 64 slots at most, some 30 of which are filled, against blocks of 4.
	if paged, contiguous := runs[0].KVWaste, runs[1].KVWaste; paged > 0.15 || contiguous < 0.3 {
		t.Errorf("a waste of %g paged and %g contiguous", paged, contiguous)
	}
}

func TestBenchServingTable(t *testing.T) {
	out := ok(t, "", servingArgs(t, "--prefix-caching", "on,off", "--block-size", "4", "--events", "meter,none")...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 11 || !strings.Contains(lines[1], machine.Describe().CPU) || !strings.Contains(lines[2], "4 requests, 109 tokens of prompts, 46 of answers") {
		t.Fatalf("wrote\n%s", out)
	}
	for i, want := range []string{"fcfs, paged, 2 seqs ", "fcfs, paged, 2 seqs, events none", "fcfs, paged, 2 seqs, no prefix cache", "fcfs, paged, 2 seqs, no prefix cache, events none"} {
		if !strings.HasPrefix(lines[5+i], want) || strings.Contains(lines[5+i], "–") != strings.Contains(want, "none") {
			t.Errorf("line %d is %q, want %q", i, lines[5+i], want)
		}
	}
}

func TestBenchServingRefuses(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"--policy", "lifo", `--policy: got "lifo", want fcfs, priority, static, one-at-a-time`},
		{"--policy", "", "--policy: got none"},
		{"--kv-memory", "paged,swapped", `--kv-memory: got "swapped", want paged, contiguous, none`},
		{"--prefix-caching", "yes", `--prefix-caching: got "yes", want on, off`},
		{"--events", "some", `--events: got "some"`},
		{"--request-rate", "0", `--request-rate: got "0", want requests a second, or inf`},
		{"--request-rate", "-Inf", `--request-rate: got "-Inf"`},
		{"--repeat", "0", "--repeat: got 0"},
		{"--requests", "-1", "--requests: got -1"},
		{"--max-num-seqs", "0", "--max-num-seqs: got 0"},
		{"--kv-blocks", "1", "--kv-blocks: got 1 of 16 tokens, want room for request"},
		{"--block-size", "0", "--block-size: got 0"},
		{"--num-speculative-tokens", "-2", "--num-speculative-tokens: got -2"},
		{"--workload", "chat", `--workload: got "chat", want mixed or shared-prompt`},
		{"--workload", "mixed", "--workload: its max_model_len is 1024, want at most the model's context of 256"},
	} {
		status, _, errOut := vitrine(t.Context(), "", servingArgs(t, c.flag, c.value)...)
		if status != exitUsage || !strings.Contains(errOut, c.want) {
			t.Errorf("%s %s: exit status %d, said %q; want %q", c.flag, c.value, status, errOut, c.want)
		}
	}
}
