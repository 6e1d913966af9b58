package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/structured"
)

// logged is a log that can be read.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newLog() (*logged, *slog.Logger) {
	l := &logged{}
	return l, slog.New(slog.NewTextHandler(l, nil))
}

// A panic in the work for one request ends that request, all outputs of it, with an
// error that says so, gives its blocks back, and is logged with the stack. Those beside it
// get the same tokens as ever.
func TestAPanicEndsOneRequest(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	others := make([]engine.Request, 3)
	for i := range others {
		others[i] = engine.Request{Prompt: prompt(r, 9), Params: greedy(12)}
	}
	others[2].Params.Temperature, others[2].Params.Seed, others[2].Params.HasSeed = 1, 8, true
	plain := tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true})
	var want [][]int32
	for _, q := range others {
		want = append(want, collect(t, add(t, plain, q)).ids)
	}
	for _, c := range []struct {
		what  string
		alone bool // nobody is beside it: then a draw is not made ahead
		n     int
		after int // steps before it breaks
		stack string
	}{
		{"sampling", true, 1, 0, "engine.(*sequence).history"},
		{"sampling", false, 1, 0, "engine.(*sequence).history"},
		{"sampling", false, 1, 3, "engine.(*sequence).history"},
		{"sampling", false, 3, 0, "engine.(*sequence).history"},
		{"sampling", false, 3, 3, "engine.(*sequence).history"},
		{"grammar", false, 1, 0, "structured.(*Matcher)"},
		{"grammar", true, 1, 2, "structured.(*Matcher)"},
		{"scoring", false, 1, 0, "engine.(*Engine).score"},
	} {
		for _, o := range []engine.Options{{BlockSize: 4, MaxBatchTokens: 16}, {Memory: engine.NoCache}, {Policy: engine.StaticBatching}} {
			t.Run(fmt.Sprintf("%s, %v, n %d, after %d, %v, %v", c.what, c.alone, c.n, c.after, o.Policy, o.Memory), func(t *testing.T) {
				var log *logged
				log, o.Log = newLog()
				e := tiny(t, cpu.New(2), o)
				allow := func(n int) {
					if err := e.AllowSteps(t.Context(), n); err != nil {
						t.Fatal(err)
					}
				}
				allow(0)
				q := engine.Request{Prompt: prompt(r, 10), Params: greedy(20)}
				if q.Params.N = c.n; c.n > 1 {
					q.Params.Temperature = 1
				}
				if c.what == "grammar" {
					var err error
					if q.Structured, err = e.Structured().Compile(structured.Spec{Regex: "[a-z]{30}"}); err != nil {
						t.Fatal(err)
					}
				}
				q.Params.HasPromptLogProbs = c.what == "scoring"
				victim := add(t, e, q)
				var beside []*engine.Handle
				if !c.alone {
					for _, q := range others {
						beside = append(beside, add(t, e, q))
					}
				}
				if c.after > 0 {
					allow(c.after)
					for e.Stats().Steps < uint64(c.after) {
						runtime.Gosched()
					}
				}
				if err := e.Break(victim.ID(), c.what); err != nil {
					t.Fatal(err)
				}
				allow(-1)
				for i, a := range collectAll(t, victim, c.n) {
					if a.state != engine.FinishedAborted || !strings.Contains(a.reason, "internal error: ") || !strings.Contains(a.reason, "panic: ") {
						t.Errorf("output %d ends %v: %q", i, a.state, a.reason)
					}
				}
				for i, h := range beside {
					if a := collect(t, h); a.state != engine.FinishedLength || !slices.Equal(a.ids, want[i]) {
						t.Errorf("beside it, %d ends %v with %v, want %v", i, a.state, a.ids, want[i])
					}
				}
				if s := idle(t, e); s.HeldBlocks != 0 || s.Finished.Abort != uint64(c.n) && c.after > 0 {
					t.Errorf("afterwards: %+v", s)
				}
				if got := log.String(); !strings.Contains(got, c.stack) {
					t.Errorf("the log has not the stack with %s: %s", c.stack, got)
				}
				// And those who come later.
				for i, q := range others {
					if a := collect(t, add(t, e, q)); !slices.Equal(a.ids, want[i]) {
						t.Errorf("later, %d drew %v, want %v", i, a.ids, want[i])
					}
				}
			})
		}
	}
}

// A panic in a beam search ends the search alone.
func TestAPanicInABeamSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 4))
	q := engine.BeamRequest{Prompt: prompt(r, 9), Width: 3, MaxTokens: 5, LengthPenalty: 1, IgnoreEOS: true}
	log, logger := newLog()
	e := tiny(t, cpu.New(2), engine.Options{BlockSize: 4, Log: logger})
	want := search(t, e, q)
	beside := engine.Request{Prompt: prompt(r, 7), Params: greedy(20)}
	tokens := collect(t, add(t, e, beside)).ids
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	h := add(t, e, beside)
	go func() {
		_, err := e.BeamSearch(t.Context(), q)
		ended <- err
	}()
	for e.Stats().Waiting < 2 {
		runtime.Gosched()
	}
	if err := e.Break(h.ID()+1, "beams"); err != nil {
		t.Fatal(err)
	}
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	var failed *engine.Panic
	if err := <-ended; !errors.As(err, &failed) || !strings.Contains(err.Error(), "internal error: ") {
		t.Errorf("the search ends with %v", err)
	}
	if got := collect(t, h).ids; !slices.Equal(got, tokens) {
		t.Errorf("beside it %v were drawn, want %v", got, tokens)
	}
	if s := idle(t, e); s.HeldBlocks != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	if !strings.Contains(log.String(), "advanceBeams") {
		t.Errorf("the log has not the stack: %s", log)
	}
	if got := search(t, e, q); !slices.EqualFunc(got, want, func(a, b engine.Beam) bool { return slices.Equal(a.Tokens, b.Tokens) }) {
		t.Errorf("later %+v are found, want %+v", got, want)
	}
}

// faulty is a backend of which an operation panics when it is told to.
type faulty struct {
	*cpu.Backend
	op    string
	after int // of so many of these operations
}

func (f *faulty) reach(op string) {
	if f.op == op {
		if f.after--; f.after < 0 {
			f.op = ""
			panic("a faulty " + op)
		}
	}
}

func (f *faulty) RMSNorm(dst, x backend.Tensor, w backend.Weight, eps float32, n int) {
	f.reach("RMSNorm")
	f.Backend.RMSNorm(dst, x, w, eps, n)
}

func (f *faulty) MatMul(x backend.Tensor, n int, products ...backend.Product) {
	f.reach("MatMul")
	f.Backend.MatMul(x, n, products...)
}

func (f *faulty) StoreKV(c backend.KVCache, layer int, k, v backend.Tensor, slots []int32) {
	f.reach("StoreKV")
	f.Backend.StoreKV(c, layer, k, v, slots)
}

func (f *faulty) CopyKV(c backend.KVCache, dst, src int) {
	f.reach("CopyKV")
	f.Backend.CopyKV(c, dst, src)
}

func (f *faulty) Attention(dst, q backend.Tensor, c backend.KVCache, a *backend.Attention) {
	f.reach("Attention")
	f.Backend.Attention(dst, q, c, a)
}

// A panic in the midst of a step ends the requests of the step. Who is paused or waits goes
// on, a call that meets one returns it, and what comes later is computed right.
func TestAPanicInAStep(t *testing.T) {
	for _, ranks := range []int{1, 2} {
		for _, op := range []string{"RMSNorm", "MatMul", "StoreKV", "Attention"} {
			for after := range 3 {
				t.Run(fmt.Sprintf("%d ranks, %s %d", ranks, op, after), func(t *testing.T) { panicInAStep(t, ranks, op, after) })
			}
		}
	}
}

func panicInAStep(t *testing.T, ranks int, op string, after int) {
	bad := &faulty{Backend: cpu.New(1)}
	var b backend.Backend = bad
	if ranks > 1 {
		var err error
		if b, err = parallel.New(cpu.New(1), bad); err != nil {
			t.Fatal(err)
		}
	}
	log, logger := newLog()
	e := tiny(t, b, engine.Options{BlockSize: 4, MaxSequences: 2, Log: logger})
	r := rand.New(rand.NewPCG(6, 4))
	request := func(n int) engine.Request { return engine.Request{Prompt: prompt(r, 9), Params: greedy(n)} }
	q := request(15)
	want := collect(t, add(t, e, q)).ids
	if err := e.ResetPrefixCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	held := q
	held.Hold, held.Paused = true, true
	paused := add(t, e, held)
	collect(t, paused)
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	first, second, waits := add(t, e, request(15)), add(t, e, request(15)), add(t, e, q)
	bad.op, bad.after = op, after // the engine stands still
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*engine.Handle{first, second} {
		if a := collect(t, h); a.state != engine.FinishedAborted || !strings.Contains(a.reason, "computing a step: panic: a faulty "+op) {
			t.Errorf("a request of the step ends %v: %q", a.state, a.reason)
		}
	}
	if got := collect(t, waits).ids; !slices.Equal(got, want) {
		t.Errorf("who waited drew %v, want %v", got, want)
	}
	if err := paused.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, paused).ids; !slices.Equal(got, want) {
		t.Errorf("who was paused drew %v, want %v", got, want)
	}
	if !strings.Contains(log.String(), "faulty") {
		t.Errorf("the log has not the stack: %s", log)
	}

	// A look into the held one.
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	bad.op, bad.after = op, after
	var failed *engine.Panic
	if _, err := paused.Probe(t.Context(), engine.Probe{From: 2, Count: 6, Logits: true}); !errors.As(err, &failed) || !strings.Contains(err.Error(), "a call about a request: panic: a faulty "+op) {
		t.Errorf("a probe that panics: %v", err)
	}
	if _, err := paused.Probe(t.Context(), engine.Probe{From: 2, Count: 6, Logits: true}); err != nil {
		t.Errorf("the next probe: %v", err)
	}
	if err := paused.Release(); err != nil {
		t.Fatal(err)
	}
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, add(t, e, q)).ids; !slices.Equal(got, want) {
		t.Errorf("later %v were drawn, want %v", got, want)
	}
	if s := idle(t, e); s.HeldBlocks != 0 {
		t.Errorf("afterwards: %+v", s)
	}
}

// A panic in a call is the call's error; the request that it is about ends with it.
func TestAPanicInACall(t *testing.T) {
	log, logger := newLog()
	e := tiny(t, cpu.New(1), engine.Options{Log: logger})
	var failed *engine.Panic
	if _, err := e.Add(t.Context(), engine.Request{Prompt: []int32{1}, Params: greedy(1), Structured: new(structured.Constraint)}); !errors.As(err, &failed) {
		t.Errorf("a constraint that is none: %v", err)
	}
	form, err := e.Structured().Compile(structured.Spec{Regex: "[a-z]{30}"})
	if err != nil {
		t.Fatal(err)
	}
	h := add(t, e, engine.Request{Prompt: []int32{1}, Params: greedy(9), Paused: true, Structured: form})
	collect(t, h)
	if err := e.Break(h.ID(), "grammar"); err != nil {
		t.Fatal(err)
	}
	if err := h.Append([]int32{'a'}, true); !errors.As(err, &failed) {
		t.Errorf("tokens that are appended: %v", err)
	}
	if a := collect(t, h); a.state != engine.FinishedAborted || !strings.Contains(a.reason, "panic: ") {
		t.Errorf("the request ends %v: %q", a.state, a.reason)
	}
	if n := strings.Count(log.String(), "a panic was kept"); n != 2 {
		t.Errorf("%d panics are logged, want 2: %s", n, log)
	}
	if s := idle(t, e); s.HeldBlocks != 0 || s.Paused != 0 {
		t.Errorf("afterwards: %+v", s)
	}
}

// An observer that panics harms nobody.
func TestAnObserverPanics(t *testing.T) {
	log, logger := newLog()
	o := engine.Options{Log: logger, BlockSize: 4, Observer: &engine.Observer{
		Request: func(engine.RequestInfo) { panic("Request") }, State: func(engine.StateInfo) { panic("State") }, Block: func(engine.BlockInfo) { panic("Block") },
		Step: func(engine.StepInfo) { panic("Step") }, Plan: func(engine.PlanInfo) { panic("Plan") }, Prefix: func([]engine.PrefixEvent) { panic("Prefix") },
	}}
	q := engine.Request{Prompt: []int32{1, 2, 3, 4, 5}, Params: greedy(9)}
	want := collect(t, add(t, tiny(t, cpu.New(1), engine.Options{}), q)).ids
	e := tiny(t, cpu.New(1), o)
	if got := collect(t, add(t, e, q)).ids; !slices.Equal(got, want) {
		t.Errorf("drew %v, want %v", got, want)
	}
	if s := idle(t, e); s.HeldBlocks != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	for _, name := range []string{"Request", "State", "Block", "Step", "Plan", "Prefix"} {
		if !strings.Contains(log.String(), "function="+name) {
			t.Errorf("the log does not say that %s panics", name)
		}
	}
}
