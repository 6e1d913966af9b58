package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
)

// jobs are requests of all kinds: short and long ones, greedy and drawn with a
// seed, with penalties, prompts that begin alike and prompts that repeat
// themselves, several outputs.
func jobs() []engine.Request {
	r := rand.New(rand.NewPCG(1, 1))
	system, loop := prompt(r, 37), prompt(r, 5)
	var all []engine.Request
	for i := range 12 {
		q := engine.Request{Prompt: prompt(r, 1+r.IntN(60)), Params: greedy(10 + r.IntN(20)), Priority: r.IntN(3)}
		switch i % 4 {
		case 1:
			q.Params.Temperature, q.Params.TopP = 0.9, 0.95
			q.Prompt = append(slices.Clone(system), q.Prompt[:min(len(q.Prompt), 9)]...)
		case 2:
			q.Prompt = slices.Repeat(loop, 2+r.IntN(6))
			q.Params.MaxTokens = 40
		case 3:
			q.Params.FrequencyPenalty, q.Params.RepetitionPenalty = 0.5, 1.1
			q.Params.N = 1 + i%3
			q.Params.Temperature = 0.7
			q.Prompt = append(slices.Clone(system), q.Prompt[:min(len(q.Prompt), 2)]...) // ends within a block, which forks copy
		}
		q.Params.Seed, q.Params.HasSeed = uint64(i), true
		all = append(all, q)
	}
	return all
}

// addAll adds requests while the engine stands still, so that they come in
// together however busy the machine is.
func addAll(t *testing.T, e *engine.Engine, requests ...engine.Request) []*engine.Handle {
	t.Helper()
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var handles []*engine.Handle
	for _, q := range requests {
		handles = append(handles, add(t, e, q))
	}
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	return handles
}

// answers adds requests to an engine and returns the tokens of each output of each.
func answers(t *testing.T, e *engine.Engine, requests []engine.Request) [][][]int32 {
	t.Helper()
	var out [][][]int32
	for i, h := range addAll(t, e, requests...) {
		out = append(out, outputsOf(t, h, requests[i].Params.N))
	}
	return out
}

// outputsOf reads a handle until all of its n outputs have finished.
func outputsOf(t *testing.T, h *engine.Handle, n int) [][]int32 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out := make([][]int32, n)
	for left := n; left > 0; {
		ev, err := h.Next(ctx)
		if err != nil {
			t.Fatalf("request %d: %v", h.ID(), err)
		}
		switch {
		case ev.Kind == engine.EventToken:
			out[ev.Index] = append(out[ev.Index], ev.Token)
		case ev.Kind == engine.EventState && ev.State.Finished():
			if ev.State != engine.FinishedLength {
				t.Fatalf("output %d of request %d ended as %v (%s)", ev.Index, h.ID(), ev.State, ev.Reason)
			}
			left--
		}
	}
	return out
}

// idle waits until nothing runs or waits, and proves the pool's invariants.
func idle(t *testing.T, e *engine.Engine) engine.Stats {
	t.Helper()
	if _, err := e.CheckPool(); err != nil {
		t.Fatal(err)
	}
	s := e.Stats()
	if s.Running+s.Waiting != 0 {
		t.Fatalf("all have finished, and %d run and %d wait", s.Running, s.Waiting)
	}
	return s
}

// The same requests draw the same tokens over block sizes, chunk sizes, batch
// limits, small pools that force preemption, threads and ranks, policies, kinds of
// memory, with and without prefix cache and speculation, watched or not, and
// the second time in the same engine.
func TestMetamorphic(t *testing.T) {
	requests := jobs()
	want := answers(t, tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true}), requests)
	lookup := engine.PromptLookup{Tokens: 4}
	small := engine.Options{BlockSize: 4, Blocks: 40, MaxBatchTokens: 32}
	with := func(o engine.Options, change func(*engine.Options)) engine.Options { change(&o); return o }
	type variant struct {
		name  string
		o     engine.Options
		watch engine.Watch
		ranks bool // the model is divided among two
		// told says that what the variant is about has happened.
		told func(engine.Stats) bool
	}
	hits := func(s engine.Stats) bool { return s.PrefixHits > 0 && s.PrefixHits < s.PrefixQueries }
	preempts := func(s engine.Stats) bool { return s.Preemptions > 0 }
	accepts := func(s engine.Stats) bool { return s.Accepted > 0 && s.Accepted < s.Drafted }
	pads := func(s engine.Stats) bool { return s.PaddingTokens > 0 }
	variants := []variant{
		{name: "defaults", told: hits},
		{name: "watched", watch: engine.Watch{Attention: true, Logits: true, Timing: true}},
		{name: "logits watched, speculative", o: engine.Options{PromptLookup: lookup}, watch: engine.Watch{Logits: true}, told: accepts},
		{name: "one at a time by the limit", o: engine.Options{MaxSequences: 1}},
		{name: "preemption", o: small, told: preempts},
		{name: "preemption, no prefix cache", o: with(small, func(o *engine.Options) { o.DisablePrefixCaching = true }), told: preempts},
		{name: "preemption, speculative", o: with(small, func(o *engine.Options) { o.PromptLookup = lookup }), told: func(s engine.Stats) bool { return preempts(s) && accepts(s) }},
		{name: "speculative", o: engine.Options{PromptLookup: lookup}, told: accepts},
		{name: "speculative, long guesses", o: engine.Options{PromptLookup: engine.PromptLookup{Tokens: 16, MinNGram: 2, MaxNGram: 3}, BlockSize: 3, Blocks: 300}, told: accepts},
		{name: "a watermark", o: with(small, func(o *engine.Options) { o.Watermark = 0.2 })},
		{name: "evictions from the cache", o: engine.Options{BlockSize: 2, Blocks: 128, MaxSequences: 3}, told: func(s engine.Stats) bool { return s.Evictions > 0 && hits(s) }},
	}
	variants = append(variants,
		variant{name: "two ranks, watched", ranks: true, watch: engine.Watch{Attention: true}},
		variant{name: "two ranks, preemption, speculative", ranks: true, o: with(small, func(o *engine.Options) { o.PromptLookup = lookup }), told: preempts})
	for _, size := range []int{1, 2, 3, 5, 8, 13, 16, 24, 32} {
		variants = append(variants, variant{name: fmt.Sprintf("blocks of %d", size), o: engine.Options{BlockSize: size, Blocks: 1200 / size}})
	}
	for _, chunk := range []int{1, 5, 17, 64} {
		variants = append(variants, variant{name: fmt.Sprintf("chunks of %d", chunk), o: engine.Options{MaxBatchTokens: chunk}})
	}
	for _, policy := range []engine.Policy{engine.FirstComeFirstServed, engine.Priority, engine.StaticBatching, engine.OneAtATime} {
		for _, memory := range []engine.Memory{engine.Paged, engine.Contiguous, engine.NoCache} {
			v := variant{name: fmt.Sprintf("%v, %v", policy, memory), o: engine.Options{Policy: policy, Memory: memory, Blocks: 60, BlockSize: 8, MaxSequences: 5}}
			if policy == engine.StaticBatching {
				v.told = pads
			}
			variants = append(variants, v)
			v.name += ", tight"
			v.o.Blocks, v.o.MaxBatchTokens, v.o.PromptLookup = 20, 24, lookup
			variants = append(variants, v)
		}
	}
	for i, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			var b backend.Backend = cpu.New(1 + i%3)
			if v.ranks {
				b = twoRanks(t)
			}
			e := tiny(t, b, v.o)
			watched := slices.Clone(requests)
			for i := range watched {
				watched[i].Watch = v.watch
			}
			for round := range 2 {
				got := answers(t, e, watched)
				for i := range want {
					for k := range want[i] {
						if !slices.Equal(got[i][k], want[i][k]) {
							t.Errorf("round %d: output %d of request %d drew %v, want %v", round, k, i, got[i][k], want[i][k])
						}
					}
				}
			}
			s := idle(t, e)
			if s.HeldBlocks != 0 || s.FilledSlots != 0 {
				t.Errorf("all have finished, and %d blocks with %d tokens are held", s.HeldBlocks, s.FilledSlots)
			}
			if v.told != nil && !v.told(s) {
				t.Errorf("the variant does not do what it is about: %+v", s)
			}
		})
	}
}

// Where the engine rests it takes other options, and the answers stay.
func TestConfigure(t *testing.T) {
	requests := jobs()
	e := tiny(t, cpu.New(2), engine.Options{})
	want := answers(t, e, requests)
	h := add(t, e, engine.Request{Prompt: requests[0].Prompt, Params: greedy(8), Hold: true})
	first := collect(t, h).ids
	ctx := t.Context()
	for _, o := range []engine.Options{
		{Policy: engine.StaticBatching, MaxSequences: 4},
		{Memory: engine.Contiguous, Blocks: 40},
		{Memory: engine.NoCache, Policy: engine.OneAtATime},
		{Blocks: 64, BlockSize: 4, Policy: engine.Priority},
		{DisablePrefixCaching: true, PromptLookup: engine.PromptLookup{Tokens: 2}},
		{},
	} {
		if err := e.Configure(ctx, o); err != nil {
			t.Fatal(err)
		}
		if got := e.Options(); got.Policy != o.Policy || got.Memory != o.Memory || o.Blocks != 0 && e.Pool().Blocks != o.Blocks {
			t.Errorf("the options are %+v, want %+v", got, o)
		}
		got := answers(t, e, requests)
		for i := range want {
			for k := range want[i] {
				if !slices.Equal(got[i][k], want[i][k]) {
					t.Errorf("%+v: output %d of request %d drew %v, want %v", o, k, i, got[i][k], want[i][k])
				}
			}
		}
		// What is held goes on, computed anew where it has to be.
		if err := h.Rewind(len(requests[0].Prompt) + 3); err != nil {
			t.Fatal(err)
		}
		if err := h.Resume(); err != nil {
			t.Fatal(err)
		}
		collect(t, h)
		if rest := collect(t, h).ids; !slices.Equal(rest, first[3:]) {
			t.Errorf("%+v: the held request went on with %v, want %v", o, rest, first[3:])
		}
		idle(t, e)
	}
	if err := e.Configure(ctx, engine.Options{Blocks: 1, BlockSize: 4}); err == nil {
		t.Error("the memory was made smaller than what is held")
	}
	if err := e.Configure(ctx, engine.Options{Policy: 77}); err == nil {
		t.Error("a policy that there is not was taken")
	}
	if err := e.Configure(ctx, engine.Options{Observer: &engine.Observer{}}); err == nil {
		t.Error("another observer was taken")
	}
	if err := e.AllowSteps(ctx, 0); err != nil {
		t.Fatal(err)
	}
	busy := add(t, e, engine.Request{Prompt: []int32{1}, Params: greedy(200)})
	if err := e.Configure(ctx, engine.Options{}); !errors.Is(err, engine.ErrBusy) {
		t.Errorf("with a request that waits: %v, want ErrBusy", err)
	}
	if err := busy.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := e.Configure(ctx, engine.Options{}); err != nil {
		t.Errorf("after it was aborted: %v", err)
	}
}
