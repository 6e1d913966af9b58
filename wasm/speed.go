//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/wasm/page"
)

// speed is the badge in the play bar: how many tokens a second the answer is
// drawn with, and how much of the memory's bandwidth that takes. When the answer
// has ended it keeps the last rate.
type speed struct {
	c           *client
	element     page.Element
	rate, share *page.TextCell
	track, bar  page.Element
	last        float32 // tokens a second, 0 before any was measured
	label       string
	width       string
}

func newSpeed(c *client) *speed {
	s := &speed{c: c, element: page.ByID("speed"), rate: page.NewTextCell(page.ByID("speed-rate")), share: page.NewTextCell(page.ByID("speed-share"))}
	s.track = s.element.Find(".track")
	s.bar = s.track.Find("i")
	point := func(jsEvent) { c.inspector.Point(s.reading) }
	leave := func(jsEvent) { c.inspector.Leave() }
	s.element.On("pointerenter", point)
	s.element.On("focus", point)
	s.element.On("pointerleave", leave)
	s.element.On("blur", leave)
	s.element.OnClick(func() { c.inspector.Keep(s.reading) })
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
	s.element.SetHidden(s.last == 0)
	if s.last == 0 {
		return
	}
	s.element.SetFlag("data-running", s.c.play.atFullSpeed())
	say, number := s.c.words.Say, s.number()
	s.rate.Show(say("speed.rate", "N", number))
	label, share := say("speed.label", "N", number), ""
	m, known := s.c.shown.Machine()
	s.track.SetHidden(!known)
	if known {
		u := view.BandwidthShare(m, s.c.shown.KVRead(), s.last)
		percent := strconv.FormatFloat(100*u, 'f', 0, 64) + " %"
		share, label = say("speed.share", "Share", percent), say("speed.label_share", "N", number, "Share", percent)
		if width := strconv.FormatFloat(100*min(u, 1), 'f', 1, 64) + "%"; width != s.width {
			s.width = width
			s.bar.SetStyle("width", width)
		}
	}
	s.share.Show(share)
	if label != s.label {
		s.label = label
		s.element.SetAttr("aria-label", label)
	}
}

// number is the rate with one decimal.
func (s *speed) number() string { return strconv.FormatFloat(float64(s.last), 'f', 1, 32) }

// reading is what the inspector says about the badge.
func (s *speed) reading() page.Reading {
	say := s.c.words.Say
	if s.last == 0 {
		return page.Reading{}
	}
	r := page.Reading{Title: say("speed.title"), Value: say("speed.rate", "N", s.number()), Fn: view.FuncRate}
	m, known := s.c.shown.Machine()
	switch {
	case s.c.replay != nil:
		r.Note = say("speed.note_recorded")
	case !known:
		r.Note = say("speed.note_unknown")
	default:
		kv := s.c.shown.KVRead()
		u := view.BandwidthShare(m, kv, s.last)
		r.Note, r.By = say("speed.note"), view.FuncBandwidth
		if u > 1 {
			r.Note = say("speed.note_cache")
		}
		r.AddFormula(view.Bandwidth(m, kv, s.last))
		r.AddFact(s.c.words, "speed.weights", page.Grouped(int(m.StepBytes))+" B")
		r.AddFact(s.c.words, "speed.kv", page.Grouped(int(kv))+" B")
		r.AddFact(s.c.words, "speed.memory", s.c.words.Count("speed.memory_of", int(m.Threads), "Rate", view.Gigabytes(float64(m.BytesPerSecond))))
		r.AddFact(s.c.words, "speed.memory_by", view.FuncReadBandwidth)
	}
	r.AddFact(s.c.words, "speed.measured", say("speed.window"))
	return r
}
