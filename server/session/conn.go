package session

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

const (
	// maxMessageBytes bounds one command. A prompt of 2 MB must come through
	// to be refused with its number of tokens.
	maxMessageBytes = 4 << 20
	// maxBadFrames is how many messages that are no command are answered with
	// a problem before the connection is closed.
	maxBadFrames = 20
	// maxBundleBytes is the size from which on a bundle takes in no more frames.
	maxBundleBytes = 1 << 20
	// openTimeout is how long a connection may take to say Open.
	openTimeout = 10 * time.Second
	// closeTimeout is how long the page may take to answer a close.
	closeTimeout = time.Second

	closeNormal         = websocket.CloseNormalClosure
	closeGoingAway      = websocket.CloseGoingAway
	closeUnsupported    = websocket.CloseUnsupportedData
	closePolicy         = websocket.ClosePolicyViolation
	closeTryAgainLater  = websocket.CloseTryAgainLater
	closeInternal       = websocket.CloseInternalServerErr
	closeReasonMaxBytes = 123 // RFC 6455, section 5.5: 125 with the code
)

// upgrader checks the Origin as gorilla does by default: a page of another
// host is refused, a client that is no browser and sends none is let in.
// Compression is off: it gains an eighth and costs ten times the time.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: openTimeout,
	ReadBufferSize:   4 << 10,
	WriteBufferSize:  32 << 10,
}

// conn is one WebSocket. Its reader and its writer are a goroutine each.
type conn struct {
	link
	server *Server
	ws     *websocket.Conn

	entered atomic.Bool // it belongs to a session, which says goodbye
	hang    sync.Once
	code    int // of the close, with its reason; set before out is closed
	reason  string
	closing atomic.Bool // the close was sent: the read deadline stands
}

// ServeHTTP is the WebSocket endpoint. It returns when the connection ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := s.admit()
	if !ok {
		http.Error(w, "the server has no place for another connection", http.StatusServiceUnavailable)
		return
	}
	defer s.dismiss(c)
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.options.Log.Debug("session: no WebSocket", "err", err) // Upgrade has answered
		return
	}
	s.mu.Lock()
	c.ws = ws
	s.mu.Unlock()
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write()
	}()
	c.read()
	c.hangUp(closeNormal, "")
	<-written
	if err := ws.Close(); err != nil {
		s.options.Log.Debug("session: close", "err", err)
	}
}

// admit makes room for a connection. Besides those of the sessions there may
// be some that have not said Open yet, or that are being replaced.
func (s *Server) admit() (*conn, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= 2*s.options.MaxSessions+16 {
		return nil, false
	}
	c := &conn{server: s}
	c.out = newOutbox()
	c.hangUp = c.end
	s.conns[c] = struct{}{}
	s.running.Add(1)
	return c, true
}

func (s *Server) dismiss(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.running.Done()
}

// end lets the writer finish and close the connection.
func (c *conn) end(code int, reason string) {
	c.hang.Do(func() {
		c.code, c.reason = code, reason[:min(len(reason), closeReasonMaxBytes)]
		c.out.close()
	})
}

// cut closes the connection at once; the server's lock is held.
func (c *conn) cut() {
	if c.ws != nil {
		c.ws.Close()
	}
}

// read takes in what the page sends until the connection ends.
func (c *conn) read() {
	c.ws.SetReadLimit(maxMessageBytes)
	c.wait(openTimeout)
	c.ws.SetPongHandler(func(string) error { c.alive(); return nil })
	s, err := c.greet()
	if err != nil {
		return
	}
	defer func() {
		select {
		case s.detach <- &c.link:
		case <-s.done:
		}
	}()
	bad := 0
	for {
		c.alive()
		command, err := c.next()
		var reject *wire.Error
		switch {
		case errors.As(err, &reject):
			bad++
			p, _ := problemOf(err)
			c.send(p)
			if bad > maxBadFrames {
				c.hangUp(closeUnsupported, "too many messages that are no command of this page's version")
				return
			}
			continue
		case err != nil:
			return
		}
		switch command := command.(type) {
		case *wire.Ping:
			c.send(&wire.Pong{Number: command.Number})
		case *wire.Pace:
			if command.Millis > wire.MaxPace {
				p, _ := problemOf(wrong("Millis", "told.range", "N", command.Millis, "Most", wire.MaxPace))
				c.send(p)
				continue
			}
			c.link.pace.Store(int64(time.Duration(command.Millis) * time.Millisecond))
			c.pass(s, command)
		default:
			c.pass(s, command)
		}
	}
}

// pass hands a command to the session if its queue has room.
func (c *conn) pass(s *session, order wire.Command) {
	select {
	case s.commands <- command{&c.link, order}:
	default:
		p, _ := problemOf(errBusy)
		if q, ok := order.(*wire.Query); ok {
			p.Query = q.ID
		}
		c.send(p)
	}
}

// greet waits for Open and enters the session that it names.
func (c *conn) greet() (*session, error) {
	command, err := c.next()
	var reject *wire.Error
	open, ok := command.(*wire.Open)
	switch {
	case errors.As(err, &reject):
		p, _ := problemOf(err)
		c.send(p)
		c.hangUp(closeUnsupported, "the first message is no command of this page's version")
		return nil, err
	case err != nil:
		return nil, err
	case !ok:
		err := &refusal{codeBadFrame, telling.Of("told.not_open", "Kind", command.Kind())}
		p, _ := problemOf(err)
		c.send(p)
		c.hangUp(closePolicy, "the first message has to be Open")
		return nil, err
	}
	s, err := c.server.enter(open.Session, &c.link)
	if err != nil {
		code := closeTryAgainLater
		if errors.Is(err, errClosed) {
			code = closeGoingAway
		}
		p, _ := problemOf(err)
		c.send(p)
		c.hangUp(code, err.Error())
		return nil, err
	}
	c.entered.Store(true)
	return s, nil
}

// next reads one command. A *wire.Error is the page's fault; any other error
// ends the connection.
func (c *conn) next() (wire.Command, error) {
	sort, b, err := c.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	if sort != websocket.BinaryMessage {
		return nil, &wire.Error{Field: "message", Want: "a binary message, not text"}
	}
	return wire.DecodeCommand(b)
}

// alive is called at every sign of life.
func (c *conn) alive() { c.wait(3 * c.server.options.PingInterval) }

// wait sets the time for the next sign of life. It cannot fail but on a closed
// connection, which the next read reports.
func (c *conn) wait(d time.Duration) {
	if !c.closing.Load() {
		_ = c.ws.SetReadDeadline(time.Now().Add(d))
	}
}

// write sends what is in the outbox, and pings, until the outbox is closed and
// empty or the page does not read in time.
func (c *conn) write() {
	ping := time.NewTicker(c.server.options.PingInterval)
	defer ping.Stop()
	var sent time.Time
	for {
		c.rest(sent)
		b, ok := c.gather()
		if ok {
			if err := c.sendBytes(b); err != nil {
				c.giveUp("a page does not read", err)
				return
			}
			sent = time.Now()
			continue
		}
		if c.out.isClosed() {
			c.sayClose()
			return
		}
		select {
		case <-c.out.wake:
		case <-ping.C:
			if err := c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.server.options.WriteTimeout)); err != nil {
				c.giveUp("a page is gone", err)
				return
			}
		}
	}
}

// rest lets the time go by that the page wants between two messages. It is not
// long, so that not even a close needs to break it off.
func (c *conn) rest(sent time.Time) {
	left := time.Duration(c.link.pace.Load()) - time.Since(sent)
	if left <= 0 {
		return
	}
	c.out.rest(true)
	time.Sleep(left)
	c.out.rest(false)
}

// gather takes what is to be sent next: one frame, or all that wait if the page
// wants them together.
func (c *conn) gather() (b []byte, ok bool) {
	b, ok = c.out.pop()
	if !ok || c.link.pace.Load() == 0 {
		return b, ok
	}
	together := wire.Bundle{Frames: [][]byte{b}}
	for size := len(b); size < maxBundleBytes; size += len(b) {
		if b, ok = c.out.pop(); !ok {
			break
		}
		together.Frames = append(together.Frames, b)
	}
	if len(together.Frames) == 1 {
		return together.Frames[0], true
	}
	return wire.AppendFrame(nil, &together), true
}

func (c *conn) sendBytes(b []byte) error {
	if err := c.ws.SetWriteDeadline(time.Now().Add(c.server.options.WriteTimeout)); err != nil {
		return err
	}
	return c.ws.WriteMessage(websocket.BinaryMessage, b)
}

// giveUp cuts a connection that cannot be written to, so that its reader ends
// too.
func (c *conn) giveUp(why string, err error) {
	c.server.options.Log.Info("session: "+why+"; the connection is closed, the session stays", "err", err)
	c.hangUp(closeTryAgainLater, why)
	c.ws.Close()
}

// sayClose sends the close and gives the page a moment to answer it.
func (c *conn) sayClose() {
	c.closing.Store(true)
	deadline := time.Now().Add(closeTimeout)
	message := websocket.FormatCloseMessage(c.code, c.reason)
	if err := c.ws.WriteControl(websocket.CloseMessage, message, deadline); err != nil {
		c.ws.Close()
		return
	}
	_ = c.ws.SetReadDeadline(deadline) // fails only where the reader has ended already
}
