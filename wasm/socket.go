//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/wire"
)

// socket is the WebSocket to the server. It opens itself again when it is
// lost, waiting longer each time.
type socket struct {
	opened func()            // the connection stands: say hello
	frame  func(raw []byte)  // one message came; raw is the receiver's own
	lost   func(seconds int) // the connection is gone and tried again in so many seconds

	ws      js.Value
	ready   bool
	failed  int // attempts since it last stood
	waiting int // seconds until the next attempt
	buffer  []byte
}

// Backoff between attempts, in seconds: the server may be restarting, so the
// first come soon; a laptop that was asleep need not hammer.
var retrySeconds = [...]int{1, 1, 2, 3, 5, 8, 10}

// connect opens the socket for the first time.
func (s *socket) connect() {
	location := window.Get("location")
	scheme := "ws://"
	if location.Get("protocol").String() == "https:" {
		scheme = "wss://"
	}
	s.ws = window.Get("WebSocket").New(scheme + location.Get("host").String() + "/ws")
	s.ws.Set("binaryType", "arraybuffer")
	socket := element{s.ws}
	socket.on("open", func(js.Value) {
		s.ready, s.failed = true, 0
		s.opened()
	})
	socket.on("message", func(event js.Value) {
		if data := event.Get("data"); data.Type() == js.TypeObject {
			s.frame(bytesOf(data))
		}
	})
	// An error is always followed by close, which says all there is to say.
	socket.on("close", func(js.Value) {
		s.ready = false
		s.waiting = retrySeconds[min(s.failed, len(retrySeconds)-1)]
		s.failed++
		s.countDown()
	})
}

// countDown tells how long there is to wait, second by second.
func (s *socket) countDown() {
	s.lost(s.waiting)
	if s.waiting == 0 {
		s.connect()
		return
	}
	after(1000, func() {
		s.waiting--
		s.countDown()
	})
}

// send sends a command if the connection stands, and reports whether it does.
// What a lost connection missed is set right by the server's frames after the
// next [wire.Open], so nothing is kept for later.
func (s *socket) send(command wire.Command) bool {
	if !s.ready {
		return false
	}
	s.buffer = wire.AppendCommand(s.buffer[:0], command)
	s.ws.Call("send", jsBytes(s.buffer))
	return true
}
