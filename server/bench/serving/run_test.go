package serving

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/engine/modeltest/tinymodel"
)

func tiny(t *testing.T) *load.Model {
	t.Helper()
	found, err := load.Find(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := found.Open(load.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// small is a workload that the tiny model has room for.
func small() *Workload {
	return &Workload{Name: "small", Seed: 3, MaxModelLen: 64, SharedTokens: 20, Requests: []Request{
		{0, 3, 9}, {0.5, 17, 2}, {1, 1, 30}, {2, 8, 1}, {2, 25, 12}, {3, 4, 5}, {4, 0, 7},
	}}
}

var plain = Config{MaxNumSeqs: 4, BlockSize: 4, PrefixCaching: true}

func run(t *testing.T, m *load.Model, w *Workload, c Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), m, w, c)
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	return r
}

// However the requests are served, the answers are the same to the token.
func TestAnswersAreTheSame(t *testing.T) {
	m, w := tiny(t), small()
	want := run(t, m, w, plain)
	for name, change := range map[string]func(*Config){
		"priority":         func(c *Config) { c.Policy = engine.Priority },
		"static":           func(c *Config) { c.Policy = engine.StaticBatching },
		"one at a time":    func(c *Config) { c.Policy = engine.OneAtATime },
		"contiguous":       func(c *Config) { c.Memory = engine.Contiguous },
		"no KV cache":      func(c *Config) { c.Memory = engine.NoCache },
		"no prefix cache":  func(c *Config) { c.PrefixCaching = false },
		"speculation":      func(c *Config) { c.SpeculativeTokens = 3 },
		"one sequence":     func(c *Config) { c.MaxNumSeqs = 1 },
		"large blocks":     func(c *Config) { c.BlockSize = 16 },
		"short chunks":     func(c *Config) { c.MaxNumBatchedTokens = 7 },
		"memory for one":   func(c *Config) { c.KVBlocks = 16 },
		"nothing observed": func(c *Config) { c.Events = NoEvents },
		"all observed":     func(c *Config) { c.Events = AllEvents },
		"arrivals":         func(c *Config) { c.RequestRate = 200 },
	} {
		c := plain
		change(&c)
		if got := run(t, m, w, c); got.Answers != want.Answers {
			t.Errorf("%s: other answers", name)
		}
	}
	other := *w
	other.Seed++
	if got := run(t, m, &other, plain); got.Answers == want.Answers {
		t.Error("another seed gives the same answers: the digest is none")
	}
}

func TestRunMeasures(t *testing.T) {
	m, w := tiny(t), small()
	c := plain
	c.PrefixCaching = false
	r := run(t, m, w, c)
	if r.Requests != 7 || r.PromptTokens != 7*20+58 || r.OutputTokens != 66 || !(r.Seconds > 0) {
		t.Errorf("%+v", r)
	}
	if got, want := r.OutputPerSecond()*r.Seconds, 66.0; got < want-1e-6 || got > want+1e-6 {
		t.Errorf("%g tokens, want %g", got, want)
	}
	if r.PrefillTokens != r.PromptTokens || r.Stats.ComputedTokens != uint64(r.PromptTokens+66-7) {
		t.Errorf("computed %d tokens, %d of them of prompts; want the prompts' %d and all of the answers' but the last", r.Stats.ComputedTokens, r.PrefillTokens, r.PromptTokens)
	}
	if !(r.KVWaste > 0 && r.KVWaste < 0.2) {
		t.Errorf("a waste of %g with blocks of 4 for some 30 tokens, want a few percent", r.KVWaste)
	}
	if r.ConcurrentMax != 4 || !(r.ConcurrentMean > 1 && r.ConcurrentMean < r.ConcurrentQueued && r.ConcurrentQueued <= 4) {
		t.Errorf("%g requests in the mean and %d at most, want up to 4", r.ConcurrentMean, r.ConcurrentMax)
	}
	if !(0 < r.TTFT.P50 && r.TTFT.P50 <= r.TTFT.P99 && 0 <= r.ITL.P50 && r.ITL.P50 <= r.ITL.P99 && r.TTFT.P99 <= r.E2E.P99 && r.E2E.P99 <= r.Seconds+1e-6) { // they are rounded; and all of this takes 5 ms, in which the readers may get no turn between two tokens
		t.Errorf("latencies out of order: %+v", r)
	}
	if r.KVBlocks != 4*16 || r.KVBytes != int64(4*16*4*3*2*2*16*2) { // blocks, slots, layers, K and V, heads, dim, float16
		t.Errorf("%d blocks of %d bytes together", r.KVBlocks, r.KVBytes)
	}
	c.Events = NoEvents
	if r = run(t, m, w, c); r.KVWaste != 0 || r.ConcurrentMax != 0 || r.Stats.Steps == 0 {
		t.Errorf("not observed: %+v", r)
	}
}

// Requests that arrive one by one wait for the clock and not for each other.
func TestRunWaitsForArrivals(t *testing.T) {
	m, w := tiny(t), small()
	c := plain
	c.RequestRate = 20
	if r := run(t, m, w, c); r.Seconds < 4/20.0 || r.TTFT.P50 > 4/20.0 {
		t.Errorf("the last of the requests comes after 0.2 s: %g s in all, first tokens after %g", r.Seconds, r.TTFT.P50)
	}
}

func TestRunEnds(t *testing.T) {
	m, w := tiny(t), small()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	c := plain
	c.RequestRate = 0.1
	if _, err := Run(ctx, m, w, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the context's end", err)
	}
	run(t, m, w.Head(1), plain) // the model is free again
}

func TestConfigCheck(t *testing.T) {
	m := tiny(t)
	for _, c := range []struct {
		change func(*Config, *Workload)
		want   string
	}{
		{func(c *Config, _ *Workload) { c.MaxNumSeqs = 0 }, "max-num-seqs: got 0"},
		{func(c *Config, _ *Workload) { c.Watermark = 1 }, "watermark: got 1"},
		{func(c *Config, _ *Workload) { c.MaxNumBatchedTokens = -1 }, "max-num-batched-tokens: got -1"},
		{func(c *Config, _ *Workload) { c.KVBlocks = -1 }, "kv-blocks: got -1"},
		{func(c *Config, _ *Workload) { c.KVBlocks = 14 }, "kv-blocks: got 14 of 4 tokens, want room for request 4, which is 57 tokens long"},
		{func(c *Config, _ *Workload) { c.BlockSize = 0 }, "block-size: got 0"},
		{func(c *Config, _ *Workload) { c.SpeculativeTokens = -1 }, "num-speculative-tokens: got -1"},
		{func(c *Config, _ *Workload) { c.RequestRate = -1 }, "request-rate: got -1"},
		{func(c *Config, _ *Workload) { c.KVBlocks = 1 << 40 }, "memory"},
		{func(_ *Config, w *Workload) { w.MaxModelLen = 257 }, "at most the model's context of 256"},
	} {
		config, w := plain, small()
		c.change(&config, w)
		if _, err := Run(t.Context(), m, w, config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
