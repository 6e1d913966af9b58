package paint

import "math"

// blend lays col over the pixel at (x, y) with the given coverage in [0, 1];
// pixels outside the canvas are left out. It is "over" of Porter and Duff
// (1984) for colours that are not premultiplied.
func (c *Canvas) blend(x, y int, col Color, coverage float64) {
	if !c.Bounds().Contains(x, y) {
		return
	}
	a := coverage * float64(col[3]) / 255
	if !(a > 0) {
		return
	}
	p := (*Color)(c.Pix[4*(y*c.W+x):])
	if a >= 1 {
		*p = col
		return
	}
	below := float64(p[3]) / 255 * (1 - a)
	out := a + below
	for i := range 3 {
		p[i] = uint8(math.Round((float64(col[i])*a + float64(p[i])*below) / out))
	}
	p[3] = uint8(math.Round(out * 255))
}

// coverage is the share of a pixel that a shape covers whose edge lies d pixels
// beyond the pixel's centre: a ramp one pixel wide, which is how the
// eye is spared the stairs.
func coverage(d float64) float64 { return min(max(d+0.5, 0), 1) }

// Disc draws a filled disc with smooth edges; (x, y) is its centre, in pixels
// from the canvas's top left corner, so (0.5, 0.5) is the middle of the first
// pixel.
func (c *Canvas) Disc(x, y, radius float64, col Color) {
	c.shape(x, y, radius, col, func(dx, dy float64) float64 {
		return radius - math.Hypot(dx, dy)
	})
}

// Ring draws a circle of the given line width, its middle line at radius.
func (c *Canvas) Ring(x, y, radius, width float64, col Color) {
	c.shape(x, y, radius+width/2, col, func(dx, dy float64) float64 {
		return width/2 - math.Abs(math.Hypot(dx, dy)-radius)
	})
}

// Diamond draws a filled square that stands on a corner, radius from its
// centre to its corners.
func (c *Canvas) Diamond(x, y, radius float64, col Color) {
	c.shape(x, y, radius, col, func(dx, dy float64) float64 {
		return (radius - math.Abs(dx) - math.Abs(dy)) / math.Sqrt2
	})
}

// shape blends col where inside, the distance in pixels from the shape's edge
// inwards at an offset from (x, y), says so. The shape lies within radius.
func (c *Canvas) shape(x, y, radius float64, col Color, inside func(dx, dy float64) float64) {
	box, ok := c.around(x-radius, y-radius, x+radius, y+radius)
	if !ok {
		return
	}
	for py := box.Y; py < box.Y+box.H; py++ {
		for px := box.X; px < box.X+box.W; px++ {
			d := inside(float64(px)+0.5-x, float64(py)+0.5-y)
			c.blend(px, py, col, coverage(d))
		}
	}
}

// Line draws a straight line with round ends and smooth edges from (x0, y0) to
// (x1, y1), in the coordinates of [Canvas.Disc].
func (c *Canvas) Line(x0, y0, x1, y1, width float64, col Color) {
	r := width / 2
	box, ok := c.around(min(x0, x1)-r, min(y0, y1)-r, max(x0, x1)+r, max(y0, y1)+r)
	if !ok {
		return
	}
	dx, dy := x1-x0, y1-y0
	length2 := dx*dx + dy*dy
	for py := box.Y; py < box.Y+box.H; py++ {
		for px := box.X; px < box.X+box.W; px++ {
			x, y := float64(px)+0.5-x0, float64(py)+0.5-y0
			var t float64 // where on the line the nearest point lies, 0 … 1
			if length2 > 0 {
				t = min(max((x*dx+y*dy)/length2, 0), 1)
			}
			c.blend(px, py, col, coverage(r-math.Hypot(x-t*dx, y-t*dy)))
		}
	}
}

// around returns the pixels of the canvas that a shape between the given
// corners can touch; ok is false if there are none or a corner is not a
// number.
func (c *Canvas) around(x0, y0, x1, y1 float64) (box Rect, ok bool) {
	w, h := float64(c.W), float64(c.H)
	if !(x0 < w && y0 < h && x1 > 0 && y1 > 0) {
		return Rect{}, false
	}
	left, top := int(max(math.Floor(x0), 0)), int(max(math.Floor(y0), 0))
	right, bottom := int(min(math.Ceil(x1), w)), int(min(math.Ceil(y1), h))
	return Rect{left, top, right - left, bottom - top}, true
}

// Hatch lays diagonal lines over r, falling to the left, period pixels apart
// from line to line and width pixels wide. Lines of neighbouring rectangles meet.
func (c *Canvas) Hatch(r Rect, period, width int, col Color) {
	c.pattern(r, col, func(x, y int) bool { return mod(x+y, period) < width })
}

// Stripes lays vertical lines over r.
func (c *Canvas) Stripes(r Rect, period, width int, col Color) {
	c.pattern(r, col, func(x, _ int) bool { return mod(x, period) < width })
}

// Dots lays single dots of size×size pixels over r: what is there is not known.
func (c *Canvas) Dots(r Rect, period, size int, col Color) {
	c.pattern(r, col, func(x, y int) bool {
		return mod(y, period) < size && mod(x+mod(y/max(period, 1), 2)*period/2, period) < size
	})
}

// pattern blends col over the pixels of r where on says so.
func (c *Canvas) pattern(r Rect, col Color, on func(x, y int) bool) {
	r = r.Intersect(c.Bounds())
	for y := r.Y; y < r.Y+r.H; y++ {
		for x := r.X; x < r.X+r.W; x++ {
			if on(x, y) {
				c.blend(x, y, col, 1)
			}
		}
	}
}

// mod is the remainder of a by n in 0 … n-1; 0 if n is not positive.
func mod(a, n int) int {
	if n <= 0 {
		return 0
	}
	return (a%n + n) % n
}
