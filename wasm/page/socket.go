//go:build js && wasm

package page

import (
	"syscall/js"

	"vitrine/visualizer/wire"
)

// Socket is the WebSocket to the server. It opens itself again when it is
// Lost, waiting longer each time.
type Socket struct {
	Path   string            // of the endpoint on this page's server
	Opened func()            // the connection stands: say hello
	Frame  func(raw []byte)  // one message came; raw is the receiver's own
	Lost   func(seconds int) // the connection is gone and tried again in so many seconds

	Code int // with which the last connection was closed; 0 once the next one has said something

	ws      js.Value
	Ready   bool
	failed  int // attempts since it last stood
	waiting int // seconds until the next attempt
	buffer  []byte
}

// Backoff between attempts, in seconds: the server may be restarting, so the
// first come soon; a laptop that was asleep need not hammer.
var retrySeconds = [...]int{1, 1, 2, 3, 5, 8, 10}

// ownCodes is the first of the codes of a close that are the program's own: it turns a page
// away that it could let in later (RFC 6455, section 7.4.2).
const ownCodes = 4000

// Connect opens the socket for the first time.
func (s *Socket) Connect() {
	location := Window.Get("location")
	scheme := "ws://"
	if location.Get("protocol").String() == "https:" {
		scheme = "wss://"
	}
	s.ws = Window.Get("WebSocket").New(scheme + location.Get("host").String() + s.Path)
	s.ws.Set("binaryType", "arraybuffer")
	socket := Element{s.ws}
	socket.On("open", func(js.Value) {
		s.Ready, s.failed = true, 0
		s.Opened()
	})
	socket.On("message", func(event js.Value) {
		if data := event.Get("data"); data.Type() == js.TypeObject {
			s.Code = 0
			s.Frame(BytesOf(data))
		}
	})
	// An error is always followed by close, which says all there is to say.
	socket.On("close", func(event js.Value) {
		s.Ready = false
		s.waiting = retrySeconds[min(s.failed, len(retrySeconds)-1)]
		if s.Code = event.Get("code").Int(); s.Code >= ownCodes { // not a fault that goes by soon
			s.waiting = retrySeconds[len(retrySeconds)-1]
		}
		s.failed++
		s.countDown()
	})
}

// countDown tells how long there is to wait, second by second.
func (s *Socket) countDown() {
	s.Lost(s.waiting)
	if s.waiting == 0 {
		s.Connect()
		return
	}
	After(1000, func() {
		s.waiting--
		s.countDown()
	})
}

// Send sends a command if the connection stands, and reports whether it does.
// What a lost connection missed is set right by the server's frames after the
// Next [wire.Open], so nothing is kept for later.
func (s *Socket) Send(command wire.Command) bool {
	if !s.Ready {
		return false
	}
	s.buffer = wire.AppendCommand(s.buffer[:0], command)
	s.ws.Call("send", JsBytes(s.buffer))
	return true
}
