package paint

import (
	"math"
	"slices"
)

// Curve shows a cumulative distribution and the draw from it. Candidates stand
// from left to right in the order in which the sampler adds them up; the curve
// climbs by each one's probability, a block of that height. The needle enters
// at the height of the uniform number u, meets the first block that reaches
// above it, and falls on the candidate drawn: inverse transform sampling
// (L. Devroye 1986, Non-Uniform Random Variate Generation, II.2).
type Curve struct {
	box   Rect
	count int
	log   bool
}

// Layout fits a distribution of count candidates into box. With log, places
// along the axis are logarithmic, log(1+i)/log(1+count), so that the first
// few of many thousand can be told apart.
func (v *Curve) Layout(box Rect, count int, log bool) {
	*v = Curve{box: box, count: max(count, 0), log: log}
}

// edge is the place of the left edge of candidate i, in pixels from the box's
// left.
func (v *Curve) edge(i int) float64 {
	w := float64(v.box.W)
	if v.log {
		return w * math.Log1p(float64(i)) / math.Log1p(float64(v.count))
	}
	return w * float64(i) / float64(v.count)
}

// candidate is the candidate at a place in pixels from the box's left.
func (v *Curve) candidate(x float64) int {
	share := x / float64(v.box.W)
	i := share * float64(v.count)
	if v.log {
		i = math.Expm1(share * math.Log1p(float64(v.count)))
	}
	return min(max(int(i), 0), v.count-1)
}

// height is the height of a cumulative probability, in pixels from the top of
// the box.
func (v *Curve) height(p float32) float64 {
	if !(p > 0) {
		p = 0
	}
	return float64(v.box.H) * (1 - min(float64(p), 1))
}

// Drawn is the candidate that a uniform number u in [0, 1) draws: the first
// whose cumulative probability is above u, or the last if rounding left none. It is
// -1 if u is NaN or there are no candidates. cumulative must not fall.
func Drawn(cumulative []float32, u float32) int {
	if u != u || len(cumulative) == 0 {
		return -1
	}
	i, _ := slices.BinarySearchFunc(cumulative, u, func(c, u float32) int {
		if c > u {
			return 1
		}
		return -1
	})
	return min(i, len(cumulative)-1)
}

// Paint paints the distribution over the paper. cumulative[i] is the sum of the
// probabilities of candidates 0 … i; it must have the laid-out count. u is
// the uniform number of the draw, NaN for none. width is the thickness of the needle in
// pixels.
func (v *Curve) Paint(c *Canvas, t *Theme, cumulative []float32, u float32, width int) {
	c.Fill(v.box, t.Paper)
	if v.box.Empty() || v.count == 0 || len(cumulative) < v.count {
		return
	}
	cumulative = cumulative[:v.count]
	drawn := Drawn(cumulative, u)
	block := Mix(t.Soft, t.Accent, 0.5)
	for x := range v.box.W {
		first := v.candidate(float64(x))
		last := max(first, v.candidate(math.Nextafter(float64(x+1), 0)))
		var below float32
		if first > 0 {
			below = cumulative[first-1]
		}
		top, foot := v.height(cumulative[last]), v.height(below)
		v.column(c, x, foot, float64(v.box.H), t.Soft)
		v.column(c, x, top, foot, block)
		if first <= drawn && drawn <= last {
			if drawn > 0 {
				below = cumulative[drawn-1]
			} else {
				below = 0
			}
			v.column(c, x, v.height(cumulative[drawn]), v.height(below), t.Accent)
		}
	}
	c.Fill(Rect{v.box.X, v.box.Y + v.box.H - 1, v.box.W, 1}, t.Dim)
	if drawn >= 0 {
		v.needle(c, t, drawn, u, max(width, 1))
	}
}

// column fills one column of pixels between two heights, smooth at both ends, and
// at least a pixel of it.
func (v *Curve) column(c *Canvas, x int, top, foot float64, col Color) {
	if top > foot-1 {
		top = max(foot-1, 0)
	}
	x += v.box.X
	y0, y1 := int(math.Ceil(top)), int(math.Floor(foot))
	if y0 > 0 {
		c.blend(x, v.box.Y+y0-1, col, float64(y0)-top)
	}
	c.Fill(Rect{x, v.box.Y + y0, 1, y1 - y0}, col)
	if y1 < v.box.H {
		c.blend(x, v.box.Y+y1, col, foot-float64(y1))
	}
}

// needle draws the way of u to the candidate drawn.
func (v *Curve) needle(c *Canvas, t *Theme, drawn int, u float32, width int) {
	x, y := v.Needle(drawn, u)
	w := float64(width)
	left, bottom := float64(v.box.X), float64(v.box.Y+v.box.H)
	c.Line(left, y, x, y, w, t.Hot)
	c.Line(x, y, x, bottom-w/2, w, t.Hot)
	c.Disc(x, y, 2*w+1, t.Paper)
	c.Disc(x, y, 2*w, t.Hot)
}

// Needle is the place, in pixels of the canvas, where the needle of u meets the
// block of the candidate drawn.
func (v *Curve) Needle(drawn int, u float32) (x, y float64) {
	middle := (v.edge(drawn) + v.edge(drawn+1)) / 2
	return float64(v.box.X) + middle, float64(v.box.Y) + v.height(u)
}

// Step is the rectangle below which candidate i is listed: its columns, from
// the top of the box to its foot, at least a pixel wide. It is the zero Rect if
// there is no such candidate.
func (v *Curve) Step(i int) Rect {
	if i < 0 || i >= v.count || v.box.Empty() {
		return Rect{}
	}
	x0, x1 := int(v.edge(i)), int(math.Ceil(v.edge(i+1)))
	x0 = min(x0, v.box.W-1)
	return Rect{v.box.X + x0, v.box.Y, max(1, x1-x0), v.box.H}
}

// At finds the candidate whose columns the pixel (x, y) lies in, the first if
// there are several.
func (v *Curve) At(x, y int) (i int, ok bool) {
	if !v.box.Contains(x, y) || v.count == 0 {
		return 0, false
	}
	return v.candidate(float64(x - v.box.X)), true
}
