//go:build js && wasm

package main

import "vitrine/wasm/page"

// flowWires are the lines between the boxes of the flow: thin ones for what an
// operation takes, a broad one for the residual stream.
type flowWires struct {
	p       *flowPart
	surface *page.Surface
	pen     *page.Pen
	boxes   map[string]box // where the slots stand
	stale   bool
}

func newFlowWires(p *flowPart) *flowWires {
	w := &flowWires{p: p}
	w.surface = page.NewSurface(p.place.Find(".wires"), func() {
		w.stale = true
		p.c.wake()
	})
	w.pen = page.NewPen(w.surface)
	return w
}

// point is a place in the diagram, in CSS pixels.
type point struct{ x, y float64 }

// left, right, top and bottom are places on the sides of a box: along says
// where, from 0 to 1.
func (b box) left(along float64) point   { return point{b.x, b.y + along*b.h} }
func (b box) right(along float64) point  { return point{b.x + b.w, b.y + along*b.h} }
func (b box) top(along float64) point    { return point{b.x + along*b.w, b.y} }
func (b box) bottom(along float64) point { return point{b.x + along*b.w, b.y + b.h} }

func (w *flowWires) frame() {
	if !w.stale || w.surface.Width == 0 {
		return
	}
	w.stale = false
	w.pen.Begin(w.surface)
	if pageScrolls() {
		return // the boxes stand in one line, with arrows of the style sheet
	}
	w.boxes = map[string]box{}
	for _, s := range w.p.stages {
		if !s.slot.Hidden() {
			w.boxes[s.name] = s.slotBox()
		}
	}
	w.drawResidual()
	w.pen.Outline(w.p.c.theme.Edge, 1)
	w.drawAttention()
	w.drawFeedForward()
}

// drawResidual draws the residual stream: past attention, past the feed-forward
// part, and where each takes from it.
func (w *flowWires) drawResidual() {
	t := w.p.c.theme
	b := w.boxes
	in, mid, out := b["input"], b["resid_mid"], b["resid_out"]
	norm, ffn := b["attn_norm"], b["ffn_norm"]
	between := (b["v"].y + b["v"].h + ffn.y) / 2 // the gap between the two parts
	above := 0.3 * t.Rem
	w.pen.Outline(t.Edge, 2.5)
	w.path(in.top(0.5), point{in.x + in.w/2, above}, point{mid.x + 0.7*mid.w, above}, mid.top(0.7))
	w.path(mid.bottom(0.7), out.top(0.7))
	w.pen.Outline(t.Edge, 1)
	w.path(in.right(0.5), norm.left(0.5))
	w.path(point{mid.x + 0.7*mid.w, between}, point{ffn.x + ffn.w/2, between}, ffn.top(0.5))
}

func (w *flowWires) drawAttention() {
	b := w.boxes
	for _, name := range []string{"q", "k", "v"} {
		w.elbow(b["attn_norm"].right(0.5), b[name].left(0.5))
	}
	w.path(b["q"].right(0.5), b["q_rope"].left(0.5))
	w.path(b["k"].right(0.5), b["k_rope"].left(0.5))
	w.path(b["q_rope"].right(0.5), b["scores"].left(0.5))
	w.elbow(b["k_rope"].right(0.5), b["scores"].left(0.8))
	w.path(b["scores"].bottom(0.5), b["probs"].top(0.5))
	mean := b["attn_out"]
	w.path(b["probs"].right(0.5), point{mean.x + mean.w/2, b["probs"].right(0.5).y}, mean.top(0.5))
	w.path(b["v"].right(0.5), mean.left(0.5))
	w.path(mean.right(0.5), b["o_proj"].left(0.5))
	out, mid := b["o_proj"], b["resid_mid"]
	if post, has := b["attn_post_norm"]; has {
		w.path(out.top(0.5), post.bottom(0.5))
		w.path(post.right(0.5), mid.left(0.5))
		return
	}
	w.path(out.right(0.5), point{mid.x + 0.3*mid.w, out.right(0.5).y}, mid.bottom(0.3))
}

func (w *flowWires) drawFeedForward() {
	b := w.boxes
	w.path(b["ffn_norm"].right(0.5), b["gate"].left(0.5))
	w.elbow(b["ffn_norm"].right(0.5), b["up"].left(0.5))
	w.path(b["gate"].right(0.5), b["silu_mul"].left(0.5))
	w.elbow(b["up"].right(0.5), b["silu_mul"].left(0.8))
	w.path(b["silu_mul"].right(0.5), b["down"].left(0.5))
	last := b["down"]
	if post, has := b["ffn_post_norm"]; has {
		w.path(last.right(0.5), post.left(0.5))
		last = post
	}
	w.path(last.right(0.5), b["resid_out"].left(0.5))
}

// elbow draws a line that changes height half-way.
func (w *flowWires) elbow(from, to point) {
	middle := (from.x + to.x) / 2
	w.path(from, point{middle, from.y}, point{middle, to.y}, to)
}

// path draws a line through points, with an arrowhead at the last one.
func (w *flowWires) path(points ...point) {
	const head = 3.5
	p := w.pen
	last, before := points[len(points)-1], points[len(points)-2]
	p.BeginF.Invoke()
	p.MoveF.Invoke(points[0].x, points[0].y)
	for _, at := range points[1:] {
		p.LineF.Invoke(at.x, at.y)
	}
	p.StrokeF.Invoke()
	dx, dy := direction(before.x, last.x), direction(before.y, last.y)
	p.BeginF.Invoke()
	p.MoveF.Invoke(last.x-head*dx-head*dy, last.y-head*dy-head*dx)
	p.LineF.Invoke(last.x, last.y)
	p.LineF.Invoke(last.x-head*dx+head*dy, last.y-head*dy+head*dx)
	p.StrokeF.Invoke()
}

func direction(from, to float64) float64 {
	switch {
	case to > from:
		return 1
	case to < from:
		return -1
	}
	return 0
}
