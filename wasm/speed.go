//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
)

// speed is the badge in the play bar: how many tokens a second the answer is
// drawn with, and how much of the memory's bandwidth that takes. When the answer
// has ended it keeps the last rate.
type speed struct {
	c           *client
	element     element
	rate, share *textCell
	track, bar  element
	last        float32 // tokens a second, 0 before any was measured
	label       string
	width       string
}

func newSpeed(c *client) *speed {
	s := &speed{c: c, element: byID("speed"), rate: newTextCell(byID("speed-rate")), share: newTextCell(byID("speed-share"))}
	s.track = s.element.find(".track")
	s.bar = s.track.find("i")
	point := func(jsEvent) { c.inspector.point(s.reading) }
	leave := func(jsEvent) { c.inspector.leave() }
	s.element.on("pointerenter", point)
	s.element.on("focus", point)
	s.element.on("pointerleave", leave)
	s.element.on("blur", leave)
	s.element.onClick(func() { c.inspector.keep(s.reading) })
	return s
}

func (s *speed) update(what change) {
	if !what.has(session.ChangeStep|session.ChangeState|session.ChangeTokens|session.ChangeMachine) && !what.saw(changedLanguage|changedSession) {
		return
	}
	if what.saw(changedSession) || len(s.c.shown.Tokens()) == 0 {
		s.last = 0
	}
	if step, ok := s.c.shown.LastStep(); ok && step.TokensPerSec > 0 {
		s.last = step.TokensPerSec
	}
	s.element.setHidden(s.last == 0)
	if s.last == 0 {
		return
	}
	s.element.setFlag("data-running", s.c.play.atFullSpeed())
	say, number := s.c.words.say, s.number()
	s.rate.show(say("speed.rate", "N", number))
	label, share := say("speed.label", "N", number), ""
	m, known := s.c.shown.Machine()
	s.track.setHidden(!known)
	if known {
		u := view.BandwidthShare(m, s.last)
		percent := strconv.FormatFloat(100*u, 'f', 0, 64) + " %"
		share, label = say("speed.share", "Share", percent), say("speed.label_share", "N", number, "Share", percent)
		if width := strconv.FormatFloat(100*min(u, 1), 'f', 1, 64) + "%"; width != s.width {
			s.width = width
			s.bar.setStyle("width", width)
		}
	}
	s.share.show(share)
	if label != s.label {
		s.label = label
		s.element.setAttr("aria-label", label)
	}
}

// number is the rate with one decimal.
func (s *speed) number() string { return strconv.FormatFloat(float64(s.last), 'f', 1, 32) }

// reading is what the inspector says about the badge.
func (s *speed) reading() reading {
	say := s.c.words.say
	if s.last == 0 {
		return reading{}
	}
	r := reading{title: say("speed.title"), value: say("speed.rate", "N", s.number()), fn: view.FuncRate}
	m, known := s.c.shown.Machine()
	switch {
	case s.c.replay != nil:
		r.note = say("speed.note_recorded")
	case !known:
		r.note = say("speed.note_unknown")
	default:
		u := view.BandwidthShare(m, s.last)
		r.note, r.by = say("speed.note"), view.FuncBandwidth
		if u > 1 {
			r.note = say("speed.note_cache")
		}
		r.formula(view.Bandwidth(m, s.last))
		r.fact(s.c, "speed.weights", grouped(int(m.StepBytes))+" B")
		r.fact(s.c, "speed.memory", s.c.words.count("speed.memory_of", int(m.Threads), "Rate", view.Gigabytes(float64(m.BytesPerSecond))))
		r.fact(s.c, "speed.memory_by", view.FuncReadBandwidth)
	}
	r.fact(s.c, "speed.measured", say("speed.window"))
	return r
}
