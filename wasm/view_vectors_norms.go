//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"syscall/js"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// vectorNorms draws how long the vectors are, layer by layer: the chosen
// token's as a line, others' thin behind it.
type vectorNorms struct {
	v *vectorsView
	c *client
	*page.Surface
	pen       *page.Pen
	says      *page.TextCell
	of        *wire.Projection
	low, high int // decades of the scale
	pointed   int // layer under the pointer, −1 for none
	stale     bool
	dirty     bool
}

func newVectorNorms(v *vectorsView) *vectorNorms {
	n := &vectorNorms{v: v, c: v.c, says: page.NewTextCell(page.ByID("norms-says")), pointed: -1}
	n.Surface = page.NewSurface(page.ByID("norms-canvas"), func() { v.c.changed(change{page: changedSize}) })
	n.pen = page.NewPen(n.Surface)
	n.Canvas.On("pointermove", func(event js.Value) { n.point(n.layerAt(event)) })
	n.Canvas.On("pointerleave", func(jsEvent) { n.point(-1) })
	n.Canvas.On("click", func(event js.Value) {
		if layer := n.layerAt(event); layer >= 0 {
			v.halt()
			v.chooseLayer(layer)
			n.c.inspector.Keep(func() page.Reading { return n.reading(layer) })
		}
	})
	n.Canvas.On("focus", func(jsEvent) {
		n.c.inspector.Point(func() page.Reading { return n.reading(v.layer()) })
	})
	n.Canvas.On("blur", func(jsEvent) { n.c.inspector.Leave() })
	n.Canvas.On("keydown", func(event js.Value) {
		switch event.Get("key").String() {
		case "ArrowLeft":
			v.halt()
			v.chooseLayer(v.layer() - 1)
		case "ArrowRight":
			v.halt()
			v.chooseLayer(v.layer() + 1)
		case "Enter":
			layer := v.layer()
			n.c.inspector.Keep(func() page.Reading { return n.reading(layer) })
		default:
			return
		}
		event.Call("preventDefault")
	})
	return n
}

// Margins of the curve in CSS pixels.
const (
	normsLeft  = 4.0
	normsRight = 8.0
	normsTop   = 10.0
)

// floor is where the lowest decade is drawn.
func (n *vectorNorms) floor() float64 { return n.Height - 1.3*n.c.theme.Rem }

// left is where the first layer is drawn: right of the scale's numbers.
func (n *vectorNorms) left() float64 { return normsLeft + 2.7*n.c.theme.Rem }

func (n *vectorNorms) x(layer int) float64 {
	return n.left() + (n.Width-n.left()-normsRight)*float64(layer)/float64(max(n.v.layers(), 1))
}

func (n *vectorNorms) y(norm float64) float64 {
	u := (math.Log10(norm) - float64(n.low)) / float64(n.high-n.low)
	return n.floor() - (n.floor()-normsTop)*min(max(u, 0), 1)
}

// layerAt is the layer nearest to the pointer, −1 if there is no curve.
func (n *vectorNorms) layerAt(event js.Value) int {
	x, _ := n.Surface.Point(event)
	if n.of == nil || n.Width == 0 {
		return -1
	}
	layer := (x - n.left()) / (n.Width - n.left() - normsRight) * float64(n.v.layers())
	return min(max(int(math.Round(layer)), 0), n.v.layers())
}

func (n *vectorNorms) point(layer int) {
	if layer == n.pointed {
		return
	}
	n.pointed, n.dirty = layer, true
	if layer >= 0 {
		n.c.inspector.Point(func() page.Reading { return n.reading(layer) })
	} else {
		n.c.inspector.Leave()
	}
	n.c.wake()
}

func (n *vectorNorms) update(change) {
	p, ok := n.c.shown.Projection()
	if !ok {
		p = nil
	}
	if p != n.of {
		n.of = p
		if p != nil {
			n.low, n.high = view.Decades(p.Norms)
		}
	}
	n.stale, n.dirty = true, true
}

func (n *vectorNorms) frame() {
	if n.stale {
		n.stale = false
		n.tell()
	}
	if n.dirty && n.Width > 0 {
		n.dirty = false
		n.draw()
	}
}

// tell says what the curve's scale is, or why there is none.
func (n *vectorNorms) tell() {
	say := n.c.words.Say
	if n.of == nil {
		n.says.Show(n.v.chart.missing())
		n.Canvas.SetAttr("aria-label", say("vectors.norms"))
		return
	}
	low, high := power(n.low), power(n.high)
	n.says.Show(say("vectors.norms_says", "Low", low, "High", high))
	value := "–"
	if norm, ok := n.of.Norm(n.v.layer(), n.c.position()); ok {
		value = view.Number(float64(norm))
	}
	n.Canvas.SetAttr("aria-label", say("vectors.norms_label", "Layers", page.Decimal(n.v.layers()), "Low", low, "High", high,
		"Value", value, "Layer", page.Decimal(n.v.layer())))
}

// power writes a power of ten.
func power(exponent int) string {
	if exponent >= -3 && exponent <= 3 {
		return strconv.FormatFloat(math.Pow10(exponent), 'f', -1, 64)
	}
	return "10" + view.Superscript(exponent)
}

// thinLines is how many other tokens' curves are drawn at most.
const thinLines = 48

func (n *vectorNorms) draw() {
	p, t := n.pen, n.c.theme
	p.Begin(n.Surface)
	if n.of == nil {
		return
	}
	p.Letter(t.Font(t.Mono, 0.72), "right")
	for decade := n.low; decade <= n.high; decade++ {
		y := math.Round(n.y(math.Pow10(decade))) + 0.5
		p.Fill(t.Line)
		p.Rect(n.left(), y-0.5, n.Width-n.left()-normsRight, 1)
		p.Fill(t.Quiet)
		p.Text(power(decade), n.left()-6, y+0.25*t.Rem)
	}
	p.Letter(t.Font(t.Mono, 0.72), "center")
	layers := n.v.layers()
	for _, layer := range []int{0, layers / 2, layers} {
		p.Text(page.Decimal(layer), n.x(layer), n.Height-0.2*t.Rem)
	}
	x := n.x(n.v.layer())
	p.Fill(t.Wash)
	p.Rect(x-3, normsTop, 6, n.floor()-normsTop)

	count, chosen := int(n.of.Count), n.c.position()
	step := (count + thinLines - 1) / thinLines
	p.Outline(t.Edge, 0.6)
	n.Ctx.Set("globalAlpha", 0.45)
	for position := 0; position < count; position += max(step, 1) {
		n.drawLine(position)
	}
	n.Ctx.Set("globalAlpha", 1)
	if chosen >= count {
		return
	}
	p.Outline(t.Accent, 2)
	n.drawLine(chosen)
	if norm, ok := n.of.Norm(layers, chosen); ok {
		p.Outline(t.Accent, 1.5)
		p.BeginF.Invoke()
		p.ArcF.Invoke(n.x(layers), n.y(float64(norm)), 3, 0, 2*math.Pi)
		p.StrokeF.Invoke()
	}
	at := n.v.layer()
	if n.pointed >= 0 {
		at = n.pointed
	}
	if norm, ok := n.of.Norm(at, chosen); ok {
		p.Fill(t.Mark)
		p.Disc(n.x(at), n.y(float64(norm)), 4)
	}
}

// drawLine draws a token's length from the embedding to the last layer; what the
// final norm makes of it is another kind of number and not joined to it.
func (n *vectorNorms) drawLine(position int) {
	p := n.pen
	p.BeginF.Invoke()
	for layer := range n.v.layers() {
		norm, ok := n.of.Norm(layer, position)
		if !ok {
			return
		}
		if layer == 0 {
			p.MoveF.Invoke(n.x(layer), n.y(float64(norm)))
		} else {
			p.LineF.Invoke(n.x(layer), n.y(float64(norm)))
		}
	}
	p.StrokeF.Invoke()
}

// reading is what the inspector says about the chosen token's length at a layer.
func (n *vectorNorms) reading(layer int) page.Reading {
	say, position := n.c.words.Say, n.c.position()
	r := page.Reading{Title: say("vectors.norm_title")}
	if n.of == nil {
		return r
	}
	norm, ok := n.of.Norm(layer, position)
	if !ok {
		r.Note = say("vectors.point_none")
		return r
	}
	r.Value = page.Exact(norm)
	r.Shape = say("vectors.norm_shape", "Width", page.Grouped(int(n.c.shown.Model().Width)), "Layer", page.Decimal(layer))
	r.Rows = []page.Row{page.Line(n.v.piece(position)), page.Line("‖x‖ = √Σ xᵢ² = " + view.Number(float64(norm)))}
	r.Note, r.Fn = say("vectors.norm_note"), view.FuncNorm
	return r
}
