package socket

import (
	"sync"
	"time"
)

// Mailbox is a [Source] that keeps the order and loses nothing: with more bytes than
// it has room for it closes itself.
type Mailbox struct {
	most int // bytes

	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	closed bool
	how    Close
	pace   time.Duration
	wake   chan struct{}
	hurry  chan struct{}
}

// NewMailbox makes a mailbox with room for so many bytes.
func NewMailbox(most int) *Mailbox {
	return &Mailbox{most: most, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// Push adds a message, unless the mailbox is closed. One too many closes it.
func (m *Mailbox) Push(message []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.queue = append(m.queue, message)
	if m.bytes += len(message); m.bytes > m.most {
		m.closed, m.how = true, Close{TryAgainLater, "this page does not read what it asked for"}
	}
	Signal(m.wake)
}

// Close takes no more messages. What is in the mailbox is still sent. Only the first
// close counts.
func (m *Mailbox) Close(how Close) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed, m.how = true, how
	}
	Signal(m.wake)
	Signal(m.hurry)
}

// SetPace sets what [Mailbox.Pace] says.
func (m *Mailbox) SetPace(pace time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pace = pace
	Signal(m.hurry)
}

// Take implements [Source].
func (m *Mailbox) Take() (message []byte, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return nil, false
	}
	message, m.queue[0] = m.queue[0], nil
	m.queue = m.queue[1:]
	m.bytes -= len(message)
	return message, true
}

// Closed implements [Source].
func (m *Mailbox) Closed() (how Close, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.how, m.closed
}

// Wake implements [Source].
func (m *Mailbox) Wake() <-chan struct{} { return m.wake }

// Pace implements [Source].
func (m *Mailbox) Pace() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pace
}

// Rest implements [Source].
func (m *Mailbox) Rest(bool) {}

// Hurry implements [Source].
func (m *Mailbox) Hurry() <-chan struct{} { return m.hurry }

// Signal puts something into a channel with room for one, unless something is in it.
func Signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
