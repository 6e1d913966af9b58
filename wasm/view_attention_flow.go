//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// flowPart is the way of one token through one layer: a box an operation, with
// its values as a strip. One box at a time can be opened.
type flowPart struct {
	c     *client
	whole page.Element
	place page.Element
	title *page.TextCell
	note  *page.TextCell
	say   func(string)

	stages []*flowStage
	wires  *flowWires
	opened *flowStage // nil for none
	asks   patience   // for the flow
	cells  patience   // for the operands of a score that is pointed at

	shown *wire.Flow // what the boxes show; nil for nothing
	stale bool
}

func newFlowPart(c *client, say func(string)) *flowPart {
	p := &flowPart{
		c: c, whole: page.ByID("part-flow"), place: page.ByID("flow"), say: say,
		title: page.NewTextCell(page.ByID("flow-title")), note: page.NewTextCell(page.ByID("flow-note")),
		asks: patience{c: c}, cells: patience{c: c},
	}
	for _, box := range p.place.FindAll(".op") {
		p.stages = append(p.stages, newFlowStage(p, box))
	}
	p.wires = newFlowWires(p)
	p.place.On("click", func(event js.Value) {
		if p.opened != nil && event.Get("target").Call("closest", ".op").IsNull() {
			p.open(p.opened) // a click beside it closes it
		}
	})
	return p
}

func (p *flowPart) section() page.Element { return p.whole }

func (p *flowPart) query() wire.Query {
	return wire.Query{What: wire.QueryFlow, Position: uint32(max(p.c.position(), 0)), Layer: uint16(p.c.layer())}
}

func (p *flowPart) update(what change) {
	p.stale = p.stale || headChanged(what)
	if what.saw(changedTheme | changedSize) {
		p.wires.stale = true
		for _, s := range p.stages {
			s.stale = true
		}
	}
}

func (p *flowPart) frame(t float64) (again bool) {
	flow, held := p.c.shown.Flow(p.c.position(), p.c.layer())
	if !held {
		p.asks.want(t, p.query())
		if last := p.asks.last; !p.c.resting() && last.layer == p.c.layer() {
			flow, held = p.c.shown.Flow(last.position, last.layer) // the tokens are faster than the answers
		}
	}
	if p.stale {
		p.stale = false
		p.take(flow, held)
	}
	p.wantCell(t)
	for _, s := range p.stages {
		s.frame()
	}
	p.wires.frame()
	return false
}

// take brings the boxes to a flow. What is there stays in sight, with its token's name
// over it, until the next one comes.
func (p *flowPart) take(flow *wire.Flow, held bool) {
	if p.shown != nil && int(p.shown.Position) >= len(p.c.shown.Tokens()) {
		p.shown = nil // that token is gone
	}
	if held && flow != p.shown {
		p.shown = flow
		for _, s := range p.stages {
			s.take(flow)
		}
		p.wires.stale = true
	}
	if !held && (p.c.resting() || p.shown != nil && int(p.shown.Layer) != p.c.layer()) {
		p.shown = nil
	}
	p.place.SetClass("waiting", p.shown == nil)
	at, layer := p.c.position(), p.c.layer()
	if p.shown != nil {
		at, layer = int(p.shown.Position), int(p.shown.Layer)
	}
	p.title.Show(p.c.words.Say("attention.flow_title", "Token", p.c.tokenName(at), "Layer", page.Decimal(layer)))
	p.note.Show(p.noteText())
}

func (p *flowPart) noteText() string {
	if p.shown != nil {
		return p.c.words.Say("attention.flow_note")
	}
	if why, refused := p.c.trouble(p.query()); refused {
		return why
	}
	return p.c.words.Say("attention.flow_asking", "Token", p.c.tokenName(p.c.position()), "Layer", page.Decimal(p.c.layer()))
}

// wantCell asks for the operands of the score or weight that is pointed at.
func (p *flowPart) wantCell(t float64) {
	for _, s := range p.stages {
		layer, head, q, k, ok := s.pointedWeight()
		if !ok {
			continue
		}
		if _, held := p.c.shown.Cell(layer, head, q, k); !held {
			p.cells.want(t, cellQuery(layer, head, q, k))
		}
	}
}

// open opens a box, or closes it if it is open.
func (p *flowPart) open(s *flowStage) {
	before := p.opened
	p.opened = nil
	if before != nil {
		before.close()
	}
	if before != s {
		p.opened = s
		s.open()
	}
	p.place.SetClass("opened", p.opened != nil)
	p.c.wake()
}

// reading is what the inspector says about number i of a stage.
func (p *flowPart) reading(s *flowStage, i int) page.Reading {
	c, say := p.c, p.c.words.Say
	r := page.Reading{Title: s.label(), Note: say(s.about)}
	stage := s.values
	if p.shown == nil || stage == nil || i >= len(stage.Values) {
		r.Value = "…"
		return r
	}
	r.Value = page.Exact(stage.Values[i])
	r.Shape = say("attention.float32", "Shape", view.ShapeText(stage.Shape))
	r.Fn = stage.Func
	r.Rows, r.By = page.Formula(view.FlowLines(p.shown, c.shown.Model(), s.name, i)), view.FuncFlowLines
	if layer, head, q, k, ok := s.weightAt(i); ok {
		if cell, held := c.shown.Cell(layer, head, q, k); held {
			r.Rows, r.By = page.Formula(view.Cell(cell)), view.FuncCell
		}
		r.Rows = append(r.Rows,
			page.Fact(say("attention.fact_head"), page.Decimal(head)),
			page.Row{Name: say("attention.fact_key"), Parts: []view.Part{{Text: c.tokenName(k), Role: view.RoleKey}}})
	} else {
		r.Rows = append(r.Rows, page.Fact(say("attention.fact_index"), s.index(i)))
	}
	r.Rows = append(r.Rows,
		page.Fact(say("attention.fact_norm"), page.Exact(stage.Norm)),
		page.Fact(say("attention.fact_layer"), page.Decimal(int(p.shown.Layer))),
		page.Fact(say("attention.fact_token"), c.tokenName(int(p.shown.Position))))
	if told := len(stage.Values); told < product(stage.Shape) {
		r.Rows = append(r.Rows, page.Fact("", say("attention.cut", "N", page.Grouped(told))))
	}
	return r
}

func product(shape []uint32) int {
	n := 1
	for _, d := range shape {
		n *= int(d)
	}
	return n
}
