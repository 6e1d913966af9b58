//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// lensPart is the logit lens: the likeliest tokens after every layer, a rung a layer.
type lensPart struct {
	c     *client
	whole page.Element
	list  page.Element
	note  *page.TextCell
	rungs []*rung
	asks  patience

	shown *wire.Lens // what the rungs say; nil for nothing
	stale bool
}

// rung is one line of the ladder: after layer layers, 0 being the embedding.
type rung struct {
	page.Element
	mark, layer *page.TextCell
	after       *page.TextCell // the layer in words, for assistive technology
	said        [lensTop]said
	pressed     bool
}

// said is one candidate of a rung.
type said struct {
	token, prob *page.TextCell
	bar         page.Element
	final       bool
	length      string
}

// lensTop is how many candidates a rung shows; the inspector has the others.
const lensTop = 3

func newLensPart(c *client) *lensPart {
	p := &lensPart{c: c, whole: page.ByID("part-lens"), list: page.ByID("lens"), note: page.NewTextCell(page.ByID("lens-note")), asks: patience{c: c}}
	at := func(event js.Value) int { return p.rungOf(event.Get("target")) }
	point := func(event js.Value) {
		if i := at(event); i >= 0 {
			c.inspector.Point(func() page.Reading { return p.reading(i) })
		}
	}
	leave := func(jsEvent) { c.inspector.Leave() }
	p.list.On("pointerover", point)
	p.list.On("focusin", point)
	p.list.On("pointerleave", leave)
	p.list.On("focusout", leave)
	p.list.On("click", func(event js.Value) {
		if i := at(event); i >= 0 {
			c.choosePlace(max(i-1, 0), -1, c.at.key)
			c.inspector.Keep(func() page.Reading { return p.reading(i) })
		}
	})
	return p
}

func (p *lensPart) section() page.Element { return p.whole }

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
	p.note.Show(p.noteFor(lens))
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
		return c.words.Say("attention.lens_asking", "Token", c.tokenName(c.position()))
	}
	settled, ok := view.SettlingOf(lens)
	if !ok {
		return ""
	}
	key := "attention.lens_note"
	if settled.First == settled.Stays {
		key = "attention.lens_note_once"
	}
	return c.words.Say(key, "Token", c.tokenName(int(lens.Position)),
		"Top", c.words.Say("attention.quoted", "Piece", session.Label(lens.Layers[len(lens.Layers)-1][0].Bytes)),
		"First", p.after(settled.First), "Stays", p.after(settled.Stays))
}

// after says where a rung stands.
func (p *lensPart) after(rung int) string {
	if rung == 0 {
		return p.c.words.Say("attention.lens_embedding")
	}
	return p.c.words.Say("attention.lens_after", "Layer", page.Decimal(rung-1))
}

// layOut makes the rungs for a model of so many layers.
func (p *lensPart) layOut(count int) {
	if len(p.rungs) == count {
		return
	}
	p.list.Clear()
	p.rungs = nil
	for range count {
		r := newRung()
		p.list.Append(page.Create("li", "").Append(r.Element))
		p.rungs = append(p.rungs, r)
	}
	p.list.SetStyle("grid-template-rows", "repeat("+page.Decimal((count+1)/2)+", minmax(0, 1fr))")
}

func newRung() *rung {
	button := page.Create("button", "")
	button.SetAttr("type", "button")
	mark, layer, after := page.Create("span", "rung-mark"), page.Create("span", "rung-layer"), page.Create("span", "unseen")
	layer.SetAttr("aria-hidden", "true")
	button.Append(mark, layer, after)
	r := &rung{Element: button, mark: page.NewTextCell(mark), layer: page.NewTextCell(layer), after: page.NewTextCell(after)}
	for i := range r.said {
		class := "said"
		if i == 0 {
			class = "said first"
		}
		cell, bar, token, prob := page.Create("span", class), page.Create("i", ""), page.Create("b", ""), page.Create("span", "")
		button.Append(cell.Append(bar, token, prob))
		r.said[i] = said{token: page.NewTextCell(token), prob: page.NewTextCell(prob), bar: bar}
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
		label := page.Decimal(i - 1)
		if i == 0 {
			label = p.c.words.Say("attention.lens_short")
		}
		r.layer.Show(label)
		r.after.Show(p.after(i))
		mark := ""
		if known && i == settled.First {
			mark = "◆"
		}
		r.mark.Show(mark)
		if pressed := i == chosen; pressed != r.pressed {
			r.pressed = pressed
			r.SetAttr("aria-pressed", page.BoolText(pressed))
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
	s.token.Show(session.Label(candidate.Bytes))
	s.prob.Show(prob)
	if length != s.length {
		s.length = length
		s.bar.SetStyle("width", length)
	}
	if final != s.final {
		s.final = final
		s.token.SetClass("final", final)
	}
}

// reading is what the inspector says about a rung: all candidates that are told,
// and how the first one's probability came about.
func (p *lensPart) reading(i int) page.Reading {
	c, say := p.c, p.c.words.Say
	r := page.Reading{
		Title: say("attention.lens_title", "After", p.after(i)),
		Shape: say("attention.lens_shape", "Vocab", page.Grouped(int(c.shown.Model().Vocab))),
		Note:  say("attention.lens_about"),
		Fn:    view.FuncUnembed,
	}
	if p.shown == nil || i >= len(p.shown.Layers) || len(p.shown.Layers[i]) == 0 {
		r.Value = "…"
		return r
	}
	told := p.shown.Layers[i]
	first := told[0]
	r.Value = session.Label(first.Bytes)
	// The largest logit is the first one, so its own share is one over the sum.
	z, prob := float64(first.Logit), float64(first.Prob)
	r.Rows, r.By = page.Formula(view.Probability(z, 1, z, 1/prob, prob)), view.FuncProbability
	r.Rows = append(r.Rows, page.Fact(say("attention.fact_logit"), page.Exact(first.Logit)))
	for _, candidate := range told {
		r.Rows = append(r.Rows, page.Fact(session.Label(candidate.Bytes), page.Exact(candidate.Prob)))
	}
	return r
}
