//go:build js && wasm

package page

import (
	"syscall/js"

	"vitrine/visualizer/wire"
)

// Pace spaces a page's drawing out while the engine computes. Engine and page
// share a machine as a rule, and what the page draws with, the engine lacks: it
// is to be as fast with the page open as without it, within five parts in a
// hundred. So each drawing is paid for by a rest, as long as the share of the
// machine that drawing may take asks for. While the reader does something, the
// page draws at once.
type Pace struct {
	share  float64  // of one processor's time; 0: as much as there is
	began  float64  // ms, of the drawing at hand
	free   float64  // ms, when the next drawing may begin
	hands  float64  // ms, when the reader last did something
	cost   float64  // ms that a drawing takes, a moving average
	told   uint16   // the time between two messages, as the server was told it
	socket *Socket  // over which it was told; nil before
	timer  js.Value // runs out when a drawing that was asked for may begin; null while none runs
	ring   js.Func  // what it calls
	waits  func()   // the drawing that it waits for
}

const (
	// paceShare is the part of the whole machine that drawing may take. The
	// browser does about twice as much again outside of the program.
	paceShare = 0.005
	// longestRest keeps the page alive on a slow machine, in ms.
	longestRest = 500
	// attentive is how long after the reader's last doing all is drawn at once, in ms.
	attentive = 200
	// unattended is after how long without the reader's doing anything nobody waits
	// for a message, in ms: after a message was sent one looks, and does nothing.
	unattended = 400
)

// How long the server gathers what it has to tell, in ms. Each message wakes the
// browser's processes one after the other, and each waking holds up an engine
// that works on the same processors: on few of them messages are fewer.
const (
	betweenMessages   = 100
	betweenOnOne      = 600  // where engine and page share one processor
	betweenUnattended = 2000 // there, if nobody does anything at the page
)

// messages is the time that shall lie between two messages of the server, in ms. While
// the engine computes and nobody does anything at the page it is longer, on few processors
// longer than the page rests between two drawings: then each message wakes the browser
// when it draws in any case.
func (p *Pace) messages(computing bool) uint16 {
	if p.share == 0 {
		return betweenMessages
	}
	between := float64(betweenOnOne)
	if computing && Now()-p.hands >= unattended {
		between = betweenUnattended
	}
	return uint16(min(max(betweenMessages, between*paceShare/p.share), wire.MaxPace))
}

// Tell tells the server how long it may gather what it has to tell, if that has changed.
func (p *Pace) Tell(s *Socket, computing bool) {
	p.socket = s
	if between := p.messages(computing); between != p.told && s.Send(&wire.Pace{Millis: between}) {
		p.told = between
	}
}

// TellAnew tells it on a new connection.
func (p *Pace) TellAnew(s *Socket) {
	p.told = 0
	p.Tell(s, false)
}

// NewPace makes the pace of a page, which rests if the engine's machine is the
// browser's own.
func NewPace() *Pace {
	p := &Pace{hands: -unattended, timer: js.Null()}
	p.ring = js.FuncOf(func(js.Value, []js.Value) any {
		p.timer = js.Null()
		p.waits()
		return nil
	})
	switch Window.Get("location").Get("hostname").String() {
	case "localhost", "127.0.0.1", "[::1]":
		p.share = paceShare
		if cores := Window.Get("navigator").Get("hardwareConcurrency"); cores.Truthy() {
			p.share *= cores.Float()
		}
	}
	hands := js.FuncOf(func(js.Value, []js.Value) any {
		p.hands = Now()
		if p.seldom() { // what the reader does now is not to wait so long
			p.Tell(p.socket, true)
		}
		return nil
	})
	for _, event := range []string{"pointermove", "pointerdown", "touchmove", "wheel", "keydown", "input"} {
		Document.Call("addEventListener", event, hands, map[string]any{"capture": true, "passive": true})
	}
	return p
}

// Saves reports whether the page draws no more than it has to: the engine's
// machine is the browser's own, and the reader does nothing at the moment.
func (p *Pace) Saves() bool { return p.share > 0 && Now()-p.hands >= attentive }

// Begin and End enclose a drawing.
func (p *Pace) Begin() { p.began = Now() }

// End ends the drawing that [Pace.Begin] began.
func (p *Pace) End() {
	end := Now()
	const weight = 0.2 // of the newest, so that one long drawing does not stop the page
	p.cost += weight * (end - p.began - p.cost)
	p.free = end
	if p.share > 0 {
		p.free += min(p.cost/p.share, longestRest)
	}
}

// Rest has then called when the page may draw, unless that is asked for already.
//
// While messages come as seldom as drawings may, the page draws when one comes, even a
// little early, for the browser is awake then, and a timer would wake it once more. What
// else asks for a drawing waits for the next message, and for the timer if none comes.
func (p *Pace) Rest(then func()) {
	now := Now()
	wait := p.free - now
	if wait <= 0 || now-p.hands < attentive || p.seldom() && wait <= longestRest/2 {
		p.stop()
		then()
		return
	}
	if !p.timer.IsNull() {
		return
	}
	if p.seldom() {
		wait += float64(p.told)
	}
	p.waits = then
	p.timer = Window.Call("setTimeout", p.ring, int(wait)+1)
}

// seldom reports whether messages come as seldom as drawings may.
func (p *Pace) seldom() bool { return p.told > longestRest }

// stop ends the timer: what it waits for is drawn.
func (p *Pace) stop() {
	if !p.timer.IsNull() {
		Window.Call("clearTimeout", p.timer)
		p.timer = js.Null()
	}
}
