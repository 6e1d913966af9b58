package paint

import (
	"math"
	"slices"
)

// Scatter shows the positions of a sequence as points of a plane that move
// from layer to layer, see package visualizer/project. Each layer has a scale of its
// own, found from where most of its points lie; points far outside it are held
// at the edge and drawn hollow. Between two layers each point moves on a straight line.
type Scatter struct {
	w, h, pad     int
	layers, count int
	from          [][2]float64 // layer, point: how far from the middle of what is in sight
	half          [][2]float64 // of a layer: half the width and height of what is in sight
	origin        [][2]float64 // of a layer: how far (0, 0), the mean, is from the middle
	layer         float64
	placed        []place
}

// place is where a point lies on the canvas.
type place struct {
	x, y    float64
	outside bool // held at the edge
}

// Shape is how a point is drawn.
type Shape uint8

// The shapes, so that kinds of points differ by more than colour.
const (
	ShapeDisc Shape = iota
	ShapeRing
	ShapeDiamond
)

// Mark says how a point is drawn. A Radius of 0 hides it.
type Mark struct {
	Color  Color
	Shape  Shape
	Radius float64 // pixels
	Trail  bool    // with its way through the layers before
}

// trailLayers is how many layers back a trail goes.
const trailLayers = 4

// Set gives the places of count points at each of layers layers: layer, point,
// x and y, as wire.Projection has them. It reports whether there are that many numbers;
// if not, the plane is empty. The places are copied.
func (s *Scatter) Set(xy []float32, layers, count int) bool {
	s.layers, s.count, s.placed = 0, 0, s.placed[:0]
	if layers <= 0 || count <= 0 || len(xy)/2/layers < count {
		return false
	}
	s.layers, s.count = layers, count
	s.from = resized(s.from, layers*count)
	s.half, s.origin = resized(s.half, layers), resized(s.origin, layers)
	for layer := range layers {
		s.fit(layer, xy[2*layer*count:][:2*count])
	}
	s.Place(s.layer)
	return true
}

// fit finds what of a layer is in sight: the box around its points, but for
// those that are farther from the median than nine tenths of the points and a
// quarter, where the farthest is more than 2.5 times as far: the first
// token's vector is often hundreds of times longer than the others.
func (s *Scatter) fit(layer int, xy []float32) {
	var centre [2]float64
	scratch := make([]float32, 0, s.count)
	for axis := range 2 {
		scratch = scratch[:0]
		for i := axis; i < len(xy); i += 2 {
			if v := xy[i]; v-v == 0 {
				scratch = append(scratch, v)
			}
		}
		if len(scratch) > 0 {
			slices.Sort(scratch)
			centre[axis] = (float64(scratch[(len(scratch)-1)/2]) + float64(scratch[len(scratch)/2])) / 2
		}
	}
	scratch = scratch[:0]
	for i := 0; i < len(xy); i += 2 {
		d := float32(max(math.Abs(float64(xy[i])-centre[0]), math.Abs(float64(xy[i+1])-centre[1])))
		if d-d == 0 {
			scratch = append(scratch, d)
		}
	}
	reach := math.Inf(1)
	if len(scratch) > 0 {
		slices.Sort(scratch)
		if most, far := scratch[(len(scratch)-1)*9/10], scratch[len(scratch)-1]; most > 0 && far > 2.5*most {
			reach = 1.25 * float64(most)
		}
	}
	for axis := range 2 {
		lo, hi := math.Inf(1), math.Inf(-1)
		for i := 0; i < len(xy); i += 2 {
			dx, dy := float64(xy[i])-centre[0], float64(xy[i+1])-centre[1]
			if max(math.Abs(dx), math.Abs(dy)) <= reach && dx-dx == 0 && dy-dy == 0 {
				v := float64(xy[i+axis])
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		middle := 0.0
		if lo <= hi {
			middle = (lo + hi) / 2
			s.half[layer][axis] = (hi - lo) / 2
		} else {
			s.half[layer][axis] = 0
		}
		s.origin[layer][axis] = -middle
		for i := range s.count {
			s.from[layer*s.count+i][axis] = float64(xy[2*i+axis]) - middle
		}
	}
}

// scale is the number of pixels for a distance of 1 at a layer. One scale
// serves both axes; it is as large as what is in sight allows.
func (s *Scatter) scale(layer int) float64 {
	scale := math.Inf(1)
	for axis, size := range [2]int{s.w, s.h} {
		if half := s.half[layer][axis]; half > 0 {
			scale = min(scale, (float64(size)/2-float64(s.pad))/half)
		}
	}
	if math.IsInf(scale, 1) { // all points are one
		return 1
	}
	return scale
}

// Layout sets the size of the picture and the margin within which nothing but
// the halves of points at the edge is drawn.
func (s *Scatter) Layout(w, h, pad int) {
	s.w, s.h = min(max(w, 0), MaxSide), min(max(h, 0), MaxSide)
	s.pad = min(max(pad, 0), min(s.w, s.h)/2)
	s.Place(s.layer)
}

// Ease bends t in [0, 1] so that a motion starts and ends softly: 3t²−2t³.
func Ease(t float64) float64 {
	t = min(max(t, 0), 1)
	return t * t * (3 - 2*t)
}

// Place moves the points to a layer, 0 … layers−1; 7.25 is a quarter of the
// way from layer 7 to layer 8.
func (s *Scatter) Place(layer float64) {
	if !(layer > 0) {
		layer = 0
	}
	s.layer = layer
	if s.layers == 0 {
		return
	}
	s.layer = min(layer, float64(s.layers-1))
	s.placed = resized(s.placed, s.count)
	for i := range s.placed {
		s.placed[i] = s.place(i, s.layer)
	}
}

// place is where point i lies at a layer. One that is not a number lies
// nowhere: its place is NaN.
func (s *Scatter) place(i int, layer float64) place {
	from := int(layer)
	to := min(from+1, s.layers-1)
	a, b := s.from[from*s.count+i], s.from[to*s.count+i]
	x, outX := s.pixel(a[0]*s.scale(from), b[0]*s.scale(to), layer-float64(from), s.w)
	y, outY := s.pixel(-a[1]*s.scale(from), -b[1]*s.scale(to), layer-float64(from), s.h)
	return place{x, y, outX || outY}
}

// pixel is the place along one axis of size pixels of a point that moves from a
// to b, pixels from the middle, and whether it is held at the edge.
func (s *Scatter) pixel(a, b, t float64, size int) (x float64, outside bool) {
	limit := float64(size)/2 - float64(s.pad)
	x = a + (b-a)*t
	if outside = math.Abs(x) > limit+0.5; outside {
		x = math.Copysign(limit, x)
	}
	return float64(size)/2 + x, outside
}

// Point is where point i lies, in pixels of the canvas, and whether it is held
// at the edge because it lies farther out. It is not ok if there is no such point or its
// place is not a number.
func (s *Scatter) Point(i int) (x, y float64, outside, ok bool) {
	if i < 0 || i >= len(s.placed) {
		return 0, 0, false, false
	}
	p := s.placed[i]
	ok = p.x == p.x && p.y == p.y
	return p.x, p.y, p.outside, ok
}

// PixelsPerUnit is the scale at the present layer: pixels of the canvas for a distance
// of 1 in the numbers given to Set; 0 before that. Between layers it is the
// geometric mean.
func (s *Scatter) PixelsPerUnit() float64 {
	if s.layers == 0 {
		return 0
	}
	from := int(s.layer)
	to := min(from+1, s.layers-1)
	t := s.layer - float64(from)
	return math.Pow(s.scale(from), 1-t) * math.Pow(s.scale(to), t)
}

// Paint paints the plane on c, which is resized: hairlines through the mean, then trails, then
// the points, each as mark says, in order, so that the last lies on top.
func (s *Scatter) Paint(c *Canvas, t *Theme, mark func(i int) Mark) {
	c.Resize(s.w, s.h)
	c.Clear(t.Paper)
	if s.layers == 0 {
		return
	}
	from := int(s.layer)
	to := min(from+1, s.layers-1)
	a, b := s.origin[from], s.origin[to]
	x, outX := s.pixel(a[0]*s.scale(from), b[0]*s.scale(to), s.layer-float64(from), s.w)
	y, outY := s.pixel(-a[1]*s.scale(from), -b[1]*s.scale(to), s.layer-float64(from), s.h)
	if !outX {
		c.Fill(Rect{int(x), 0, 1, s.h}, t.Line)
	}
	if !outY {
		c.Fill(Rect{0, int(y), s.w, 1}, t.Line)
	}
	for i := range s.placed {
		if m := mark(i); m.Trail && m.Radius > 0 {
			s.paintTrail(c, t, i, m)
		}
	}
	for i := range s.placed {
		s.paintPoint(c, t, i, mark(i))
	}
}

// paintTrail paints the way of a point through the layers before, paler the
// farther back. The oldest stretch comes first, so that the joints are clean.
func (s *Scatter) paintTrail(c *Canvas, t *Theme, i int, m Mark) {
	last := int(math.Ceil(s.layer)) - 1 // the layer that the newest stretch comes from
	for back := min(trailLayers-1, last); back >= 0; back-- {
		a, b := s.place(i, float64(last-back)), s.placed[i]
		if back > 0 {
			b = s.place(i, float64(last-back+1))
		}
		col := Mix(t.Paper, m.Color, 0.7*float64(trailLayers-back)/trailLayers)
		c.Line(a.x, a.y, b.x, b.y, max(1, m.Radius/2), col)
	}
}

// paintPoint paints one point with a rim of paper that parts it from those below.
func (s *Scatter) paintPoint(c *Canvas, t *Theme, i int, m Mark) {
	x, y, outside, ok := s.Point(i)
	if !ok || !(m.Radius > 0) {
		return
	}
	line := max(1, m.Radius/3)
	switch {
	case outside || m.Shape == ShapeRing:
		c.Ring(x, y, m.Radius-line/2, line, m.Color)
	case m.Shape == ShapeDiamond:
		c.Diamond(x, y, m.Radius*1.25+1, t.Paper)
		c.Diamond(x, y, m.Radius*1.25, m.Color)
	default:
		c.Disc(x, y, m.Radius+1, t.Paper)
		c.Disc(x, y, m.Radius, m.Color)
	}
}

// At finds the point nearest to the pixel (x, y) within reach pixels, the
// topmost of equals.
func (s *Scatter) At(x, y int, reach float64) (i int, ok bool) {
	best := reach
	for j, p := range s.placed {
		if d := math.Hypot(p.x-float64(x)-0.5, p.y-float64(y)-0.5); d <= best {
			best, i, ok = d, j, true
		}
	}
	return i, ok
}
