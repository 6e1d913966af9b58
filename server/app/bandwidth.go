package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vitrine/engine"
	"vitrine/server/machine"
)

// restTime is how long the engine has to have rested before the memory is
// measured, so that nobody who is about to ask waits for it.
const restTime = 2 * time.Second

// bandwidthPauses lie before the measurements of the memory. One that others on the machine
// have slowed down is too small, and shares of it are too large; of several, the best
// counts.
var bandwidthPauses = []time.Duration{0, 10 * time.Second, time.Minute, 10 * time.Minute}

// measureBandwidth measures how fast memory is read, after the first page has come and
// while the engine rests.
func (a *App) measureBandwidth(ctx context.Context, threads int) {
	select {
	case <-a.sessions.Visited():
	case <-ctx.Done():
		return
	}
	err := bestBandwidth(ctx, bandwidthPauses, func(ctx context.Context) (machine.Bandwidth, error) {
		return a.rest.bandwidth(ctx, threads)
	}, func(err error) {
		a.log.Debug("one of the measurements of the memory failed", "error", err)
	}, func(b machine.Bandwidth) {
		a.log.Debug("memory is read", "bytes a second", fmt.Sprintf("%.3g", b.BytesPerSecond), "threads", b.Threads)
		a.sessions.SetBandwidth(b)
	})
	if err != nil && ctx.Err() == nil {
		a.log.Warn("how fast memory is read is not known, so pages tell no share of it", "error", err)
	}
}

// bestBandwidth measures after each of the pauses, and tells of each measurement that is
// better than all before it. One that fails is missed and left at that; the error is the
// last one's if all have failed, or the context's.
func bestBandwidth(ctx context.Context, pauses []time.Duration, measure func(context.Context) (machine.Bandwidth, error), missed func(error), tell func(machine.Bandwidth)) error {
	var best machine.Bandwidth
	var last error
	for _, pause := range pauses {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		b, err := measure(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			last = err
			missed(err)
			continue
		}
		if b.BytesPerSecond > best.BytesPerSecond {
			best = b
			tell(b)
		}
	}
	if best.BytesPerSecond > 0 {
		return nil
	}
	return last
}

// bandwidth measures how fast memory is read while the engine rests. A request that comes
// meanwhile ends the attempt, and the next quiet moment is waited for.
func (r *rest) bandwidth(ctx context.Context, threads int) (machine.Bandwidth, error) {
	for {
		quiet, done, err := r.wait(ctx, restTime)
		if err != nil {
			return machine.Bandwidth{}, err
		}
		b, err := machine.ReadBandwidth(quiet, threads, machine.Describe().MemoryBuffer())
		disturbed := quiet.Err() != nil // also if the measurement was through
		done()
		if !disturbed {
			return b, err
		}
	}
}

// errBusy is why a context of [rest.wait] ends.
var errBusy = errors.New("the engine has something to do")

// rest knows whether the engine has something to do.
type rest struct {
	mu      sync.Mutex
	active  map[uint32]struct{} // requests that wait or run
	since   time.Time           // when the last of them ended
	disturb func()              // of the one who waits; may be nil
}

func newRest() *rest { return &rest{active: map[uint32]struct{}{}, since: time.Now()} }

// state takes note of a request's state, as an [engine.Observer] is told it.
func (r *rest) state(s engine.StateInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.State.Finished() || s.State == engine.Paused {
		delete(r.active, s.Request)
		r.since = time.Now()
		return
	}
	r.active[s.Request] = struct{}{}
	if r.disturb != nil {
		r.disturb()
	}
}

// hallState is state for the requests of the hall, whose engine numbers them
// on its own.
func (r *rest) hallState(s engine.StateInfo) {
	s.Request |= 1 << 31
	r.state(s)
}

// wait waits until the engine has had nothing to do for some time. The context
// that it returns ends when the engine has something to do again, or by done.
// One may wait at a time.
func (r *rest) wait(ctx context.Context, forTime time.Duration) (quiet context.Context, done func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		r.mu.Lock()
		left := forTime - time.Since(r.since)
		if len(r.active) > 0 {
			left = forTime
		}
		if left <= 0 {
			quiet, cancel := context.WithCancelCause(ctx)
			r.disturb = func() { cancel(errBusy) }
			r.mu.Unlock()
			return quiet, func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.disturb = nil
				cancel(nil)
			}, nil
		}
		r.mu.Unlock()
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}
