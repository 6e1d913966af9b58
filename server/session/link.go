package session

import (
	"sync/atomic"

	"vitrine/server/machine"
	"vitrine/visualizer/wire"
)

// CloseTakenOver is the close code of a connection whose session was opened
// in another page. A page that is told so must not connect again by itself.
const CloseTakenOver = 4001

// A link ties a session to the page that watches it: a WebSocket connection
// or a recorder.
type link struct {
	out *outbox
	// hangUp ends the connection after what is queued; it may be called by any
	// goroutine, and more than once.
	hangUp func(code int, reason string)
	pace   atomic.Int64  // nanoseconds between two messages, at least; see [wire.Pace]
	hurry  chan struct{} // has something in it when what waits for the pace is to be sent now; nil for a recorder

	// Owned by the session.
	resumed bool // the page named this session
	views   wire.Views
	pool    *poolWatch
	machine machine.Bandwidth // as the page was told it
	kvRead  uint64            // and this
	remote  wire.Remote       // as the page was told it
}

// send queues a frame; a page that lets too many wait is hung up on.
func (l *link) send(f wire.Frame) {
	if !l.out.push(f) {
		l.hangUp(closeTryAgainLater, "this page does not read what it asked for")
	}
}
