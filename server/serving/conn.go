package serving

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/visualizer/wire"
)

const (
	maxMessageBytes = 64 << 10 // of a command
	maxQueuedBytes  = 32 << 20 // of frames that a page has yet to read
	maxBadFrames    = 20
	writeTimeout    = 15 * time.Second
	pingInterval    = 20 * time.Second
	closeTimeout    = time.Second
)

// upgrader refuses a page of another host, as gorilla does by default.
var upgrader = websocket.Upgrader{HandshakeTimeout: 10 * time.Second, ReadBufferSize: 4 << 10, WriteBufferSize: 32 << 10}

// conn is a page's WebSocket. Its reader and its writer are a goroutine each;
// reader, locale and watched are the hall's.
type conn struct {
	host bool // the page is on the server's own machine

	reader  *reader
	locale  string
	watched uint32

	ws     *websocket.Conn
	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	closed bool
	why    string
	wake   chan struct{}
}

// ServeHTTP is the WebSocket endpoint. It returns when the connection ends.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.conns.Add(1)
	defer s.conns.Done()
	defer s.open.Add(-1)
	if int(s.open.Add(1)) > s.options.MaxReaders {
		http.Error(w, "the hall is full", http.StatusServiceUnavailable)
		return
	}
	select {
	case <-s.quit:
		http.Error(w, "the server is stopping", http.StatusServiceUnavailable)
		return
	default:
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.options.Log.Debug("hall: no WebSocket", "error", err) // Upgrade has answered
		return
	}
	c := &conn{ws: ws, wake: make(chan struct{}, 1), host: onThisMachine(r)}
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write(s.done)
	}()
	c.read(s)
	s.do(func() { s.leave(c) })
	c.hangUp("")
	<-written
	if err := ws.Close(); err != nil {
		s.options.Log.Debug("hall: close", "error", err)
	}
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
func (c *conn) read(s *Server) {
	c.ws.SetReadLimit(maxMessageBytes)
	alive := func() { _ = c.ws.SetReadDeadline(time.Now().Add(3 * pingInterval)) } // fails where the next read does
	c.ws.SetPongHandler(func(string) error { alive(); return nil })
	for bad := 0; ; {
		alive()
		sort, b, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		command, err := wire.DecodeHallCommand(b)
		if sort != websocket.BinaryMessage {
			err = &wire.Error{Field: "message", Want: "a binary message, not text"}
		}
		if err != nil {
			p, _ := problemOf(err)
			c.send(p)
			if bad++; bad > maxBadFrames {
				c.hangUp("too many messages that are no command of this page's version")
				return
			}
			continue
		}
		s.do(func() { s.obey(c, command) })
	}
}

// send queues a frame.
func (c *conn) send(f wire.Frame) { c.push(wire.AppendFrame(nil, f)) }

// push queues an encoded frame. A page that does not read is let go: it joins
// again and gets everything anew.
func (c *conn) push(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.queue = append(c.queue, b)
	if c.bytes += len(b); c.bytes > maxQueuedBytes {
		c.closed, c.why = true, "the page does not read"
	}
	c.signal()
}

func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hangUp closes the connection when what is queued is written.
func (c *conn) hangUp(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed, c.why = true, why
	}
	c.signal()
}

// next takes all that is queued.
func (c *conn) next() (queue [][]byte, closed bool, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	queue, c.queue, c.bytes = c.queue, nil, 0
	return queue, c.closed, c.why
}

// write sends what is queued, and pings, until the connection is closed or the
// hall has ended and said so.
func (c *conn) write(ended <-chan struct{}) {
	defer c.ws.Close() // so that the reader ends too
	ping := time.NewTicker(pingInterval)
	defer ping.Stop()
	for {
		queue, closed, why := c.next()
		for _, b := range queue {
			err := errors.Join(c.ws.SetWriteDeadline(time.Now().Add(writeTimeout)), c.ws.WriteMessage(websocket.BinaryMessage, b))
			if err != nil {
				return
			}
		}
		if closed {
			c.sayClose(why)
			return
		}
		select {
		case <-c.wake:
		case <-ended:
			c.hangUp(whyStopping)
			ended = nil
		case <-ping.C:
			if c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTimeout)) != nil {
				return
			}
		}
	}
}

// sayClose tells the page why the connection ends.
func (c *conn) sayClose(why string) {
	message := websocket.FormatCloseMessage(websocket.CloseGoingAway, why)
	_ = c.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(closeTimeout)) // the page may be gone
}
