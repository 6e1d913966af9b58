package engine_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
)

// Where an answer repeats itself, guesses save steps, and it stops where it
// stops without them: after so many tokens, at a token, at a string, after
// single steps.
func TestPromptLookup(t *testing.T) {
	plain := tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true})
	guessing := tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true, PromptLookup: engine.PromptLookup{Tokens: 5}})
	ids := slices.Repeat(prompt(rand.New(rand.NewPCG(13, 13)), 6), 5)
	q := engine.Request{Prompt: ids, Params: greedy(120)}
	q.Params.AllowedTokenIDs = []int32{'a', 'b', 'c'} // few, so that what follows is often known
	q.Params.Temperature, q.Params.Seed, q.Params.HasSeed = 0.5, 1, true
	want := collect(t, add(t, plain, q))
	got := collect(t, add(t, guessing, q))
	if !slices.Equal(got.ids, want.ids) || got.text != want.text {
		t.Errorf("with guesses it says %q, want %q", got.text, want.text)
	}
	s, without := idle(t, guessing), idle(t, plain) // a token is told before the figures are
	steps := without.Steps
	if s.Accepted == 0 || s.Accepted >= s.Drafted || s.Steps != steps-s.Accepted {
		t.Errorf("%d steps with %d of %d guesses right, want fewer than %d, one a right guess", s.Steps, s.Accepted, s.Drafted, steps)
	}
	if s.GenerationTokens != 120 || s.ComputedTokens != without.ComputedTokens+s.Drafted-s.Accepted {
		t.Errorf("%+v; without guesses %+v", s, without)
	}

	// Wherever it ends, it ends there.
	for n := 1; n < 120; n += 7 {
		short := q
		short.Params.MaxTokens = n
		if got := collect(t, add(t, guessing, short)).ids; !slices.Equal(got, want.ids[:n]) {
			t.Errorf("max_tokens %d: %d tokens", n, len(got))
		}
		stop := q
		stop.Params.Stop = []string{want.text[n : n+min(6, len(want.text)-n)]}
		a, b := collect(t, add(t, guessing, stop)), collect(t, add(t, plain, stop))
		if !slices.Equal(a.ids, b.ids) || a.text != b.text || a.state != engine.FinishedStopped {
			t.Errorf("it stops at %q behind %q (%v), want behind %q", stop.Params.Stop, a.text, a.state, b.text)
		}
	}
	q.Paused, q.Hold = true, true
	h := add(t, guessing, q)
	collect(t, h)
	var stepped []int32
	for _, n := range []int{1, 2, 5, 3, 8, 1} {
		if err := h.Step(n); err != nil {
			t.Fatal(err)
		}
		a := collect(t, h)
		if len(a.ids) != n || a.state != engine.Paused {
			t.Errorf("%d steps drew %d tokens and ended %v", n, len(a.ids), a.state)
		}
		stepped = append(stepped, a.ids...)
	}
	if !slices.Equal(stepped, want.ids[:20]) {
		t.Errorf("single steps drew %v, want %v", stepped, want.ids[:20])
	}
	idle(t, guessing)
}

// A paused request keeps its blocks while others run, preempt one another and
// end, and goes on without computing anything again.
func TestPausedKeepsItsBlocks(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Blocks: 24, DisablePrefixCaching: true})
	r := rand.New(rand.NewPCG(14, 14))
	ids := prompt(r, 30)
	h := add(t, e, engine.Request{Prompt: ids, Params: greedy(8), Paused: true})
	collect(t, h)
	if err := h.Step(2); err != nil {
		t.Fatal(err)
	}
	said := collect(t, h).ids
	before, err := h.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var others []engine.Request
	for range 4 {
		others = append(others, engine.Request{Prompt: prompt(r, 20), Params: greedy(30)})
	}
	answers(t, e, others)
	if s := e.Stats(); s.Preemptions == 0 || s.Paused != 1 {
		t.Errorf("the others fit beside it, so the test says nothing: %+v", s)
	}
	after, err := h.Snapshot(t.Context())
	if err != nil || !slices.Equal(after.Blocks, before.Blocks) || after.Computed != before.Computed {
		t.Errorf("it had blocks %v and has %v (%v)", before.Blocks, after.Blocks, err)
	}
	computed := e.Stats().ComputedTokens
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	said = append(said, collect(t, h).ids...)
	// Carried out between two steps: the one that ended it is counted.
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if n := e.Stats().ComputedTokens - computed; n != 6 || len(said) != 8 {
		t.Errorf("to go on it computed %d tokens and said %d in all, want 6 and 8", n, len(said))
	}
}
