package engine

import (
	"context"
	"errors"
	"sync"
)

// ErrReleased is returned for a handle whose request was released.
var ErrReleased = errors.New("engine: the request was released")

// ErrClosed is returned once the engine is closed.
var ErrClosed = errors.New("engine: closed")

// maxVisuals bounds the events for the eye that wait for a slow reader.
const maxVisuals = 16

// mailbox carries a request's events from the engine's goroutine to its
// reader. Putting never blocks. Tokens and states are kept until they are
// read: an output has at most as many as its context has positions between
// two calls of the request's owner. Events for the eye are bounded; the oldest goes.
type mailbox struct {
	mu      sync.Mutex
	events  []Event
	visuals int // events for the eye among them
	dropped uint64
	closed  error
	ready   chan struct{} // has an element while something waits to be read
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (k EventKind) visual() bool { return k >= EventStep }

func (m *mailbox) put(e Event) {
	m.mu.Lock()
	if e.Kind.visual() {
		if m.visuals == maxVisuals {
			m.dropOldestVisual()
		}
		m.visuals++
		e.Dropped = m.dropped
	}
	m.events = append(m.events, e)
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) dropOldestVisual() {
	for i := range m.events {
		if m.events[i].Kind.visual() {
			m.events = append(m.events[:i], m.events[i+1:]...)
			m.visuals--
			m.dropped++
			return
		}
	}
}

// close makes next return err once what is there has been read.
func (m *mailbox) close(err error) {
	m.mu.Lock()
	if m.closed == nil {
		m.closed = err
	}
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) wake() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *mailbox) next(ctx context.Context) (Event, error) {
	for {
		m.mu.Lock()
		if len(m.events) > 0 {
			e := m.events[0]
			m.events[0] = Event{} // lets go of its memory
			m.events = m.events[1:]
			if e.Kind.visual() {
				m.visuals--
			}
			m.mu.Unlock()
			return e, nil
		}
		closed := m.closed
		m.mu.Unlock()
		if closed != nil {
			return Event{}, closed
		}
		select {
		case <-m.ready:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}
