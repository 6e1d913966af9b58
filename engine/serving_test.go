package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/kvcache"
)

// What an observer is told adds up to the figures.
func TestObserverAndStats(t *testing.T) {
	var (
		mu       sync.Mutex
		requests = map[uint32]engine.RequestInfo{}
		states   = map[uint32]engine.State{}
		blocks   = map[int32]engine.BlockInfo{}
		causes   = map[kvcache.Cause]int{}
		next     = map[uint32]int{} // the position that each request computes next
		sum      engine.Stats
	)
	o := engine.Options{BlockSize: 4, Blocks: 48, MaxBatchTokens: 32, PromptLookup: engine.PromptLookup{Tokens: 3}}
	o.Observer = &engine.Observer{
		Request: func(r engine.RequestInfo) {
			mu.Lock()
			defer mu.Unlock()
			if _, known := requests[r.Request]; known {
				t.Errorf("request %d came in twice", r.Request)
			}
			requests[r.Request] = r
			next[r.Request] = -1
		},
		State: func(s engine.StateInfo) {
			mu.Lock()
			defer mu.Unlock()
			states[s.Request] = s.State
			if s.State == engine.Preempted {
				sum.Preemptions++
				next[s.Request] = -1
				if s.Reason == "" {
					t.Error("a preemption has no reason")
				}
			}
		},
		Block: func(b engine.BlockInfo) {
			mu.Lock()
			defer mu.Unlock()
			blocks[b.Block] = b
			causes[b.Cause]++
		},
		Plan: func(p engine.PlanInfo) {
			mu.Lock()
			defer mu.Unlock()
			sum.Steps++
			if p.Number != sum.Steps || p.Duration <= 0 || p.Begin.IsZero() || len(p.Parts) == 0 {
				t.Errorf("step %d is told as %+v", sum.Steps, p)
			}
			for _, part := range p.Parts {
				sum.ComputedTokens += uint64(part.Count)
				sum.GenerationTokens += uint64(part.Drawn)
				sum.Drafted += uint64(part.Drafted)
				if part.Drafted > 0 {
					sum.Accepted += uint64(part.Drawn - 1)
				}
				if part.Count == 0 {
					continue // forked off: its first token was drawn with another's logits
				}
				if at := next[part.Request]; at >= 0 && part.First != at {
					t.Errorf("request %d computes from position %d on, want %d", part.Request, part.First, at)
				}
				if part.Cached > 0 && part.First != part.Cached {
					t.Errorf("request %d begins at %d behind %d cached tokens", part.Request, part.First, part.Cached)
				}
				next[part.Request] = part.First + part.Count
				if part.Drafted > 0 {
					next[part.Request] = part.First + part.Drawn
				}
			}
		},
	}
	e := tiny(t, cpu.New(2), o)
	answers(t, e, jobs())
	got := idle(t, e)
	mu.Lock()
	defer mu.Unlock()
	if got.Steps != sum.Steps || got.ComputedTokens != sum.ComputedTokens || got.GenerationTokens != sum.GenerationTokens ||
		got.Drafted != sum.Drafted || got.Accepted != sum.Accepted || got.Preemptions != sum.Preemptions {
		t.Errorf("the figures are %+v, the observer was told %+v", got, sum)
	}
	prompts, outputs := 0, 0
	for id, r := range requests {
		if !states[id].Finished() || requests[r.First].Index != 0 {
			t.Errorf("request %+v was last %v", r, states[id])
		}
		outputs++
		if r.Index == 0 {
			prompts += r.Prompt
		}
	}
	if int(got.PromptTokens) != prompts {
		t.Errorf("%d tokens of prompts were counted, want %d", got.PromptTokens, prompts)
	}
	if int(got.Finished.Length) != outputs || got.Finished.Stop+got.Finished.Abort != 0 {
		t.Errorf("%+v finished, want %d by their length", got.Finished, outputs)
	}
	held, cached := 0, 0
	orders := map[uint64]bool{}
	for _, b := range blocks {
		if b.Refs > 0 {
			held++
		} else if b.Hashed {
			cached++
		}
		if (b.Order == 0) != (b.Refs > 0) || b.Order > 0 && orders[b.Order] {
			t.Errorf("block %+v has no place of its own in the free queue", b)
		}
		orders[b.Order] = true
	}
	if held != got.HeldBlocks || cached != got.CachedBlocks || got.Blocks != 48 || cached == 0 {
		t.Errorf("%d blocks are held and %d cached, the figures say %+v", held, cached, got)
	}
	for _, c := range []kvcache.Cause{kvcache.Taken, kvcache.Filled, kvcache.Hashed, kvcache.Hit, kvcache.Forked, kvcache.Copied, kvcache.Left, kvcache.Evicted} {
		if causes[c] == 0 {
			t.Errorf("no block was %v", c)
		}
	}
	if uint64(causes[kvcache.Evicted]) != got.Evictions {
		t.Errorf("%d evictions were told, the figures say %d", causes[kvcache.Evicted], got.Evictions)
	}
}

// The queue's bound holds for requests that come together, and those that belong
// together come in whole or not at all.
func TestAddAll(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	some := func(n int) []engine.Request {
		return slices.Repeat([]engine.Request{{Prompt: []int32{1, 2, 3}, Params: greedy(2)}}, n)
	}
	var wg sync.WaitGroup
	var taken, refused atomic.Int64
	for range 20 {
		wg.Go(func() {
			handles, err := e.AddAll(t.Context(), some(2), 9)
			var full *engine.QueueFullError
			switch {
			case err == nil:
				taken.Add(int64(len(handles)))
			case errors.As(err, &full) && full.Waiting == 8 && full.Max == 9:
				refused.Add(1)
			default:
				t.Errorf("it is refused: %v", err)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 8 || refused.Load() != 16 || e.Stats().Waiting != 8 {
		t.Errorf("%d were taken and %d pairs refused, %d wait; want 8, 16 and 8", taken.Load(), refused.Load(), e.Stats().Waiting)
	}
	// One that is wrong keeps out those with it.
	bad := some(3)
	bad[2].Prompt = nil
	var wrong *engine.RequestError
	if handles, err := e.AddAll(t.Context(), bad, 0); !errors.As(err, &wrong) || wrong.Field != "prompt" || handles != nil || e.Stats().Waiting != 8 {
		t.Errorf("%d of them were taken (%v), %d wait", len(handles), err, e.Stats().Waiting)
	}
	// Without a bound there is none.
	handles, err := e.AddAll(t.Context(), some(3), 0)
	if err != nil || len(handles) != 3 || e.Stats().Waiting != 11 {
		t.Fatalf("%d were taken (%v), %d wait", len(handles), err, e.Stats().Waiting)
	}
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, handles[2]); len(a.ids) != 2 {
		t.Errorf("the last one answers %v", a.ids)
	}
}

// Prompts that begin alike are computed once, but for the last token at the
// least; who has another salt finds nothing; what is scored is computed.
func TestPrefixCache(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 8})
	r := rand.New(rand.NewPCG(8, 8))
	ids := prompt(r, 48)
	run := func(q engine.Request) (answer, uint64) {
		before := e.Stats().PrefixHits
		a := collect(t, add(t, e, q))
		return a, e.Stats().PrefixHits - before
	}
	first, hits := run(engine.Request{Prompt: ids, Params: greedy(5)})
	if hits != 0 {
		t.Errorf("the first request hit %d tokens of an empty cache", hits)
	}
	scored := greedy(5)
	scored.HasPromptLogProbs = true
	for _, c := range []struct {
		name string
		q    engine.Request
		hits uint64
	}{
		{"the same prompt, all but its last block", engine.Request{Prompt: ids, Params: greedy(5)}, 40},
		{"a longer one", engine.Request{Prompt: append(slices.Clone(ids), 1, 2, 3), Params: greedy(5)}, 48},
		{"one that differs in its third block", engine.Request{Prompt: append(slices.Clone(ids[:20]), slices.Repeat([]int32{7}, 28)...), Params: greedy(5)}, 16},
		{"another salt", engine.Request{Prompt: ids, Params: greedy(5), CacheSalt: "a"}, 0},
		{"the same salt again", engine.Request{Prompt: ids, Params: greedy(5), CacheSalt: "a"}, 40},
		{"and another", engine.Request{Prompt: ids, Params: greedy(5), CacheSalt: "b"}, 0},
		{"its attention is watched", engine.Request{Prompt: ids, Params: greedy(5), Watch: engine.Watch{Attention: true}}, 0},
		{"its prompt is scored", engine.Request{Prompt: ids, Params: scored}, 0},
	} {
		a, hits := run(c.q)
		if hits != c.hits {
			t.Errorf("%s: %d tokens were found, want %d", c.name, hits, c.hits)
		}
		if slices.Equal(c.q.Prompt, ids) && !slices.Equal(a.ids, first.ids) {
			t.Errorf("%s: it drew %v, want %v", c.name, a.ids, first.ids)
		}
		for _, ev := range a.events {
			if ev.Kind == engine.EventToken && ev.Step.Cached != int(c.hits) {
				t.Errorf("%s: a token tells of %d cached ones, want %d", c.name, ev.Step.Cached, c.hits)
			}
		}
	}
	// What an answer said is found by the next turn.
	longer := append(slices.Concat(ids, first.ids), prompt(r, 20)...)
	whole, _ := run(engine.Request{Prompt: longer, Params: greedy(4)})
	again, hits := run(engine.Request{Prompt: slices.Concat(longer, whole.ids, []int32{5}), Params: greedy(4)})
	if want := uint64((len(longer) + 3) / 8 * 8); hits != want || len(again.ids) != 4 {
		t.Errorf("the next turn found %d tokens, want %d", hits, want)
	}
	if err := e.ResetPrefixCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, hits := run(engine.Request{Prompt: ids, Params: greedy(5)}); hits != 0 {
		t.Errorf("%d tokens were found in a cache that was emptied", hits)
	}
	// The blocks go back a moment after the answer's end is told.
	for deadline := time.Now().Add(time.Minute); e.Stats().CachedBlocks == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is cached any more")
		}
	}
}

// Evictions are counted since the engine began, whatever pools it has had.
func TestEvictionsStayCounted(t *testing.T) {
	_, logger := newLog()
	o := engine.Options{BlockSize: 4, Blocks: 12, Log: logger}
	e := tiny(t, cpu.New(1), o)
	r := rand.New(rand.NewPCG(3, 14))
	evict := func(what string, before uint64) uint64 {
		for range 4 {
			collect(t, add(t, e, engine.Request{Prompt: prompt(r, 32), Params: greedy(3)}))
		}
		n := idle(t, e).Evictions
		if n <= before {
			t.Errorf("%s: %d evictions, before that %d", what, n, before)
		}
		return n
	}
	n := evict("the first pool", 0)
	o.Blocks = 14
	if err := e.Configure(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := e.Stats().Evictions; got < n {
		t.Errorf("another size of memory: %d evictions, before that %d", got, n)
	}
	n = evict("the second pool", n)
	if err := e.BreakEngine("pool", 3); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, add(t, e, engine.Request{Prompt: prompt(r, 32), Params: greedy(3)})); a.state != engine.FinishedAborted {
		t.Errorf("the request in a broken pool ends %v: the test shows less than it should", a.state)
	}
	if got := idle(t, e).Evictions; got < n {
		t.Errorf("a pool that was renewed: %d evictions, before that %d", got, n)
	}
	evict("the third pool", n)
}

// Requests that come in together with the same long beginning are computed
// as one that came first and the rests of the others.
func TestSharedPromptIsComputedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	system := prompt(r, 160)
	var requests []engine.Request
	for range 16 {
		requests = append(requests, engine.Request{Prompt: append(slices.Clone(system), prompt(r, 8)...), Params: greedy(2)})
	}
	computed := func(o engine.Options) uint64 {
		e := tiny(t, cpu.New(2), o)
		answers(t, e, requests)
		return e.Stats().ComputedTokens
	}
	o := engine.Options{MaxBatchTokens: 160}
	on := computed(o)
	o.DisablePrefixCaching = true
	if off := computed(o); off < 5*on {
		t.Errorf("%d tokens were computed with the prefix cache and %d without, want 5 times as many", on, off)
	}
}

// What contiguous reservation wastes paging does not, and holds more requests
// at a time in the same memory.
func TestPagingHoldsMore(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	var requests []engine.Request
	for range 24 {
		q := engine.Request{Prompt: prompt(r, 4+r.IntN(12)), Params: greedy(200)}
		q.Params.Stop = nil
		q.Params.IgnoreEOS = true
		q.Params.StopTokenIDs = prompt(r, 12) // ends somewhere long before max_tokens
		requests = append(requests, q)
	}
	most := func(m engine.Memory) (running int, waste float64) {
		var e *engine.Engine
		var held, filled int
		o := engine.Options{Memory: m, BlockSize: 4, Blocks: 128, DisablePrefixCaching: true}
		o.Observer = &engine.Observer{Plan: func(p engine.PlanInfo) {
			running = max(running, len(p.Parts))
			s := e.Stats() // of the step before
			held, filled = held+s.HeldBlocks*4, filled+s.FilledSlots
		}}
		e = tiny(t, cpu.New(1), o)
		addAll(t, e, requests...)
		deadline := time.Now().Add(time.Minute)
		for s := e.Stats(); s.Running+s.Waiting > 0; s = e.Stats() {
			if time.Now().After(deadline) {
				t.Fatalf("after a minute: %+v", s)
			}
			time.Sleep(time.Millisecond)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return running, 1 - float64(filled)/float64(held)
	}
	paged, wastedPaged := most(engine.Paged)
	contiguous, wastedContiguous := most(engine.Contiguous)
	t.Logf("paged: %d requests at a time, %.1f %% wasted; contiguous: %d, %.1f %%", paged, 100*wastedPaged, contiguous, 100*wastedContiguous)
	if paged < 3*contiguous {
		t.Errorf("%d requests at a time paged, %d contiguous; want 3 times as many", paged, contiguous)
	}
	if wastedContiguous < 0.6 || wastedPaged > wastedContiguous/4 {
		t.Errorf("%.2f of the memory is wasted paged, %.2f contiguous", wastedPaged, wastedContiguous)
	}
}

// Requests that cannot all stay preempt one another a few times, not at every
// step: who comes in stays until somebody who was there before needs his memory.
func TestNoPreemptionLoop(t *testing.T) {
	for _, policy := range []engine.Policy{engine.FirstComeFirstServed, engine.Priority} {
		e := tiny(t, cpu.New(1), engine.Options{BlockSize: 2, Blocks: 60, MaxBatchTokens: 8, Policy: policy, DisablePrefixCaching: true})
		r := rand.New(rand.NewPCG(11, 11))
		var requests []engine.Request
		tokens := 0
		for range 12 {
			requests = append(requests, engine.Request{Prompt: prompt(r, 30), Params: greedy(50)})
			tokens += 80
		}
		answers(t, e, requests)
		s := idle(t, e)
		if s.Preemptions == 0 || s.Preemptions > 2*12 {
			t.Errorf("%v: %d preemptions of 12 requests, want a few", policy, s.Preemptions)
		}
		if s.ComputedTokens > 3*uint64(tokens) {
			t.Errorf("%v: %d tokens were computed for %d", policy, s.ComputedTokens, tokens)
		}
	}
}

// A reader who does not read holds his own request back, not the memory of the
// process and not the others; when he reads again he has missed nothing.
func TestSlowReader(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Blocks: 64, MaxBatchTokens: 64, MaxUnread: 64 << 10})
	p := greedy(200)
	want := collect(t, add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: p})).ids
	p.LogProbs = -1 // 320 entries a token
	ctx := t.Context()
	slow := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: p})
	held := func() int {
		s, err := slow.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(s.Tokens)
	}
	deadline := time.Now().Add(30 * time.Second)
	for last, same := 0, 0; same < 3; {
		if time.Now().After(deadline) {
			t.Fatal("the engine goes on and on")
		}
		if n := held(); n == last && n > 3 {
			same++
		} else {
			last, same = n, 0
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := held(); n > 40 {
		t.Errorf("%d tokens were drawn for somebody who read none", n)
	}
	// Others run, and may take his blocks: this one needs nearly all.
	if n := len(collect(t, add(t, e, engine.Request{Prompt: make([]int32, 100), Params: greedy(150)})).ids); n != 150 {
		t.Errorf("beside him %d tokens were drawn, want 150", n)
	}
	if got := collect(t, slow); !slices.Equal(got.ids, want) {
		t.Errorf("he read %v in the end, want %v", got.ids, want)
	}
	idle(t, e)
	// One who never reads can be ended.
	gone := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: p})
	if err := gone.Release(); err != nil {
		t.Fatal(err)
	}
	if s := idle(t, e); s.HeldBlocks != 0 {
		t.Errorf("%d blocks are held for nobody", s.HeldBlocks)
	}
}

// broken is a backend that fails once in a while.
type broken struct {
	backend.Backend
	fail atomic.Bool
}

func (b *broken) Sync() error {
	err := b.Backend.Sync()
	if b.fail.CompareAndSwap(true, false) {
		return errors.New("the device fell off the bus")
	}
	return err
}

// A step that fails ends the requests in it, and nothing else: what it should
// have written is not found by the next one.
func TestFailedStep(t *testing.T) {
	b := &broken{Backend: ref.New()}
	e := tiny(t, b, engine.Options{BlockSize: 4})
	ids := prompt(rand.New(rand.NewPCG(12, 12)), 33)
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	h := add(t, e, engine.Request{Prompt: ids, Params: greedy(4)})
	b.fail.Store(true)
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, h); a.state != engine.FinishedAborted || a.reason != "the device fell off the bus" {
		t.Errorf("it ended as %v (%s)", a.state, a.reason)
	}
	if a := collect(t, add(t, e, engine.Request{Prompt: ids, Params: greedy(4)})); len(a.ids) != 4 {
		t.Errorf("the next one drew %d tokens", len(a.ids))
	}
	if s := idle(t, e); s.PrefixHits != 0 || s.Finished != (engine.Finished{Length: 1, Abort: 1}) {
		t.Errorf("the figures are %+v", s)
	}
}

// What can never fit is refused when it comes, by its field.
func TestNeverFits(t *testing.T) {
	for _, o := range []engine.Options{
		{BlockSize: 4, Blocks: 8},
		{BlockSize: 4, Blocks: 8, Memory: engine.Contiguous},
		{BlockSize: 4, Blocks: 8, Policy: engine.StaticBatching},
	} {
		e := tiny(t, cpu.New(1), o)
		var bad *engine.RequestError
		if _, err := e.Add(t.Context(), engine.Request{Prompt: make([]int32, 32), Params: greedy(1)}); !errors.As(err, &bad) || bad.Field != "prompt" {
			t.Errorf("a prompt as long as the memory: %v", err)
		}
		// What fits just so runs to the end of the memory, however much it asked for.
		a := collect(t, add(t, e, engine.Request{Prompt: make([]int32, 31), Params: greedy(100)}))
		if len(a.ids) != 1 || a.reason != "context" {
			t.Errorf("a prompt of 31 tokens drew %d, ended by %s", len(a.ids), a.reason)
		}
		idle(t, e)
	}
}

// Step by step the engine does what it does at once.
func TestAllowSteps(t *testing.T) {
	var steps atomic.Int64
	e := tiny(t, cpu.New(1), engine.Options{MaxBatchTokens: 8, Observer: &engine.Observer{Plan: func(engine.PlanInfo) { steps.Add(1) }}})
	ctx := t.Context()
	if err := e.AllowSteps(ctx, 0); err != nil {
		t.Fatal(err)
	}
	h := add(t, e, engine.Request{Prompt: make([]int32, 20), Params: greedy(3), Hold: true})
	for i, computed := range []int{8, 16, 20, 21, 22} {
		if s, err := h.Snapshot(ctx); err != nil || int(steps.Load()) != i || s.Computed == computed {
			t.Fatalf("before step %d: %d steps, %d tokens computed (%v)", i+1, steps.Load(), s.Computed, err)
		}
		if err := e.AllowSteps(ctx, 1); err != nil {
			t.Fatal(err)
		}
		wait, cancel := context.WithTimeout(ctx, 30*time.Second)
		for s, err := h.Snapshot(wait); s.Computed != computed; s, err = h.Snapshot(wait) {
			if err != nil {
				t.Fatalf("step %d has not computed %d tokens: %d (%v)", i+1, computed, s.Computed, err)
			}
		}
		cancel()
	}
	if a := collect(t, h); len(a.ids) != 3 {
		t.Errorf("%d tokens, want 3", len(a.ids))
	}
}

// Priorities decide who is served first.
func TestPriorityOrder(t *testing.T) {
	priorities := map[uint32]int{}
	var order []int
	e := tiny(t, cpu.New(1), engine.Options{Policy: engine.Priority, MaxSequences: 1, Observer: &engine.Observer{
		Request: func(r engine.RequestInfo) { priorities[r.Request] = r.Priority },
		State: func(s engine.StateInfo) {
			if s.State.Finished() {
				order = append(order, priorities[s.Request])
			}
		},
	}})
	var requests []engine.Request
	for _, priority := range []int{3, 1, 2, 1} {
		requests = append(requests, engine.Request{Prompt: []int32{1, 2}, Params: greedy(20), Priority: priority})
	}
	for _, h := range addAll(t, e, requests...) {
		collect(t, h)
	}
	if err := e.Close(); err != nil { // the observer has ended with it
		t.Fatal(err)
	}
	if want := []int{1, 1, 2, 3}; !slices.Equal(order, want) {
		t.Errorf("they ended in the order %v of their priorities, want %v", order, want)
	}
}

// Who comes last and is served first finds in the prefix cache what is there, however many
// wait before it.
func TestPriorityFindsPrefixes(t *testing.T) {
	var cached []int // of the requests in the order in which they are served
	e := tiny(t, cpu.New(1), engine.Options{Policy: engine.Priority, MaxSequences: 1, BlockSize: 8, Observer: &engine.Observer{
		Plan: func(p engine.PlanInfo) {
			for _, part := range p.Parts {
				if part.Prefill {
					cached = append(cached, part.Cached)
				}
			}
		},
	}})
	r := rand.New(rand.NewPCG(12, 45))
	known := prompt(r, 48)
	collect(t, add(t, e, engine.Request{Prompt: known, Params: greedy(2)}))
	requests := []engine.Request{{Prompt: prompt(r, 24), Params: greedy(2), Priority: 2}, {Prompt: prompt(r, 24), Params: greedy(2), Priority: 3}, {Prompt: known, Params: greedy(2), Priority: 1}}
	for _, h := range addAll(t, e, requests...) {
		collect(t, h)
	}
	if err := e.Close(); err != nil { // the observer has ended with it
		t.Fatal(err)
	}
	if want := []int{0, 40, 0, 0}; !slices.Equal(cached, want) {
		t.Errorf("the cache gave them %v tokens, want %v", cached, want)
	}
}

// Bad options are refused.
func TestBadOptions(t *testing.T) {
	for _, o := range []engine.Options{
		{Policy: 9}, {Memory: 9}, {MaxBatchTokens: -1}, {MaxSequences: -1}, {MaxUnread: -1}, {Blocks: -1}, {BlockSize: -1}, {BlockSize: 1 << 20},
		{PromptLookup: engine.PromptLookup{Tokens: -1}}, {PromptLookup: engine.PromptLookup{Tokens: 1000}},
		{PromptLookup: engine.PromptLookup{Tokens: 1, MinNGram: 3, MaxNGram: 2}}, {PromptLookup: engine.PromptLookup{Tokens: 1, MinNGram: -1}},
	} {
		m := tiny(t, ref.New(), engine.Options{}).Model()
		if e, err := engine.Start(m, tinyTokenizer(t), o); err == nil {
			t.Errorf("%+v was taken", o)
			_ = e.Close()
		}
	}
}
