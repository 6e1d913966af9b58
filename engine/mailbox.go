package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"unsafe"

	"vitrine/engine/sampler"
)

// ErrReleased is returned for a handle whose request was released.
var ErrReleased = errors.New("engine: the request was released")

// ErrClosed is returned once the engine is closed.
var ErrClosed = errors.New("engine: closed")

// maxVisuals bounds the events for the eye that wait for a slow reader. It is
// more than there are sorts of them.
const maxVisuals = 16

// mailbox carries a request's events from the engine's goroutine to its
// reader. Putting never blocks. Tokens and states are kept until they are
// read, and while there are too many the engine makes no more ([mailbox.full]).
// Events for the eye are bounded; the oldest goes that one of its own sort
// follows, so that the last of each is there when the reader comes.
type mailbox struct {
	mu      sync.Mutex
	queue   []Event // those before read were read, and their memory is used again
	read    int
	limit   int              // of unread, see Options.MaxUnread
	unread  int              // bytes of the events that are not for the eye
	drained signal           // when the box is not full any more
	visuals [visualSorts]int // events for the eye among them
	dropped uint64
	closed  error
	ready   signal // while something waits to be read
}

func newMailbox(limit int, drained signal) *mailbox {
	return &mailbox{limit: limit, ready: newSignal(), drained: drained}
}

// bytes is about the memory that an event takes.
func (e *Event) bytes() int {
	const entry = int(unsafe.Sizeof(sampler.TokenLogProb{}))
	n := int(unsafe.Sizeof(*e)) + len(e.Text) + len(e.Reason) + entry*len(e.Result.TopLogProbs)
	for i := range e.Prompt {
		n += int(unsafe.Sizeof(e.Prompt[i])) + entry*len(e.Prompt[i].Top)
	}
	return n
}

// full says whether the reader has so much to read that he shall get no more.
func (m *mailbox) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unread > m.limit
}

// A visualSort is a sort of events for the eye. Steps of a prompt are one of
// their own: there is one of them for hundreds of an answer's.
type visualSort int

const (
	visualStep visualSort = iota
	visualPromptStep
	visualAttention
	visualLogits
	visualSorts
)

// visual is the sort of an event for the eye; ok is false for others.
func (e *Event) visual() (sort visualSort, ok bool) {
	switch e.Kind {
	case EventStep:
		if e.Step.Computed > 1 {
			return visualPromptStep, true
		}
		return visualStep, true
	case EventAttention:
		return visualAttention, true
	case EventLogits:
		return visualLogits, true
	}
	return 0, false
}

func (m *mailbox) put(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock() // after a panic too: the request's end has to be put here
	if sort, ok := e.visual(); ok {
		m.visuals[sort]++
		waiting := 0
		for _, n := range m.visuals {
			waiting += n
		}
		if waiting > maxVisuals {
			m.dropVisual()
		}
		e.Dropped = m.dropped
	} else {
		m.unread += e.bytes()
	}
	if len(m.queue) == cap(m.queue) && m.read > len(m.queue)/2 {
		n := copy(m.queue, m.unreadEvents())
		clear(m.queue[n:]) // lets go of their memory
		m.queue, m.read = m.queue[:n], 0
	}
	m.queue = append(m.queue, e)
	m.ready.wake()
}

// unreadEvents are those that wait for the reader.
func (m *mailbox) unreadEvents() []Event { return m.queue[m.read:] }

// dropVisual drops the oldest event for the eye that is not the last of its sort.
func (m *mailbox) dropVisual() {
	for i := m.read; i < len(m.queue); i++ {
		if sort, ok := m.queue[i].visual(); ok && m.visuals[sort] > 1 {
			m.queue = slices.Delete(m.queue, i, i+1)
			m.visuals[sort]--
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
	m.ready.wake()
}

// signal wakes one who waits, once for however many times.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) wake() {
	select {
	case s <- struct{}{}:
	default:
	}
}

func (m *mailbox) next(ctx context.Context) (Event, error) {
	for {
		m.mu.Lock()
		if m.read < len(m.queue) {
			e := m.queue[m.read]
			m.queue[m.read] = Event{} // lets go of its memory
			m.read++
			if m.read == len(m.queue) {
				m.queue, m.read = m.queue[:0], 0
			}
			was := m.unread
			if sort, ok := e.visual(); ok {
				m.visuals[sort]--
			} else {
				m.unread -= e.bytes()
			}
			drained := was > m.limit && m.unread <= m.limit
			m.mu.Unlock()
			if drained {
				m.drained.wake()
			}
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
