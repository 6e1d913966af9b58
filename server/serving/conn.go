package serving

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/server/guard"
	"vitrine/server/socket"
	"vitrine/visualizer/wire"
)

const (
	maxMessageBytes = 64 << 10 // of a command
	maxQueuedBytes  = 32 << 20 // of frames that a page has yet to read
	maxBadFrames    = 20
	maxTurned       = 64 // pages at a time that are told that there is no room
	writeTimeout    = 15 * time.Second
	pingInterval    = 20 * time.Second
)

// conn is a page's WebSocket. reader, locale and watched are the hall's.
type conn struct {
	*socket.Mailbox
	host bool // the page is on the server's own machine

	reader  *reader
	locale  string
	watched uint32
}

// ServeHTTP is the WebSocket endpoint. It returns when the connection ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.conns.Add(1)
	defer s.conns.Done()
	if int(s.open.Add(1)) > s.options.MaxReaders {
		s.open.Add(-1) // whoever is turned away takes no place
		defer s.turned.Add(-1)
		if s.turned.Add(1) > maxTurned {
			http.Error(w, "the hall is full", http.StatusServiceUnavailable)
			return
		}
		turnAway(w, r, socket.Close{Code: wire.CloseHallFull, Reason: "the hall is full"}, s.options.Log)
		return
	}
	defer s.open.Add(-1)
	select {
	case <-s.quit:
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	default:
	}
	ws, err := socket.Upgrade(w, r, socketOptions(s.options.Commands))
	if err != nil {
		s.options.Log.Debug("hall: no WebSocket", "error", err) // Upgrade has answered
		return
	}
	c := &conn{Mailbox: socket.NewMailbox(maxQueuedBytes), host: onThisMachine(r)}
	gone := make(chan struct{})
	go func() { // a page that has not joined is not told by the hall
		select {
		case <-s.done:
			c.goodbye()
		case <-gone:
		}
	}()
	if err := ws.Serve(c, func() {
		c.read(s, ws)
		s.do(func() { s.leave(c) })
		c.Close(socket.Close{Code: socket.Normal})
	}); err != nil {
		s.options.Log.Debug("hall: a page does not read or is gone", "error", err)
	}
	close(gone)
}

func socketOptions(commands *guard.RateLimit) socket.Options {
	return socket.Options{
		MaxMessage: maxMessageBytes, PingInterval: pingInterval, WriteTimeout: writeTimeout, Decode: wire.DecodeHallCommand, Limit: commands,
	}
}

// turnAway closes the connection of a page as soon as it stands. A browser keeps from the
// page how a request that asks for a WebSocket was answered, and tells it only the
// code of a close.
func turnAway(w http.ResponseWriter, r *http.Request, how socket.Close, log *slog.Logger) {
	ws, err := socket.Upgrade(w, r, socketOptions(nil))
	if err != nil {
		log.Debug("hall: no WebSocket", "error", err) // Upgrade has answered
		return
	}
	box := socket.NewMailbox(0)
	box.Close(how)
	err = ws.Serve(box, func() {
		for { // what the page says before it hears of the close
			var reject *wire.Error
			if _, err := ws.Next(); err != nil && !errors.As(err, &reject) {
				return
			}
		}
	})
	if err != nil {
		log.Debug("hall: a page does not read or is gone", "error", err)
	}
}

// Elsewhere is the endpoint of the hall's WebSockets on a server whose model another
// server runs: it tells pages that were opened before that there is no hall.
func Elsewhere(log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			http.NotFound(w, r)
			return
		}
		turnAway(w, r, socket.Close{Code: wire.CloseHallElsewhere, Reason: "another server runs the model"}, log)
	})
}

// onThisMachine says whether a request comes from the server's own machine, where
// whoever started it sits. What a proxy there passes on comes from elsewhere: it says so in a
// header, or the browser asked for another host. A tunnel that does neither is taken for
// this machine, as whoever may open one there could be.
func onThisMachine(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return false
	}
	for _, passedOn := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(passedOn) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

// read takes in what the page sends until the connection ends.
func (c *conn) read(s *Server, from *socket.Conn) {
	for bad := 0; ; {
		command, err := from.Next()
		var reject *wire.Error
		var tooMany *socket.LimitError
		switch {
		case errors.As(err, &tooMany):
			c.refuse(command, err)
		case errors.As(err, &reject):
			c.refuse(nil, err)
			if bad++; bad > maxBadFrames {
				c.Close(socket.Close{Code: socket.Unsupported, Reason: "too many messages that are no command of this page's version"})
				return
			}
		case err != nil:
			return
		default:
			s.do(func() { s.obey(c, command) })
		}
	}
}

// refuse tells the page why a command is not carried out, and reports whether that
// is known.
func (c *conn) refuse(command wire.Command, err error) (known bool) {
	p, known := problemOf(err)
	if q, ok := command.(*wire.Query); ok {
		p.Query = q.ID
	}
	c.send(p)
	return known
}

// send queues a frame.
func (c *conn) send(f wire.Frame) { c.Push(wire.AppendFrame(nil, f)) }

// goodbye closes the connection when what is queued is sent.
func (c *conn) goodbye() { c.Close(socket.Close{Code: socket.GoingAway, Reason: whyStopping}) }
