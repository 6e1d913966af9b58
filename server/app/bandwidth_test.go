package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vitrine/engine"
	"vitrine/server/machine"
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

// Of several measurements the best counts, and only better ones are told. One that fails
// does not end them.
func TestBestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		rates, told, at := []float64{30e9, 0, 33e9, 31e9}, []float64{}, []time.Duration{}
		failed := 0
		missed := func(error) { failed++ }
		failure := errors.New("no memory")
		measure := func(context.Context) (machine.Bandwidth, error) {
			if len(rates) == 0 {
				return machine.Bandwidth{}, failure
			}
			b := machine.Bandwidth{Threads: 2, Bytes: 1 << 28, BytesPerSecond: rates[0]}
			rates = rates[1:]
			if b.BytesPerSecond == 0 {
				return machine.Bandwidth{}, failure
			}
			return b, nil
		}
		tell := func(b machine.Bandwidth) {
			told, at = append(told, b.BytesPerSecond), append(at, time.Since(begin))
		}
		if err := bestBandwidth(t.Context(), bandwidthPauses, measure, missed, tell); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, []float64{30e9, 33e9}) || !slices.Equal(at, []time.Duration{0, 70 * time.Second}) {
			t.Errorf("%v were told after %v", told, at)
		}
		if failed != 1 {
			t.Errorf("%d measurements were missed, want the second alone", failed)
		}
		if err := bestBandwidth(t.Context(), bandwidthPauses, measure, missed, tell); !errors.Is(err, failure) || failed != 1+len(bandwidthPauses) {
			t.Errorf("measurements that all fail: %v, %d of them", err, failed-1)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := bestBandwidth(ctx, []time.Duration{time.Hour}, measure, missed, tell); !errors.Is(err, context.Canceled) {
			t.Errorf("a server that stops: %v", err)
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
