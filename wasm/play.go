//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// play is the play bar: it moves the engine, or a recording, along the timeline.
type play struct {
	c      *client
	run    page.Element
	back   page.Element
	on     page.Element
	rewind page.Element
	stop   page.Element
	speed  page.Element

	pace   float64  // tokens a second, 0 for as fast as the engine goes
	pacing bool     // running at that pace, token by token
	due    bool     // a chat was asked at that pace and its prompt is not read yet
	timer  js.Value // of the next token
	shown  bool     // the button pauses, as the page shows it
}

func newPlay(c *client) *play {
	p := &play{
		c: c, run: page.ByID("play-run"), back: page.ByID("play-back"), on: page.ByID("play-on"), rewind: page.ByID("play-rewind"),
		stop: page.ByID("play-stop"), speed: page.ByID("play-speed"),
	}
	p.run.OnClick(p.toggle)
	p.back.OnClick(func() { c.moveToken(-1) })
	p.on.OnClick(func() { c.moveToken(+1) })
	p.rewind.OnClick(c.rewind)
	p.stop.OnClick(p.end)
	p.speed.On("change", func(jsEvent) {
		running := p.running()
		p.pause()
		p.pace, _ = strconv.ParseFloat(p.speed.FieldValue(), 64)
		if running {
			p.start()
		}
	})
	return p
}

// asked takes note that a chat was asked and reports whether the engine shall
// stop before its first token, to be stepped from there at the page's pace; not
// if the page does not step.
func (p *play) asked(stepping bool) (paused bool) {
	p.halt()
	p.due = stepping && p.pace > 0
	return p.due
}

// running reports whether tokens are being drawn, or shown from a recording.
func (p *play) running() bool {
	if p.c.replay != nil {
		return p.pacing || p.c.replay.running
	}
	return p.pacing || p.c.writing()
}

// atFullSpeed reports whether tokens come as fast as they are made.
func (p *play) atFullSpeed() bool { return p.pace == 0 && p.running() }

func (p *play) toggle() {
	if p.running() {
		p.pause()
	} else {
		p.start()
	}
}

// start runs on from where the model stands.
func (p *play) start() {
	switch {
	case p.pace > 0:
		p.pacing = true
		p.tick()
	case p.c.replay != nil:
		p.c.replay.start()
	case !p.c.address.goOn(): // a link says how far
		p.c.control(wire.Control{Op: wire.OpResume})
	}
	p.c.follow()
	p.c.changed(change{frames: session.ChangeState})
}

// pause stops before the next token.
func (p *play) pause() {
	p.halt()
	if p.c.replay == nil && p.c.writing() {
		p.c.control(wire.Control{Op: wire.OpPause})
	}
	p.c.changed(change{frames: session.ChangeState})
}

// halt ends what the page itself keeps running: its own pace, or a recording.
func (p *play) halt() {
	p.pacing, p.due = false, false
	page.CancelTimer(p.timer)
	if p.c.replay != nil {
		p.c.replay.pause()
	}
}

// end ends the answer here.
func (p *play) end() {
	p.halt()
	if p.c.replay == nil {
		p.c.control(wire.Control{Op: wire.OpAbort})
	}
	p.c.changed(change{frames: session.ChangeState})
}

// tick asks for one token and for itself again. While the engine is still busy
// with the last one it asks for none.
func (p *play) tick() {
	if !p.pacing {
		return
	}
	if p.finished() {
		p.pacing = false
		p.c.changed(change{frames: session.ChangeState})
		return
	}
	if p.c.replay != nil || p.c.canAsk() { // not before a server that came back has the conversation
		p.step()
	}
	p.timer = page.After(int(1000/p.pace), p.tick)
}

// finished reports whether nothing is left to step through.
func (p *play) finished() bool {
	if p.c.replay != nil {
		return p.c.replay.Done()
	}
	switch p.c.live.State().State {
	case wire.StateStopped, wire.StateLengthCapped, wire.StateAborted, wire.StateIdle:
		return true
	}
	return false
}

// step asks for one token more.
func (p *play) step() {
	p.c.follow()
	switch {
	case p.c.replay != nil:
		p.c.replay.step()
	case !p.c.writing():
		p.c.control(wire.Control{Op: wire.OpStep, Count: 1})
	}
}

func (p *play) update(what change) {
	if !what.has(session.ChangeState|session.ChangeTokens|session.ChangeStatus) && !what.saw(changedToken|changedLanguage|changedSession|changedSocket) {
		return
	}
	if p.due && p.c.live.State().State == wire.StatePaused {
		p.due = false
		p.start()
	}
	tokens := len(p.c.shown.Tokens())
	there := tokens > 0 && (p.c.replay != nil || p.c.canAsk())
	running := p.running()
	if running != p.shown {
		p.shown = running
		p.run.SetFlag("data-running", running)
		name := "play.run"
		if running {
			name = "play.pause"
		}
		p.c.words.Name(p.run, name)
	}
	p.run.SetDisabled(!there)
	p.back.SetDisabled(p.c.at.token <= 0)
	p.on.SetDisabled(!there && p.c.at.token >= tokens-1)
	p.rewind.SetDisabled(!there || p.c.replay != nil || p.c.at.token < 1 || p.c.at.token >= tokens)
	p.stop.SetDisabled(!there || !running && p.c.shown.State().State != wire.StatePaused)
}
