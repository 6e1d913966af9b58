package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
)

// breakableEngine is an engine with requests: two are added while it stands still, and one is
// paused behind its prompt, which has blocks.
type breakableEngine struct {
	*engine.Engine
	log     *logged
	backend *faulty
	request func() engine.Request // each with a prompt of its own, that begins like the others
	want    func(engine.Request) []int32
	paused  *engine.Handle
	told    []int32 // what the paused one draws
	refs    map[int32]int
}

func breakable(t *testing.T, o engine.Options) *breakableEngine {
	t.Helper()
	b := &breakableEngine{backend: &faulty{Backend: cpu.New(1)}, refs: map[int32]int{}}
	var mu sync.Mutex
	o.BlockSize = 4
	b.log, o.Log = newLog()
	o.Observer = &engine.Observer{Block: func(i engine.BlockInfo) {
		mu.Lock()
		defer mu.Unlock()
		b.refs[i.Block] = i.Refs
	}}
	b.Engine = tiny(t, b.backend, o)
	r := rand.New(rand.NewPCG(12, 4))
	head := prompt(r, 9)
	b.request = func() engine.Request {
		return engine.Request{Prompt: append(slices.Clone(head), prompt(r, 5)...), Params: greedy(12)}
	}
	plain := tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true})
	b.want = func(q engine.Request) []int32 {
		q.Paused, q.Hold = false, false
		return collect(t, add(t, plain, q)).ids
	}
	q := b.request()
	q.Paused, q.Hold = true, true
	b.paused, b.told = add(t, b.Engine, q), b.want(q)
	collect(t, b.paused)
	b.allow(t, 0)
	return b
}

func (b *breakableEngine) allow(t *testing.T, n int) {
	t.Helper()
	if err := b.AllowSteps(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// aborted holds that a request ends with a panic in what is named.
func aborted(t *testing.T, h *engine.Handle, n int, what string) {
	t.Helper()
	for i, a := range collectAll(t, h, n) {
		if a.state != engine.FinishedAborted || !strings.Contains(a.reason, "internal error: ") || !strings.Contains(a.reason, what) {
			t.Errorf("output %d ends %v: %q, want a panic in %s", i, a.state, a.reason, what)
		}
	}
}

// goesOn holds that who was paused, and who comes later, draw what they should, and that
// nothing is left behind.
func (b *breakableEngine) goesOn(t *testing.T) {
	t.Helper()
	if _, err := b.CheckPool(); err != nil {
		t.Fatal(err)
	}
	b.allow(t, -1)
	if err := b.paused.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, b.paused).ids; !slices.Equal(got, b.told) {
		t.Errorf("who was paused drew %v, want %v", got, b.told)
	}
	for range 3 {
		q := b.request()
		if got, want := collect(t, add(t, b.Engine, q)).ids, b.want(q); !slices.Equal(got, want) {
			t.Errorf("later %v were drawn, want %v", got, want)
		}
	}
	if err := b.paused.Release(); err != nil {
		t.Fatal(err)
	}
	if s := idle(t, b.Engine); s.HeldBlocks != 0 || s.Paused != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	for block, refs := range b.refs {
		if refs != 0 {
			t.Errorf("the observer believes that %d hold block %d", refs, block)
		}
	}
}

// A panic where tokens are guessed ends the request that they are guessed for.
func TestAPanicInDrafts(t *testing.T) {
	b := breakable(t, engine.Options{PromptLookup: engine.PromptLookup{Tokens: 3}})
	q := b.request()
	victim, beside := add(t, b.Engine, b.request()), add(t, b.Engine, q)
	b.allow(t, 2)
	within(t, "three steps", func() bool { return b.Stats().Steps >= 3 })
	if err := b.Break(victim.ID(), "drafts"); err != nil {
		t.Fatal(err)
	}
	b.allow(t, -1)
	aborted(t, victim, 1, "guessing tokens: panic: ")
	if got, want := collect(t, beside).ids, b.want(q); !slices.Equal(got, want) {
		t.Errorf("beside it %v were drawn, want %v", got, want)
	}
	b.goesOn(t)
}

// A panic where a block is copied ends the request that writes to the copy, all outputs of it.
func TestAPanicInACopy(t *testing.T) {
	for after := range 2 {
		b := breakable(t, engine.Options{})
		fork, q := b.request(), b.request()
		fork.Params.N, fork.Params.Temperature = 3, 1
		victim, beside := add(t, b.Engine, fork), add(t, b.Engine, q)
		b.backend.op, b.backend.after = "CopyKV", after // the engine stands still
		b.allow(t, -1)
		aborted(t, victim, 3, "copying a block: panic: a faulty CopyKV")
		if got, want := collect(t, beside).ids, b.want(q); !slices.Equal(got, want) {
			t.Errorf("beside it %v were drawn, want %v", got, want)
		}
		b.goesOn(t)
	}
}

// A panic of the scheduler ends who runs and waits. Nobody else is harmed.
func TestAPanicInTheScheduler(t *testing.T) {
	for _, policy := range []engine.Policy{engine.FirstComeFirstServed, engine.Priority, engine.StaticBatching, engine.OneAtATime} {
		b := breakable(t, engine.Options{Policy: policy})
		first, second := add(t, b.Engine, b.request()), add(t, b.Engine, b.request())
		if err := b.BreakEngine("scheduler", 0); err != nil {
			t.Fatal(err)
		}
		b.allow(t, -1)
		aborted(t, first, 1, "a step: panic: a faulty scheduler")
		aborted(t, second, 1, "a step: panic: a faulty scheduler")
		b.goesOn(t)
	}
}

// A panic that leaves the pool of blocks half done ends who runs and waits. A new
// pool serves those who were paused and those who come later.
func TestAPanicInThePool(t *testing.T) {
	for after := range 8 {
		t.Run(fmt.Sprintf("in a step, after %d", after), func(t *testing.T) {
			b := breakable(t, engine.Options{})
			first, second := add(t, b.Engine, b.request()), add(t, b.Engine, b.request())
			if err := b.BreakEngine("pool", after); err != nil {
				t.Fatal(err)
			}
			b.allow(t, -1)
			aborted(t, first, 1, "panic: a faulty pool")
			aborted(t, second, 1, "panic: a faulty pool")
			b.goesOn(t)
		})
	}
	for name, call := range map[string]func(h *engine.Handle) error{
		"rewind":  func(h *engine.Handle) error { return h.Rewind(2) },
		"fork":    func(h *engine.Handle) error { _, err := h.Fork(); return err },
		"release": (*engine.Handle).Release,
	} {
		t.Run("in a call: "+name, func(t *testing.T) {
			b := breakable(t, engine.Options{})
			waits := add(t, b.Engine, b.request())
			other := b.request()
			other.Hold, other.Paused = true, true
			b.allow(t, -1)
			victim := add(t, b.Engine, other)
			collect(t, victim)
			collect(t, waits)
			if err := b.BreakEngine("pool", 0); err != nil {
				t.Fatal(err)
			}
			var failed *engine.Panic
			if err := call(victim); !errors.As(err, &failed) || failed.Value != "a faulty pool" {
				t.Errorf("%v", err)
			}
			if err := victim.Release(); err != nil && !errors.Is(err, engine.ErrReleased) {
				t.Error(err)
			}
			b.goesOn(t)
		})
	}
}

// Requests that belong together come in all, or none does.
func TestAPanicInAddAll(t *testing.T) {
	for after := range 3 {
		b := breakable(t, engine.Options{})
		if err := b.BreakEngine("intake", after); err != nil {
			t.Fatal(err)
		}
		var failed *engine.Panic
		handles, err := b.AddAll(t.Context(), []engine.Request{b.request(), b.request(), b.request()}, 0)
		if !errors.As(err, &failed) || failed.Value != "a faulty intake" || handles != nil {
			t.Errorf("after %d: %d handles and %v", after, len(handles), err)
		}
		if s := b.Stats(); s.Running+s.Waiting != 0 || s.Finished != (engine.Finished{}) {
			t.Errorf("after %d some have come in: %+v", after, s)
		}
		b.goesOn(t)
	}
}

// An engine that cannot go on says so to all, and keeps nobody waiting.
func TestAPanicThatEndsTheEngine(t *testing.T) {
	b := breakable(t, engine.Options{})
	h := add(t, b.Engine, b.request())
	found := make(chan error, 1)
	go func() {
		_, err := b.BeamSearch(t.Context(), engine.BeamRequest{Prompt: []int32{1, 2, 3}, Width: 2, MaxTokens: 4, LengthPenalty: 1})
		found <- err
	}()
	within(t, "two that wait", func() bool { return b.Stats().Waiting >= 2 })
	if err := b.BreakEngine("pool for good", 0); err != nil {
		t.Fatal(err)
	}
	if err := b.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	told := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, engine.ErrClosed) || !strings.Contains(err.Error(), "internal error: ") || !strings.Contains(err.Error(), "a faulty pool") {
			t.Errorf("%s: %v, want that a panic has closed the engine", what, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, h := range []*engine.Handle{h, b.paused} {
		for {
			if _, err := h.Next(ctx); err != nil {
				told("a request", err)
				break
			}
		}
	}
	told("a search", <-found)
	_, err := b.Add(ctx, b.request())
	told("a new request", err)
	told("a call", b.paused.Resume())
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(b.log.String(), "a panic ends the engine") {
		t.Errorf("the log does not say it: %s", b.log)
	}
}

// What is counted as aborted is what was asked for and did not come to its end: neither
// a fork that was only set aside nor an answer that had finished.
func TestWhatCountsAsAborted(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	q := engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(4), Hold: true}
	release := func(h *engine.Handle) {
		t.Helper()
		if err := h.Release(); err != nil {
			t.Fatal(err)
		}
	}
	fork := func(h *engine.Handle) *engine.Handle {
		t.Helper()
		f, err := h.Fork()
		if err != nil {
			t.Fatal(err)
		}
		if a := collect(t, f); a.state != engine.Paused {
			t.Errorf("a fork is %v, want paused", a.state)
		}
		return f
	}
	h := add(t, e, q)
	collect(t, h)
	idle, goesOn, drops := fork(h), fork(h), fork(h)
	release(idle) // nobody let it go on
	if err := goesOn.Resume(); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, goesOn); a.state != engine.FinishedLength || len(a.ids) != 4 {
		t.Errorf("a fork ends %v with %v", a.state, a.ids)
	}
	if err := goesOn.Rewind(5); err != nil { // and is left so
		t.Fatal(err)
	}
	release(goesOn)
	if err := drops.Step(1); err != nil {
		t.Fatal(err)
	}
	collect(t, drops) // it pauses
	release(drops)    // in the midst of an answer
	release(h)
	if got, want := e.Stats().Finished, (engine.Finished{Length: 2, Abort: 1}); got != want {
		t.Errorf("%+v were counted, want %+v", got, want)
	}
}

// within waits until something holds, for ten seconds at most.
func within(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s", what)
		}
	}
}
