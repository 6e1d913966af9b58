package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/engine"
)

// The memory is measured once the engine has rested, and a request disturbs it.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, begin := newRest(), time.Now()
		at := func(after time.Duration, request uint32, state engine.State) {
			time.AfterFunc(after, func() { r.state(engine.StateInfo{Request: request, State: state}) })
		}
		at(1*time.Second, 1, engine.Waiting)
		at(2*time.Second, 2, engine.Prefill)
		at(3*time.Second, 1, engine.Paused)
		at(9*time.Second, 2, engine.FinishedStopped)
		at(13*time.Second, 2, engine.Running)
		quiet, done, err := r.wait(t.Context(), restTime)
		if passed := time.Since(begin); err != nil || passed < 11*time.Second || passed >= 13*time.Second {
			t.Fatalf("rested after %v, %v; want 2 s after the last request ended", passed, err)
		}
		<-quiet.Done()
		if passed := time.Since(begin); passed != 13*time.Second || !errors.Is(context.Cause(quiet), errBusy) {
			t.Errorf("disturbed after %v by %v", passed, context.Cause(quiet))
		}
		done()

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := r.wait(ctx, restTime); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("rested while a request ran: %v", err)
		}
	})
}

// When the server stops in the middle of a measurement, nobody begins another.
func TestRestEndsWithItsContext(t *testing.T) {
	r := newRest()
	r.since = time.Now().Add(-time.Hour)
	ctx, stop := context.WithCancel(t.Context())
	quiet, done, err := r.wait(ctx, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if quiet.Err() == nil {
		t.Error("the rest goes on when the server stops")
	}
	done()
	if _, _, err := r.wait(ctx, time.Second); err == nil {
		t.Error("a rest began after the server had stopped")
	}
}
