//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// vectorStrip shows the chosen token's vector number by number. While
// another one is on its way the last one stays, pale.
type vectorStrip struct {
	v *vectorsView
	c *client
	*page.Surface
	pen     *page.Pen
	legend  *page.Surface
	piece   *page.TextCell // of the token
	title   *page.TextCell
	says    *page.TextCell
	cell    *page.TextCell // what the cursor is on, for a screen reader
	low     *page.TextCell
	high    *page.TextCell
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
	ends := page.ByID("strip-legend").FindAll("span")
	s := &vectorStrip{
		v: v, c: v.c, piece: page.NewTextCell(page.ByID("strip-piece")), title: page.NewTextCell(page.ByID("strip-width")), says: page.NewTextCell(page.ByID("strip-says")), cell: page.NewTextCell(page.ByID("strip-cell")),
		low: page.NewTextCell(ends[0]), high: page.NewTextCell(ends[1]), pointed: -1,
	}
	resized := func() { v.c.changed(change{page: changedSize}) }
	s.Surface = page.NewSurface(page.ByID("strip-canvas"), resized)
	s.legend = page.NewSurface(page.ByID("strip-legend").Find("canvas"), resized)
	s.pen = page.NewPen(s.Surface)
	s.Canvas.On("pointermove", func(event js.Value) { s.point(s.numberAt(event)) })
	s.Canvas.On("pointerleave", func(jsEvent) { s.point(-1) })
	s.Canvas.On("click", func(event js.Value) {
		if i := s.numberAt(event); i >= 0 {
			s.moveTo(i)
			s.keep()
		}
	})
	s.Canvas.On("focus", func(jsEvent) {
		s.focused = true
		s.moveTo(s.cursor)
	})
	s.Canvas.On("blur", func(jsEvent) {
		s.focused, s.dirty = false, true
		s.c.inspector.Leave()
		s.c.wake()
	})
	s.Canvas.On("keydown", s.key)
	return s
}

// numberAt is the number under the pointer, −1 for none.
func (s *vectorStrip) numberAt(event js.Value) int {
	x, y := s.Surface.Point(event)
	if i, ok := s.strip.At(int(x*s.Ratio), int(y*s.Ratio)); ok && s.shown != nil {
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
		s.c.inspector.Point(func() page.Reading { return s.reading(i) })
	} else {
		s.c.inspector.Leave()
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
	s.c.inspector.Point(func() page.Reading { return s.reading(s.cursor) })
	if s.shown != nil && i < len(s.shown.Values) {
		s.cell.Show(s.c.words.Say("vectors.cell", "N", page.Decimal(i), "Value", view.Number(float64(s.shown.Values[i]))))
	}
	s.c.wake()
}

// keep locks the cursor's number in the inspector.
func (s *vectorStrip) keep() {
	i := s.cursor
	s.c.inspector.Keep(func() page.Reading { return s.reading(i) })
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
	if s.dirty && s.Width > 0 {
		s.dirty = false
		s.draw()
	}
}

// tell writes the title, and in words what the strip shows or why it shows
// nothing.
func (s *vectorStrip) tell() {
	say, layer := s.c.words.Say, s.v.layer()
	piece, width := s.v.piece(s.c.position()), page.Grouped(int(s.c.shown.Model().Width))
	s.piece.Show(piece)
	s.title.Show(say("vectors.strip", "Width", width))
	if !s.current {
		words, refused := s.c.trouble(s.v.vectorQuery())
		switch {
		case refused:
		case s.v.busy():
			words = say("vectors.wait_rest")
		default:
			words = say("vectors.asking")
		}
		s.says.Show(words)
		s.Canvas.SetAttr("aria-label", words)
		return
	}
	limit, beyond := view.SignedLimit(s.shown.Values)
	words := ""
	switch layer {
	case 0:
		words = say("vectors.strip_embedding", "ID", page.Grouped(int(s.c.shown.Tokens()[s.c.position()].ID)))
	case s.v.layers():
		words = say("vectors.strip_norm")
	default:
		words = s.c.words.Say("vectors.strip_layer", "Layer", page.Decimal(layer))
	}
	low, high := view.Number(float64(-limit)), view.Number(float64(limit))
	if beyond > 0 {
		words = s.c.words.Sentences(words, s.c.words.Count("vectors.strip_beyond", beyond))
		low, high = "≤ "+low, "≥ "+high
	}
	s.says.Show(words)
	s.low.Show(low)
	s.high.Show(high)
	s.Canvas.SetAttr("aria-label", say("vectors.strip_label", "Piece", piece, "Width", width, "Layer", page.Decimal(layer), "Low", low, "High", high))
}

func (s *vectorStrip) draw() {
	p, t := s.pen, s.c.theme
	p.Begin(s.Surface)
	if s.shown == nil {
		return
	}
	limit, _ := view.SignedLimit(s.shown.Values)
	scale := t.Paint.Signed(limit)
	s.picture.Resize(s.DeviceWidth(), s.DeviceHeight())
	s.picture.Clear(t.Paint.Paper)
	s.strip.Layout(s.picture.Bounds(), len(s.shown.Values), 0, 1)
	s.strip.Paint(&s.picture, t.Paint, s.shown.Values, scale)
	s.Show(&s.picture, 0, 0)
	if !s.current {
		s.Ctx.Set("globalAlpha", 0.7)
		p.Fill(t.Paper)
		p.Rect(0, 0, s.Width, s.Height)
		s.Ctx.Set("globalAlpha", 1)
	}
	if s.pointed >= 0 {
		s.outline(s.pointed)
	} else if s.focused {
		s.outline(s.cursor)
	}
	if s.legend.Width > 0 {
		s.ramp.Resize(s.legend.DeviceWidth(), s.legend.DeviceHeight())
		scale.Paint(&s.ramp, s.ramp.Bounds())
		s.legend.Show(&s.ramp, 0, 0)
	}
}

// outline draws a frame around a number.
func (s *vectorStrip) outline(i int) {
	box := s.strip.Cell(i)
	x, y, w, h := float64(box.X)/s.Ratio, float64(box.Y)/s.Ratio, float64(box.W)/s.Ratio, float64(box.H)/s.Ratio
	s.pen.Outline(s.c.theme.Paper, 4)
	s.pen.Frame(x, y, w, h)
	s.pen.Outline(s.c.theme.Ink, 2)
	s.pen.Frame(x, y, w, h)
}

// reading is what the inspector says about a number. How a layer came to it is
// asked when someone looks.
func (s *vectorStrip) reading(i int) page.Reading {
	say, vector := s.c.words.Say, s.shown
	if vector == nil || i < 0 || i >= len(vector.Values) || int(vector.Position) >= len(s.c.shown.Tokens()) {
		return page.Reading{}
	}
	m, position, layer := s.c.shown.Model(), int(vector.Position), int(vector.Layer)
	r := page.Reading{
		Title: say("vectors.cell_title", "N", page.Decimal(i), "Piece", s.v.piece(position)),
		Value: page.Exact(vector.Values[i]),
		Shape: say("vectors.cell_shape", "Width", page.Grouped(len(vector.Values)), "Layer", page.Decimal(layer)),
		Fn:    view.VectorFunc(layer, int(m.Layers), m.Backend),
	}
	var before *wire.Flow
	switch {
	case layer == 0:
		r.Note = say("vectors.cell_embedding")
	case layer == int(m.Layers):
		r.Note = say("vectors.cell_norm")
	default:
		r.Note = say("vectors.cell_layer")
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
			r.Rows = []page.Row{page.Line(words)}
		}
	}
	id := s.c.shown.Tokens()[position].ID
	if lines := view.VectorLines(vector, m, id, before, i); len(lines) > 0 {
		r.Rows, r.By = append(r.Rows, page.Formula(lines)...), view.FuncVectorLines
	}
	return r
}
