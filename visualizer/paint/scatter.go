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
	unit          [][2]float64 // layer, point: places with -1 … 1 within the scale
	half          []float64    // a layer's half width of the scale
	origin        [][2]float64 // a layer's (0, 0), the mean, in the same measure
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
	s.unit = resized(s.unit, layers*count)
	s.half, s.origin = resized(s.half, layers), resized(s.origin, layers)
	for layer := range layers {
		s.fit(layer, xy[2*layer*count:][:2*count])
	}
	s.Place(s.layer)
	return true
}

// fit finds a layer's scale and sets its points in it. The scale is centred on
// the median and reaches to the farthest point, or a quarter beyond nine
// tenths of the points where the farthest is more than 2.5 times as far: the first
// token's vector is often hundreds of times longer than the others.
func (s *Scatter) fit(layer int, xy []float32) {
	var centre [2]float64
	scratch := make([]float64, 0, s.count)
	for axis := range 2 {
		scratch = scratch[:0]
		for i := axis; i < len(xy); i += 2 {
			if v := float64(xy[i]); v-v == 0 {
				scratch = append(scratch, v)
			}
		}
		if len(scratch) > 0 {
			slices.Sort(scratch)
			centre[axis] = (scratch[(len(scratch)-1)/2] + scratch[len(scratch)/2]) / 2
		}
	}
	scratch = scratch[:0]
	for i := 0; i < len(xy); i += 2 {
		d := max(math.Abs(float64(xy[i])-centre[0]), math.Abs(float64(xy[i+1])-centre[1]))
		if d-d == 0 {
			scratch = append(scratch, d)
		}
	}
	half := 1.0
	if len(scratch) > 0 {
		slices.Sort(scratch)
		most, far := scratch[(len(scratch)-1)*9/10], scratch[len(scratch)-1]
		switch {
		case most > 0 && far > 2.5*most:
			half = 1.25 * most
		case far > 0:
			half = far
		}
	}
	s.half[layer] = half
	s.origin[layer] = [2]float64{-centre[0] / half, -centre[1] / half}
	for i := range s.count {
		s.unit[layer*s.count+i] = [2]float64{
			(float64(xy[2*i]) - centre[0]) / half,
			(float64(xy[2*i+1]) - centre[1]) / half,
		}
	}
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
	a, b := s.unit[from*s.count+i], s.unit[to*s.count+i]
	x, outX := s.pixel(a[0], b[0], layer-float64(from), s.w)
	y, outY := s.pixel(-a[1], -b[1], layer-float64(from), s.h)
	return place{x, y, outX || outY}
}

// pixel is the place along one axis of size pixels of a point that moves from a
// to b, and whether it is held at the edge.
func (s *Scatter) pixel(a, b, t float64, size int) (x float64, outside bool) {
	u := a + (b-a)*t
	// One scale serves both axes; along the longer one there is more room.
	reach := float64(min(s.w, s.h)/2 - s.pad)
	limit := float64(size)/2 - float64(s.pad)
	x = u * reach
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
	a, b, t := math.Log(s.half[from]), math.Log(s.half[to]), s.layer-float64(from)
	return float64(min(s.w, s.h)/2-s.pad) / math.Exp(a+(b-a)*t)
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
	a, b := s.origin[from], s.origin[min(from+1, s.layers-1)]
	x, outX := s.pixel(a[0], b[0], s.layer-float64(from), s.w)
	y, outY := s.pixel(-a[1], -b[1], s.layer-float64(from), s.h)
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
