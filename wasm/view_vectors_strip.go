//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// vectorStrip shows the chosen token's vector number by number. While
// another one is on its way the last one stays, pale.
type vectorStrip struct {
	v *vectorsView
	c *client
	*surface
	pen     *pen
	legend  *surface
	piece   *textCell // of the token
	title   *textCell
	says    *textCell
	cell    *textCell // what the cursor is on, for a screen reader
	low     *textCell
	high    *textCell
	strip   paint.Strip
	picture paint.Canvas
	ramp    paint.Canvas

	shown   *wire.Vector // that is painted
	current bool         // shown is what the page's place asks for
	pointed int          // under the pointer, −1 for none
	cursor  int          // of the keyboard
	focused bool
	stale   bool // title, words and layout
	dirty   bool
}

func newVectorStrip(v *vectorsView) *vectorStrip {
	ends := byID("strip-legend").findAll("span")
	s := &vectorStrip{
		v: v, c: v.c, piece: newTextCell(byID("strip-piece")), title: newTextCell(byID("strip-width")), says: newTextCell(byID("strip-says")), cell: newTextCell(byID("strip-cell")),
		low: newTextCell(ends[0]), high: newTextCell(ends[1]), pointed: -1,
	}
	resized := func() { v.c.changed(change{page: changedSize}) }
	s.surface = newSurface(byID("strip-canvas"), resized)
	s.legend = newSurface(byID("strip-legend").find("canvas"), resized)
	s.pen = newPen(s.surface)
	s.canvas.on("pointermove", func(event js.Value) { s.point(s.numberAt(event)) })
	s.canvas.on("pointerleave", func(jsEvent) { s.point(-1) })
	s.canvas.on("click", func(event js.Value) {
		if i := s.numberAt(event); i >= 0 {
			s.moveTo(i)
			s.keep()
		}
	})
	s.canvas.on("focus", func(jsEvent) {
		s.focused = true
		s.moveTo(s.cursor)
	})
	s.canvas.on("blur", func(jsEvent) {
		s.focused, s.dirty = false, true
		s.c.inspector.leave()
		s.c.wake()
	})
	s.canvas.on("keydown", s.key)
	return s
}

// numberAt is the number under the pointer, −1 for none.
func (s *vectorStrip) numberAt(event js.Value) int {
	x, y := s.surface.point(event)
	if i, ok := s.strip.At(int(x*s.ratio), int(y*s.ratio)); ok && s.shown != nil {
		return i
	}
	return -1
}

func (s *vectorStrip) point(i int) {
	if i == s.pointed {
		return
	}
	s.pointed, s.dirty = i, true
	if i >= 0 {
		s.c.inspector.point(func() reading { return s.reading(i) })
	} else {
		s.c.inspector.leave()
	}
	s.c.wake()
}

// key moves the cursor by the arrow keys and keeps its number on Enter.
func (s *vectorStrip) key(event js.Value) {
	if s.shown == nil {
		return
	}
	to := s.cursor
	switch event.Get("key").String() {
	case "ArrowLeft":
		to--
	case "ArrowRight":
		to++
	case "ArrowUp":
		to -= s.strip.Columns()
	case "ArrowDown":
		to += s.strip.Columns()
	case "Home":
		to = 0
	case "End":
		to = len(s.shown.Values) - 1
	case "Enter":
		s.keep()
	default:
		return
	}
	event.Call("preventDefault")
	if to >= 0 && to < len(s.shown.Values) {
		s.moveTo(to)
	}
}

func (s *vectorStrip) moveTo(i int) {
	s.cursor, s.dirty = i, true
	s.c.inspector.point(func() reading { return s.reading(s.cursor) })
	if s.shown != nil && i < len(s.shown.Values) {
		s.cell.show(s.c.words.say("vectors.cell", "N", decimal(i), "Value", view.Number(float64(s.shown.Values[i]))))
	}
	s.c.wake()
}

// keep locks the cursor's number in the inspector.
func (s *vectorStrip) keep() {
	i := s.cursor
	s.c.inspector.keep(func() reading { return s.reading(i) })
}

func (s *vectorStrip) update(change) {
	vector, ok := s.c.shown.Vector(s.c.position(), s.v.layer())
	if s.current = ok; ok {
		s.shown = vector
		s.cursor = min(s.cursor, max(len(vector.Values)-1, 0))
	}
	s.stale, s.dirty = true, true
}

func (s *vectorStrip) frame() {
	if s.stale {
		s.stale = false
		s.tell()
	}
	if s.dirty && s.width > 0 {
		s.dirty = false
		s.draw()
	}
}

// tell writes the title, and in words what the strip shows or why it shows
// nothing.
func (s *vectorStrip) tell() {
	say, layer := s.c.words.say, s.v.layer()
	piece, width := s.v.piece(s.c.position()), grouped(int(s.c.shown.Model().Width))
	s.piece.show(piece)
	s.title.show(say("vectors.strip", "Width", width))
	if !s.current {
		words, refused := s.c.trouble(s.v.vectorQuery())
		switch {
		case refused:
		case s.v.busy():
			words = say("vectors.wait_rest")
		default:
			words = say("vectors.asking")
		}
		s.says.show(words)
		s.canvas.setAttr("aria-label", words)
		return
	}
	limit, beyond := view.SignedLimit(s.shown.Values)
	words := ""
	switch layer {
	case 0:
		words = say("vectors.strip_embedding", "ID", grouped(int(s.c.shown.Tokens()[s.c.position()].ID)))
	case s.v.layers():
		words = say("vectors.strip_norm")
	default:
		words = s.c.words.say("vectors.strip_layer", "Layer", decimal(layer))
	}
	low, high := view.Number(float64(-limit)), view.Number(float64(limit))
	if beyond > 0 {
		words = s.c.words.sentences(words, s.c.words.count("vectors.strip_beyond", beyond))
		low, high = "≤ "+low, "≥ "+high
	}
	s.says.show(words)
	s.low.show(low)
	s.high.show(high)
	s.canvas.setAttr("aria-label", say("vectors.strip_label", "Piece", piece, "Width", width, "Layer", decimal(layer), "Low", low, "High", high))
}

func (s *vectorStrip) draw() {
	p, t := s.pen, s.c.theme
	p.begin(s.surface)
	if s.shown == nil {
		return
	}
	limit, _ := view.SignedLimit(s.shown.Values)
	scale := t.paint.Signed(limit)
	s.picture.Resize(s.deviceWidth(), s.deviceHeight())
	s.picture.Clear(t.paint.Paper)
	s.strip.Layout(s.picture.Bounds(), len(s.shown.Values), 0, 1)
	s.strip.Paint(&s.picture, t.paint, s.shown.Values, scale)
	s.show(&s.picture, 0, 0)
	if !s.current {
		s.ctx.Set("globalAlpha", 0.7)
		p.fill(t.paper)
		p.rect(0, 0, s.width, s.height)
		s.ctx.Set("globalAlpha", 1)
	}
	if s.pointed >= 0 {
		s.outline(s.pointed)
	} else if s.focused {
		s.outline(s.cursor)
	}
	if s.legend.width > 0 {
		s.ramp.Resize(s.legend.deviceWidth(), s.legend.deviceHeight())
		scale.Paint(&s.ramp, s.ramp.Bounds())
		s.legend.show(&s.ramp, 0, 0)
	}
}

// outline draws a frame around a number.
func (s *vectorStrip) outline(i int) {
	box := s.strip.Cell(i)
	x, y, w, h := float64(box.X)/s.ratio, float64(box.Y)/s.ratio, float64(box.W)/s.ratio, float64(box.H)/s.ratio
	s.pen.outline(s.c.theme.paper, 4)
	s.pen.frame(x, y, w, h)
	s.pen.outline(s.c.theme.ink, 2)
	s.pen.frame(x, y, w, h)
}

// reading is what the inspector says about a number. How a layer came to it is
// asked when someone looks.
func (s *vectorStrip) reading(i int) reading {
	say, vector := s.c.words.say, s.shown
	if vector == nil || i < 0 || i >= len(vector.Values) || int(vector.Position) >= len(s.c.shown.Tokens()) {
		return reading{}
	}
	m, position, layer := s.c.shown.Model(), int(vector.Position), int(vector.Layer)
	r := reading{
		title: say("vectors.cell_title", "N", decimal(i), "Piece", s.v.piece(position)),
		value: exact(vector.Values[i]),
		shape: say("vectors.cell_shape", "Width", grouped(len(vector.Values)), "Layer", decimal(layer)),
		fn:    view.VectorFunc(layer, int(m.Layers), m.Backend),
	}
	var before *wire.Flow
	switch {
	case layer == 0:
		r.note = say("vectors.cell_embedding")
	case layer == int(m.Layers):
		r.note = say("vectors.cell_norm")
	default:
		r.note = say("vectors.cell_layer")
	}
	if layer > 0 {
		query := wire.Query{What: wire.QueryFlow, Position: vector.Position, Layer: uint16(layer - 1)}
		flow, known := s.c.shown.Flow(position, layer-1)
		if before = flow; !known {
			before = nil
			if !s.v.busy() {
				s.c.ask(query)
			}
			words, refused := s.c.trouble(query)
			if !refused {
				words = say("inspector.asking")
			}
			r.rows = []row{line(words)}
		}
	}
	id := s.c.shown.Tokens()[position].ID
	if lines := view.VectorLines(vector, m, id, before, i); len(lines) > 0 {
		r.rows, r.by = append(r.rows, formula(lines)...), view.FuncVectorLines
	}
	return r
}
