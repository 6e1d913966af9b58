//go:build js && wasm

package main

import (
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// source is the panel with the Go source of the function that computed a number.
type source struct {
	c     *client
	panel page.Element
	fn    string // the function that is shown or waited for
	shown bool   // its text is in the panel
}

func newSource(c *client) *source { return &source{c: c, panel: page.ByID("source")} }

// open asks for the function's source and opens the panel.
func (s *source) open(fn string) {
	if fn == "" {
		return
	}
	s.fn, s.shown = fn, false
	page.ByID("source-title").SetText(fn)
	page.ByID("source-place").SetText("")
	page.ByID("source-text").SetText(s.c.words.Say("inspector.source_asking"))
	s.panel.Call("showModal")
	if q, send := s.from().Want(wire.Query{What: wire.QuerySource, Text: fn}); send {
		s.c.socket.Send(&q)
	}
	s.update()
}

// from is the session that knows the function's source: what is shown, or,
// where that is a recording that does not hold it, the server that runs now.
func (s *source) from() *session.Session {
	if _, ok := s.c.shown.Source(s.fn); ok || !s.c.greeted {
		return s.c.shown
	}
	return s.c.live
}

// update fills the panel once the answer is there.
func (s *source) update() {
	if s.fn == "" || s.shown {
		return
	}
	from := s.from()
	answer, ok := from.Source(s.fn)
	if !ok {
		if problem, failed := s.c.troubleOf(from, wire.Query{What: wire.QuerySource, Text: s.fn}); failed {
			page.ByID("source-text").SetText(problem)
			s.shown = true
		}
		return
	}
	s.shown = true
	page.ShowSource(answer)
}
