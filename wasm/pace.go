//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/wasm/page"
)

// pace spaces the page's drawing out while an answer is being written. Engine
// and page share a machine as a rule, and what the page draws with, the engine
// lacks: it is to be as fast with the page open as without it, within five
// parts in a hundred. So each drawing is paid for by a rest, as long as the
// share of the machine that drawing may take asks for. While the reader does
// something, the page draws at once.
type pace struct {
	clock  js.Value // window.performance
	share  float64  // of one processor's time; 0: as much as there is
	began  float64  // ms, of the drawing at hand
	free   float64  // ms, when the next drawing may begin
	hands  float64  // ms, when the reader last did something
	cost   float64  // ms that a drawing takes, a moving average
	timing bool     // a timer runs
}

const (
	// pageShare is the part of the whole machine that drawing may take. The
	// browser does about twice as much again outside of the program.
	pageShare = 0.005
	// longestRest keeps the page alive on a slow machine, in ms.
	longestRest = 600
	// attentive is how long after the reader's last doing all is drawn at once, in ms.
	attentive = 200
)

// How long the server gathers what it has to tell, in milliseconds. Each message
// wakes the browser's processes one after the other, and each waking holds up an
// engine that works on the same processors: on few of them messages are fewer.
const (
	betweenMessages = 100
	betweenOnOne    = 600 // where engine and page share one processor
)

// messages is the time that shall lie between two messages of the server, in
// milliseconds.
func (p *pace) messages() uint16 {
	if p.share == 0 {
		return betweenMessages
	}
	return uint16(max(betweenMessages, betweenOnOne*pageShare/p.share))
}

func newPace() *pace {
	p := &pace{clock: page.Window.Get("performance")}
	switch page.Window.Get("location").Get("hostname").String() {
	case "localhost", "127.0.0.1", "[::1]":
		p.share = pageShare
		if cores := page.Window.Get("navigator").Get("hardwareConcurrency"); cores.Truthy() {
			p.share *= cores.Float()
		}
	}
	hands := js.FuncOf(func(js.Value, []js.Value) any {
		p.hands = p.now()
		return nil
	})
	for _, event := range []string{"pointermove", "pointerdown", "touchmove", "wheel", "keydown", "input"} {
		page.Document.Call("addEventListener", event, hands, map[string]any{"capture": true, "passive": true})
	}
	p.hands = -attentive
	return p
}

func (p *pace) now() float64 { return p.clock.Call("now").Float() }

// begin and end enclose a drawing.
func (p *pace) begin() { p.began = p.now() }

func (p *pace) end() {
	end := p.now()
	const weight = 0.2 // of the newest, so that one long drawing does not stop the page
	p.cost += weight * (end - p.began - p.cost)
	p.free = end
	if p.share > 0 {
		p.free += min(p.cost/p.share, longestRest)
	}
}

// rest has then called when the page may draw, unless that is asked for already.
func (p *pace) rest(then func()) {
	now := p.now()
	wait := p.free - now
	if wait <= 0 || now-p.hands < attentive {
		then()
		return
	}
	if p.timing {
		return
	}
	p.timing = true
	page.After(int(wait)+1, func() {
		p.timing = false
		then()
	})
}
