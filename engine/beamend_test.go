package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
)

// standing is an engine that stands still, with searches that it has taken in; their numbers
// are 1 and so on. What they end by comes from the channel.
func standing(t *testing.T, requests ...engine.BeamRequest) (*engine.Engine, <-chan error) {
	t.Helper()
	_, logger := newLog()
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Log: logger})
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		all, err := e.BeamSearchAll(ctx, requests, 0)
		for i, beams := range all {
			if len(beams) != requests[i].Width {
				t.Errorf("search %d finds %d beams, want %d", i, len(beams), requests[i].Width)
			}
		}
		ended <- err
	}()
	within(t, "the searches", func() bool { return e.Stats().Waiting == len(requests) })
	return e, ended
}

// steps lets an engine make so many steps more.
func steps(t *testing.T, e *engine.Engine, n int) {
	t.Helper()
	want := e.Stats().Steps + uint64(n)
	if err := e.AllowSteps(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	within(t, "steps", func() bool { return e.Stats().Steps == want })
}

// A panic where a search's tokens are made text fails the search, and leaves nothing behind.
func TestAPanicInABeamsText(t *testing.T) {
	e, ended := standing(t, engine.BeamRequest{Prompt: prompt(rand.New(rand.NewPCG(5, 4)), 9), Width: 1, MaxTokens: 3, IgnoreEOS: true})
	steps(t, e, 2)
	if err := e.Break(1, "decoding"); err != nil {
		t.Fatal(err)
	}
	steps(t, e, 1)
	var failed *engine.Panic
	if err := <-ended; !errors.As(err, &failed) {
		t.Errorf("the search ends with %v", err)
	}
	if s := idle(t, e); s.Paused != 0 || s.Finished != (engine.Finished{Abort: 1}) {
		t.Errorf("afterwards: %+v", s)
	}
	drained(t, e)
}

// Between two steps the beams of a search stand in the queue. They are none of those who
// wait for their turn, and keep nobody out.
func TestBeamsUnderWayDoNotWait(t *testing.T) {
	const width = 4
	q := engine.BeamRequest{Prompt: prompt(rand.New(rand.NewPCG(6, 4)), 9), Width: width, MaxTokens: 5, IgnoreEOS: true}
	e, ended := standing(t, q)
	var full *engine.QueueFullError
	if _, err := e.AddAll(t.Context(), []engine.Request{{Prompt: q.Prompt, Params: greedy(3)}}, 1); !errors.As(err, &full) {
		t.Errorf("behind a search that has not begun: %v", err)
	}
	steps(t, e, 1)
	if s := e.Stats(); s.Running != width || s.Waiting != 0 {
		t.Errorf("%d run and %d wait, want %d and 0", s.Running, s.Waiting, width)
	}
	handles, err := e.AddAll(t.Context(), []engine.Request{{Prompt: q.Prompt, Params: greedy(3)}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if s := e.Stats(); s.Running != width || s.Waiting != 1 {
		t.Errorf("%d run and %d wait, want %d and 1", s.Running, s.Waiting, width)
	}
	if _, err := e.BeamSearchAll(t.Context(), []engine.BeamRequest{q}, 1); !errors.As(err, &full) || full.Waiting != 1 {
		t.Errorf("a search behind it: %v", err)
	}
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := collect(t, handles[0]).ids; len(got) != 3 {
		t.Errorf("beside it %v were drawn", got)
	}
	idle(t, e)
	drained(t, e)
}

// Where one of the searches that belong together fails, the others end at once.
func TestSearchesFailTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 4))
	e, ended := standing(t,
		engine.BeamRequest{Prompt: prompt(r, 9), Width: 3, MaxTokens: 50, IgnoreEOS: true},
		engine.BeamRequest{Prompt: prompt(r, 5), Width: 2, MaxTokens: 50, IgnoreEOS: true},
	)
	if err := e.Break(2, "beams"); err != nil {
		t.Fatal(err)
	}
	steps(t, e, 1) // and no more
	var failed *engine.Panic
	if err := <-ended; !errors.As(err, &failed) {
		t.Errorf("the searches end with %v", err)
	}
	if s := idle(t, e); s.Paused != 0 {
		t.Errorf("afterwards: %+v", s)
	}
	drained(t, e)
}
