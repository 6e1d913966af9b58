package session

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/server/socket"
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
	// openTimeout is how long a connection may take to say Open.
	openTimeout = 10 * time.Second

	closeNormal        = socket.Normal
	closeGoingAway     = socket.GoingAway
	closeUnsupported   = socket.Unsupported
	closePolicy        = socket.Policy
	closeTryAgainLater = socket.TryAgainLater
	closeInternal      = socket.Internal
)

// conn is one WebSocket.
type conn struct {
	link
	server *Server
	socket *socket.Conn // nil until there is one

	entered atomic.Bool // it belongs to a session, which says goodbye
	hang    sync.Once
	how     socket.Close // set before out is closed
}

// ServeHTTP is the WebSocket endpoint. It returns when the connection ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := s.admit()
	if !ok {
		http.Error(w, "the server has no place for another connection", http.StatusServiceUnavailable)
		return
	}
	defer s.dismiss(c)
	ws, err := socket.Upgrade(w, r, socket.Options{
		MaxMessage: maxMessageBytes, PingInterval: s.options.PingInterval, WriteTimeout: s.options.WriteTimeout,
		Decode: wire.DecodeCommand, Limit: s.options.Commands,
	})
	if err != nil {
		s.options.Log.Debug("session: no WebSocket", "err", err) // Upgrade has answered
		return
	}
	s.mu.Lock()
	c.socket = ws
	s.mu.Unlock()
	if err := ws.Serve(outgoing{c}, func() {
		c.read()
		c.hangUp(closeNormal, "")
	}); err != nil {
		s.options.Log.Info("session: a page does not read or is gone; the connection is closed, the session stays", "err", err)
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
	c.link.hurry = make(chan struct{}, 1)
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
		c.how = socket.Close{Code: code, Reason: reason}
		c.out.close()
		socket.Signal(c.link.hurry)
	})
}

// cut closes the connection at once; the server's lock is held.
func (c *conn) cut() {
	if c.socket != nil {
		c.socket.Cut()
	}
}

// read takes in what the page sends until the connection ends.
func (c *conn) read() {
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
		command, err := c.socket.Next()
		var reject *wire.Error
		var tooMany *socket.LimitError
		switch {
		case errors.As(err, &tooMany):
			c.refuse(command, err)
			continue
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
				p, _ := problemOf(telling.Wrong("Millis", "told.range", "N", command.Millis, "Most", wire.MaxPace))
				c.send(p)
				continue
			}
			c.link.pace.Store(int64(time.Duration(command.Millis) * time.Millisecond))
			socket.Signal(c.link.hurry)
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
		c.refuse(order, errBusy)
	}
}

// refuse tells the page why a command is not carried out.
func (c *conn) refuse(order wire.Command, err error) {
	p, _ := problemOf(err)
	if q, ok := order.(*wire.Query); ok {
		p.Query = q.ID
	}
	c.send(p)
}

// greet waits for Open and enters the session that it names.
func (c *conn) greet() (*session, error) {
	command, err := c.socket.NextWithin(openTimeout)
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
		err := telling.Refuse(telling.CodeBadFrame, "told.not_open", "Kind", command.Kind())
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

// outgoing gives a connection what its outbox holds.
type outgoing struct{ c *conn }

func (f outgoing) Take() (message []byte, ok bool) { return f.c.out.pop() }
func (f outgoing) Wake() <-chan struct{}           { return f.c.out.wake }
func (f outgoing) Pace() time.Duration             { return time.Duration(f.c.link.pace.Load()) }
func (f outgoing) Rest(on bool)                    { f.c.out.rest(on) }
func (f outgoing) Hurry() <-chan struct{}          { return f.c.link.hurry }
func (f outgoing) Closed() (socket.Close, bool) {
	if !f.c.out.isClosed() {
		return socket.Close{}, false
	}
	return f.c.how, true
}
