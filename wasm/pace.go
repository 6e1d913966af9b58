//go:build js && wasm

package main

import "syscall/js"

// pace spaces the page's drawing out while an answer is being written. Engine
// and page share a machine as a rule, and what the page draws with, the engine
// lacks: it may be as fast with the page open as without it, within five parts
// in a hundred. So news of the engine is drawn when the share of the machine
// that the last drawing took is paid for by a rest; what the reader does is
// drawn at once.
type pace struct {
	clock  js.Value // window.performance
	share  float64  // of one processor's time; 0: as much as there is
	began  float64  // ms, of the drawing at hand
	free   float64  // ms, when the next drawing of news may begin
	cost   float64  // ms that a drawing takes, a moving average
	timing bool     // a timer runs
}

const (
	// pageShare is the part of the whole machine that drawing may take. The
	// browser does about as much again outside of the program.
	pageShare = 0.02
	// longestRest keeps the page alive on a slow machine, in ms.
	longestRest = 400
)

func newPace() *pace {
	p := &pace{clock: window.Get("performance")}
	switch window.Get("location").Get("hostname").String() {
	case "localhost", "127.0.0.1", "[::1]":
		p.share = pageShare * float64(max(1, window.Get("navigator").Get("hardwareConcurrency").Int()))
	}
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

// rest has then called when news may be drawn, unless that is asked for already.
func (p *pace) rest(then func()) {
	wait := p.free - p.now()
	if wait <= 0 {
		then()
		return
	}
	if p.timing {
		return
	}
	p.timing = true
	after(int(wait)+1, func() {
		p.timing = false
		then()
	})
}
