package session

import (
	"sync"

	"vitrine/server/socket"
	"vitrine/visualizer/wire"
)

const (
	// maxQueuedBytes bounds the ordered part of an outbox. The largest single
	// answer, one head's matrix of 2,048 tokens, takes 8 MiB.
	maxQueuedBytes = 64 << 20
	// roomBytes is the fill below which the query worker adds another answer.
	roomBytes = 4 << 20
	// maxAttentionBytes bounds the attention rows that are gathered into one
	// frame while the page is busy.
	maxAttentionBytes = 4 << 20
)

// An outbox holds what one connection has yet to be sent: an ordered queue
// that loses nothing, and behind it the latest of each sort of visual frame.
// Frames are encoded when they are queued or, the visual ones, when they leave.
type outbox struct {
	mu     sync.Mutex
	queue  [][]byte
	bytes  int // in queue
	status *wire.Status
	step   *wire.Step
	rows   *wire.AttentionRows
	logits *wire.Logits
	// prompt and timing are the times of the latest step that read a prompt, and of
	// the latest that did not: a long answer must not hide its prompt.
	prompt, timing *wire.Timing
	// blocks makes the pending Blocks frame when it is about to leave, so that
	// every change up to then is in it; nil if there is none to send.
	blocks   func() *wire.Blocks
	dropped  uint64 // visual frames that gave way to a later one
	overflow bool   // the queue's bound was passed
	resting  bool   // the page asked to be told of all at once, a little later
	closed   bool   // nothing more is taken
	wake     chan struct{}
	drained  chan struct{}
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

// push queues a frame that must arrive. It reports false if the outbox is
// closed or the bound is passed; then the connection is to be given up.
func (o *outbox) push(f wire.Frame) bool {
	b := wire.AppendFrame(nil, f)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.overflow {
		return false
	}
	if o.bytes+len(b) > maxQueuedBytes {
		o.overflow = true
		return false
	}
	o.queue = append(o.queue, b)
	o.bytes += len(b)
	socket.Signal(o.wake)
	return true
}

// update runs f under the lock and wakes the writer.
func (o *outbox) update(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		f()
		socket.Signal(o.wake)
	}
}

// offerStatus replaces the status that is waiting. A status is not counted as
// a dropped visual frame: only the last one has a meaning.
func (o *outbox) offerStatus(s wire.Status) { o.update(func() { o.status = &s }) }

// rest says whether frames wait because the page asked for that. What gives way
// to a later one meanwhile was not dropped because the page is slow.
func (o *outbox) rest(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.resting = on
}

// offerStep replaces the step that is waiting.
func (o *outbox) offerStep(s wire.Step) {
	o.update(func() {
		if o.step != nil && !o.resting {
			o.dropped++
		}
		o.step = &s
	})
}

// offerLogits replaces the logits that are waiting.
func (o *outbox) offerLogits(l wire.Logits) {
	o.update(func() {
		if o.logits != nil && !o.resting {
			o.dropped++
		}
		o.logits = &l
	})
}

// offerTiming replaces the times that are waiting of a step of the same sort.
func (o *outbox) offerTiming(t wire.Timing) {
	o.update(func() {
		place := &o.timing
		if t.Batch > t.Requests {
			place = &o.prompt
		}
		if *place != nil && !o.resting {
			o.dropped++
		}
		*place = &t
	})
}

// offerAttention adds rows to those that are waiting if they follow them, and
// replaces them otherwise: the page asks again for rows that it misses.
func (o *outbox) offerAttention(rows wire.AttentionRows) {
	o.update(func() {
		if w := o.rows; w != nil {
			follows := w.Branch == rows.Branch && w.From+uint32(w.Rows) == rows.From
			if follows && len(w.Values)+len(rows.Values) <= maxAttentionBytes && int(w.Rows)+int(rows.Rows) <= 1<<16-1 {
				w.Values = append(w.Values, rows.Values...)
				w.Rows += rows.Rows
				return
			}
			o.dropped++
		}
		// The values are copied on growth only: the engine hands each slice over.
		o.rows = &rows
	})
}

// offerBlocks leaves word that the pool has changed; the function is asked for the
// frame when the writer gets to it and may return nil.
func (o *outbox) offerBlocks(frame func() *wire.Blocks) { o.update(func() { o.blocks = frame }) }

// discardVisuals forgets visual frames of positions that the session has just
// dropped, so that they cannot follow the frame that says so.
func (o *outbox) discardVisuals() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.step, o.rows, o.logits, o.prompt, o.timing = nil, nil, nil, nil, nil
}

// visualsDropped is the number of visual frames that gave way so far.
func (o *outbox) visualsDropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// pop takes the next encoded frame: the queue first, then the visual frames.
func (o *outbox) pop() (b []byte, ok bool) {
	o.mu.Lock()
	if len(o.queue) > 0 {
		b = o.queue[0]
		o.queue[0] = nil
		o.queue = o.queue[1:]
		before := o.bytes
		o.bytes -= len(b)
		if before > roomBytes && o.bytes <= roomBytes || len(o.queue) == 0 {
			socket.Signal(o.drained)
		}
		o.mu.Unlock()
		return b, true
	}
	var f wire.Frame
	var blocks func() *wire.Blocks
	switch {
	case o.status != nil:
		f, o.status = o.status, nil
	case o.step != nil:
		f, o.step = o.step, nil
	case o.rows != nil:
		f, o.rows = o.rows, nil
	case o.logits != nil:
		f, o.logits = o.logits, nil
	case o.prompt != nil:
		f, o.prompt = o.prompt, nil
	case o.timing != nil:
		f, o.timing = o.timing, nil
	case o.blocks != nil:
		blocks, o.blocks = o.blocks, nil
	}
	o.mu.Unlock()
	// Outside the lock: the pool has its own, and calls offerBlocks under it.
	if blocks != nil {
		if made := blocks(); made != nil {
			f = made
		}
	}
	if f == nil {
		return nil, false
	}
	return wire.AppendFrame(nil, f), true
}

// room reports whether another large answer may be queued.
func (o *outbox) room() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes <= roomBytes
}

// isClosed reports whether nothing more is taken.
func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// close takes nothing more; what is queued may still be popped.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		o.status, o.step, o.rows, o.logits, o.prompt, o.timing, o.blocks = nil, nil, nil, nil, nil, nil, nil
		socket.Signal(o.wake)
		socket.Signal(o.drained)
	}
}
