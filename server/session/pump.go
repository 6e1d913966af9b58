package session

import (
	"context"
	"time"

	"vitrine/engine"
)

// event is an event of the engine and when it arrived.
type event struct {
	engine.Event
	at time.Time
}

// A pump carries a request's events from the engine to the session's owner.
// It can be stopped at a clean cut: after [pump.drain] the owner has seen
// everything that the request emitted, so that what is emitted after a rewind
// cannot be mistaken for what was emitted before it.
type pump struct {
	handle *engine.Handle
	events chan event // closed when the pump ends
	cancel context.CancelFunc
}

func startPump(h *engine.Handle) *pump {
	ctx, cancel := context.WithCancel(context.Background())
	p := &pump{handle: h, events: make(chan event), cancel: cancel}
	go func() {
		defer close(p.events)
		defer cancel()
		for {
			e, err := h.Next(ctx)
			if err != nil {
				return
			}
			p.events <- event{e, time.Now()} // the owner reads until it is closed
		}
	}()
	return p
}

// drain stops the pump and gives f every event that is left, in order.
func (p *pump) drain(f func(event)) {
	p.cancel()
	for e := range p.events {
		f(e)
	}
	emptyMailbox(p.handle, f)
}

// emptyMailbox gives f every event of h that waits to be read. No pump may be
// running.
func emptyMailbox(h *engine.Handle, f func(event)) {
	// With a context that is over, Next returns what is there and does not wait.
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		e, err := h.Next(over)
		if err != nil {
			return
		}
		f(event{e, time.Now()})
	}
}
