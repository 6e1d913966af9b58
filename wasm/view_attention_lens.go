//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// lensPart is the logit lens: the likeliest tokens after every layer, a rung a layer.
type lensPart struct {
	c     *client
	whole element
	list  element
	note  *textCell
	rungs []*rung
	asks  patience

	shown *wire.Lens // what the rungs say; nil for nothing
	stale bool
}

// rung is one line of the ladder: after layer layers, 0 being the embedding.
type rung struct {
	element
	mark, layer *textCell
	after       *textCell // the layer in words, for assistive technology
	said        [lensTop]said
	pressed     bool
}

// said is one candidate of a rung.
type said struct {
	token, prob *textCell
	bar         element
	final       bool
	length      string
}

// lensTop is how many candidates a rung shows; the inspector has the others.
const lensTop = 3

func newLensPart(c *client) *lensPart {
	p := &lensPart{c: c, whole: byID("part-lens"), list: byID("lens"), note: newTextCell(byID("lens-note")), asks: patience{c: c}}
	at := func(event js.Value) int { return p.rungOf(event.Get("target")) }
	point := func(event js.Value) {
		if i := at(event); i >= 0 {
			c.inspector.point(func() reading { return p.reading(i) })
		}
	}
	leave := func(jsEvent) { c.inspector.leave() }
	p.list.on("pointerover", point)
	p.list.on("focusin", point)
	p.list.on("pointerleave", leave)
	p.list.on("focusout", leave)
	p.list.on("click", func(event js.Value) {
		if i := at(event); i >= 0 {
			c.choosePlace(max(i-1, 0), -1, c.at.key)
			c.inspector.keep(func() reading { return p.reading(i) })
		}
	})
	return p
}

func (p *lensPart) section() element { return p.whole }

// rungOf is the rung that holds an element, −1 for none.
func (p *lensPart) rungOf(target js.Value) int {
	button := target.Call("closest", "button")
	for i, r := range p.rungs {
		if r.Equal(button) {
			return i
		}
	}
	return -1
}

func (p *lensPart) query() wire.Query {
	return wire.Query{What: wire.QueryLens, Position: uint32(max(p.c.position(), 0))}
}

func (p *lensPart) update(what change) { p.stale = p.stale || headChanged(what) }

func (p *lensPart) frame(t float64) (again bool) {
	lens, held := p.c.shown.Lens(p.c.position())
	if !held {
		p.asks.want(t, p.query())
		if !p.c.resting() {
			lens, held = p.c.shown.Lens(p.asks.last.position) // the tokens are faster than the answers
		}
	}
	if !p.stale {
		return false
	}
	p.stale = false
	if p.shown != nil && int(p.shown.Position) >= len(p.c.shown.Tokens()) {
		p.shown = nil // that token is gone
	}
	p.layOut(int(p.c.shown.Model().Layers) + 1)
	p.note.show(p.noteFor(lens))
	// While an answer is being written the rungs keep what they say until the next
	// answer comes; what they say and of which token is in the note.
	if held || p.c.resting() {
		p.shown = lens
	}
	p.write()
	return false
}

// noteFor says which token the rungs are of, and where its last word first came up.
func (p *lensPart) noteFor(lens *wire.Lens) string {
	c := p.c
	if lens == nil && !c.resting() {
		lens = p.shown
	}
	if lens == nil {
		if why, refused := c.trouble(p.query()); refused {
			return why
		}
		return c.words.say("attention.lens_asking", "Token", c.tokenName(c.position()))
	}
	settled, ok := view.SettlingOf(lens)
	if !ok {
		return ""
	}
	key := "attention.lens_note"
	if settled.First == settled.Stays {
		key = "attention.lens_note_once"
	}
	return c.words.say(key, "Token", c.tokenName(int(lens.Position)),
		"Top", c.words.say("attention.quoted", "Piece", session.Label(lens.Layers[len(lens.Layers)-1][0].Bytes)),
		"First", p.after(settled.First), "Stays", p.after(settled.Stays))
}

// after says where a rung stands.
func (p *lensPart) after(rung int) string {
	if rung == 0 {
		return p.c.words.say("attention.lens_embedding")
	}
	return p.c.words.say("attention.lens_after", "Layer", decimal(rung-1))
}

// layOut makes the rungs for a model of so many layers.
func (p *lensPart) layOut(count int) {
	if len(p.rungs) == count {
		return
	}
	p.list.clear()
	p.rungs = nil
	for range count {
		r := newRung()
		p.list.append(create("li", "").append(r.element))
		p.rungs = append(p.rungs, r)
	}
	p.list.setStyle("grid-template-rows", "repeat("+decimal((count+1)/2)+", minmax(0, 1fr))")
}

func newRung() *rung {
	button := create("button", "")
	button.setAttr("type", "button")
	mark, layer, after := create("span", "rung-mark"), create("span", "rung-layer"), create("span", "unseen")
	layer.setAttr("aria-hidden", "true")
	button.append(mark, layer, after)
	r := &rung{element: button, mark: newTextCell(mark), layer: newTextCell(layer), after: newTextCell(after)}
	for i := range r.said {
		class := "said"
		if i == 0 {
			class = "said first"
		}
		cell, bar, token, prob := create("span", class), create("i", ""), create("b", ""), create("span", "")
		button.append(cell.append(bar, token, prob))
		r.said[i] = said{token: newTextCell(token), prob: newTextCell(prob), bar: bar}
	}
	return r
}

// write writes the rungs.
func (p *lensPart) write() {
	settled, known := view.Settling{}, false
	if p.shown != nil {
		settled, known = view.SettlingOf(p.shown)
	}
	chosen := p.c.layer() + 1
	for i, r := range p.rungs {
		label := decimal(i - 1)
		if i == 0 {
			label = p.c.words.say("attention.lens_short")
		}
		r.layer.show(label)
		r.after.show(p.after(i))
		mark := ""
		if known && i == settled.First {
			mark = "◆"
		}
		r.mark.show(mark)
		if pressed := i == chosen; pressed != r.pressed {
			r.pressed = pressed
			r.setAttr("aria-pressed", boolText(pressed))
		}
		var told []wire.Candidate
		if p.shown != nil && i < len(p.shown.Layers) {
			told = p.shown.Layers[i]
		}
		for n := range r.said {
			if n < len(told) {
				r.said[n].show(told[n], known && told[n].ID == settled.ID)
			} else {
				r.said[n].show(wire.Candidate{}, false)
			}
		}
	}
}

// show writes a candidate; one without bytes empties the place.
func (s *said) show(candidate wire.Candidate, final bool) {
	prob, length := "", "0%"
	if candidate.Bytes != nil {
		prob = strconv.FormatFloat(float64(candidate.Prob), 'f', 3, 32)
		length = strconv.FormatFloat(float64(100*candidate.Prob), 'f', 1, 32) + "%"
	}
	s.token.show(session.Label(candidate.Bytes))
	s.prob.show(prob)
	if length != s.length {
		s.length = length
		s.bar.setStyle("width", length)
	}
	if final != s.final {
		s.final = final
		s.token.setClass("final", final)
	}
}

// reading is what the inspector says about a rung: all candidates that are told,
// and how the first one's probability came about.
func (p *lensPart) reading(i int) reading {
	c, say := p.c, p.c.words.say
	r := reading{
		title: say("attention.lens_title", "After", p.after(i)),
		shape: say("attention.lens_shape", "Vocab", grouped(int(c.shown.Model().Vocab))),
		note:  say("attention.lens_about"),
		fn:    view.FuncUnembed,
	}
	if p.shown == nil || i >= len(p.shown.Layers) || len(p.shown.Layers[i]) == 0 {
		r.value = "…"
		return r
	}
	told := p.shown.Layers[i]
	first := told[0]
	r.value = session.Label(first.Bytes)
	// The largest logit is the first one, so its own share is one over the sum.
	z, prob := float64(first.Logit), float64(first.Prob)
	r.rows, r.by = formula(view.Probability(z, 1, z, 1/prob, prob)), view.FuncProbability
	r.rows = append(r.rows, fact(say("attention.fact_logit"), exact(first.Logit)))
	for _, candidate := range told {
		r.rows = append(r.rows, fact(session.Label(candidate.Bytes), exact(candidate.Prob)))
	}
	return r
}
