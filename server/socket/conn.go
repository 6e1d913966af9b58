package socket

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"vitrine/server/guard"
	"vitrine/visualizer/wire"
)

// Options sets up a [Conn]. All but Limit have to be given.
type Options struct {
	MaxMessage int64 // bytes of a command; a longer one ends the connection
	// PingInterval is how often a page is tried. After three times that without a
	// sign of life the connection ends.
	PingInterval time.Duration
	WriteTimeout time.Duration // that a page may take to read one message
	// Decode reads the one command that a message holds.
	Decode func(message []byte) (wire.Command, error)
	// Limit bounds the commands of the page's address; nil for no bound. The first of a
	// connection does not count: the request that became the connection has been counted,
	// and a page whose greeting is refused has no way on.
	Limit *guard.RateLimit
}

const (
	handshakeTimeout = 10 * time.Second
	// closeTimeout is how long a page may take to answer a close.
	closeTimeout = time.Second
	// maxBundle is the size in bytes from which on a bundle takes in no more frames.
	maxBundle = 1 << 20
	// maxReason is how long the reason of a close may be: RFC 6455, section 5.5, has
	// 125 bytes with the code.
	maxReason = 123
)

// Codes of a close (RFC 6455, section 7.4.1, and the registry that it founds).
const (
	Normal        = websocket.CloseNormalClosure
	GoingAway     = websocket.CloseGoingAway
	Unsupported   = websocket.CloseUnsupportedData
	Policy        = websocket.ClosePolicyViolation
	TryAgainLater = websocket.CloseTryAgainLater
	Internal      = websocket.CloseInternalServerErr
)

// upgrader checks the Origin as gorilla does by default: a page of another host is
// refused, a client that is no browser and sends none is let in. Compression is off:
// it gains an eighth and costs ten times the time.
var upgrader = websocket.Upgrader{HandshakeTimeout: handshakeTimeout, ReadBufferSize: 4 << 10, WriteBufferSize: 32 << 10}

// Conn is a WebSocket. One goroutine reads, one writes, and any may cut it off.
type Conn struct {
	options Options
	ws      *websocket.Conn
	from    string      // the page's address, host:port
	begun   bool        // the first message has come; the reader's
	closing atomic.Bool // the close was sent: the read deadline stands
}

// Upgrade makes a request the connection that it asks for. On an error it has
// answered the request.
func Upgrade(w http.ResponseWriter, r *http.Request, o Options) (*Conn, error) {
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	c := &Conn{options: o, ws: ws, from: r.RemoteAddr}
	ws.SetReadLimit(o.MaxMessage)
	ws.SetPongHandler(func(string) error { c.wait(c.patience()); return nil })
	return c, nil
}

// LimitError says that a command came while its page's address had sent too many.
type LimitError struct{ PerSecond float64 } // so many are taken

// Error says how many are taken.
func (e *LimitError) Error() string {
	return fmt.Sprintf("too many commands from this address; at most %s a second are taken", e.Most())
}

// Most is PerSecond as people write it: to a tenth, and without an exponent.
func (e *LimitError) Most() string {
	return strconv.FormatFloat(math.Round(10*e.PerSecond)/10, 'f', -1, 64)
}

// Next reads the next command. With a [*LimitError] the command is returned too, and
// is not to be carried out. A [*wire.Error] says that the message was no command, and
// may be followed by others. Any other error ends the connection. One goroutine may
// call it.
func (c *Conn) Next() (wire.Command, error) { return c.NextWithin(c.patience()) }

// NextWithin is [Conn.Next] for a command that has to come within a time. The error
// of one that does not ends the connection.
func (c *Conn) NextWithin(d time.Duration) (wire.Command, error) {
	c.wait(d)
	kind, message, err := c.ws.ReadMessage()
	if err != nil {
		return nil, err
	}
	var wait time.Duration
	if c.begun {
		wait = c.options.Limit.Take(c.from)
	}
	c.begun = true
	if kind != websocket.BinaryMessage {
		return nil, &wire.Error{Field: "message", Want: "a binary message, not text"}
	}
	command, err := c.options.Decode(message)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return command, &LimitError{c.options.Limit.PerSecond()}
	}
	return command, nil
}

// patience is how long a page may give no sign of life.
func (c *Conn) patience() time.Duration { return 3 * c.options.PingInterval }

// wait sets the time for the next sign of life. It cannot fail but on a closed
// connection, which the next read reports.
func (c *Conn) wait(d time.Duration) {
	if c.closing.Load() {
		return
	}
	_ = c.ws.SetReadDeadline(time.Now().Add(d))
	if c.closing.Load() { // meanwhile: that time is the shorter one
		_ = c.ws.SetReadDeadline(time.Now().Add(closeTimeout))
	}
}

// Cut ends the connection at once.
func (c *Conn) Cut() { _ = c.ws.Close() } // it may be closed already
