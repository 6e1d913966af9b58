package socket

import (
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"vitrine/visualizer/wire"
)

// A Source is what a connection sends. Its methods may be called from the writer's
// goroutine while others fill and close it.
type Source interface {
	// Take takes the next message; ok is false if none waits.
	Take() (message []byte, ok bool)
	// Closed says how the connection is to be closed when nothing is left to be taken;
	// closed is false while there may be more.
	Closed() (how Close, closed bool)
	// Wake has something in it when there may be a message, or when the source was closed.
	Wake() <-chan struct{}
	// Pace is the least time between two messages. What comes about in between is sent
	// together, in a [wire.Bundle]; with 0 each message is sent at once.
	Pace() time.Duration
	// Rest is told when messages begin and end to wait for the pace.
	Rest(on bool)
	// Hurry has something in it when what waits for the pace is to be sent now: the pace
	// is another one, or something came that a reader waits for.
	Hurry() <-chan struct{}
}

// Close is how a connection is closed.
type Close struct {
	Code   int    // one of this package's, or from 4000 on the program's own
	Reason string // is cut to at most 123 bytes, between two characters
}

// Serve runs the connection: read, which calls [Conn.Next] and closes the source before
// it returns, and beside it a writer that sends what the source has. It returns when both
// have ended. The error says why the page could not be written to.
func (c *Conn) Serve(from Source, read func()) error {
	written := make(chan error, 1)
	go func() { written <- c.write(from) }()
	read()
	err := <-written
	c.Cut()
	return err
}

// write sends what the source has, and pings, until the source is closed and empty or
// the page does not read in time. Then the reader ends too.
func (c *Conn) write(from Source) error {
	ping := time.NewTicker(c.options.PingInterval)
	defer ping.Stop()
	var sent time.Time
	for {
		rest(from, sent)
		select { // whatever was to hurry is gathered now
		case <-from.Hurry():
		default:
		}
		how, closed := from.Closed() // before Take: nothing comes after it is closed
		if message, ok := gather(from); ok {
			if err := c.send(message); err != nil {
				c.Cut()
				return err
			}
			sent = time.Now()
			continue
		}
		if closed {
			c.sayClose(how)
			return nil
		}
		select {
		case <-from.Wake():
		case <-ping.C:
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.options.WriteTimeout)); err != nil {
				c.Cut()
				return err
			}
		}
	}
}

// rest lets the time go by that the page wants between two messages, unless something
// is to hurry.
func rest(from Source, sent time.Time) {
	left := from.Pace() - time.Since(sent)
	if left <= 0 {
		return
	}
	from.Rest(true)
	timer := time.NewTimer(left)
	select {
	case <-timer.C:
	case <-from.Hurry():
	}
	timer.Stop()
	from.Rest(false)
}

// gather takes what is to be sent next: one message, or all that wait if the page
// wants them together.
func gather(from Source) (message []byte, ok bool) {
	message, ok = from.Take()
	if !ok || from.Pace() == 0 {
		return message, ok
	}
	together := wire.Bundle{Frames: [][]byte{message}}
	for size := len(message); size < maxBundle; size += len(message) {
		if message, ok = from.Take(); !ok {
			break
		}
		together.Frames = append(together.Frames, message)
	}
	if len(together.Frames) == 1 {
		return together.Frames[0], true
	}
	return wire.AppendFrame(nil, &together), true
}

func (c *Conn) send(message []byte) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(c.options.WriteTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.BinaryMessage, message)
}

// sayClose sends the close and gives the page a moment to answer it.
func (c *Conn) sayClose(how Close) {
	c.closing.Store(true)
	deadline := time.Now().Add(closeTimeout)
	message := websocket.FormatCloseMessage(how.Code, shortened(how.Reason))
	if err := c.ws.WriteControl(websocket.CloseMessage, message, deadline); err != nil {
		c.Cut()
		return
	}
	_ = c.ws.SetReadDeadline(deadline) // fails only where the reader has ended already
}

// shortened is the beginning of a reason that a close has room for.
func shortened(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(reason[end]) { // RFC 6455 wants valid UTF-8
		end--
	}
	return reason[:end]
}
