package paint

import "math"

// XY is a point of a line, in the line's own units.
type XY struct{ X, Y float64 }

// Lines shows lines over a common scale from 0 to MaxX and from 0 to MaxY.
type Lines struct {
	Box        Rect
	MaxX, MaxY float64
}

// Pixel is where a point lies.
func (l *Lines) Pixel(p XY) (x, y float64) {
	return float64(l.Box.X) + share(p.X, l.MaxX)*float64(l.Box.W-1) + 0.5,
		float64(l.Box.Y+l.Box.H) - share(p.Y, l.MaxY)*float64(l.Box.H-1) - 0.5
}

// share is v/most within 0 … 1, 0 if there is no most.
func share(v, most float64) float64 {
	if !(most > 0) || math.IsNaN(v) {
		return 0
	}
	return min(max(v/most, 0), 1)
}

// Paint draws a line of the given width; dash is the length of its dashes in
// pixels, 0 for none.
func (l *Lines) Paint(c *Canvas, points []XY, width float64, dash int, colour Color) {
	along := 0.0
	for i := 1; i < len(points); i++ {
		x0, y0 := l.Pixel(points[i-1])
		x1, y1 := l.Pixel(points[i])
		length := math.Hypot(x1-x0, y1-y0)
		if dash <= 0 {
			c.Line(x0, y0, x1, y1, width, colour)
			continue
		}
		// Piece by piece, every second one drawn.
		for from := 0.0; from < length; {
			into := math.Mod(along+from, 2*float64(dash))
			left := float64(dash) - math.Mod(into, float64(dash))
			to := min(from+left, length)
			if into < float64(dash) {
				a, b := from/length, to/length
				c.Line(x0+a*(x1-x0), y0+a*(y1-y0), x0+b*(x1-x0), y0+b*(y1-y0), width, colour)
			}
			from = to + 1e-9
		}
		along += length
	}
}

// Area fills what lies below a line.
func (l *Lines) Area(c *Canvas, points []XY, colour Color) {
	bottom := l.Box.Y + l.Box.H
	for i := 1; i < len(points); i++ {
		x0, y0 := l.Pixel(points[i-1])
		x1, y1 := l.Pixel(points[i])
		for x := int(math.Ceil(x0 - 0.5)); float64(x)+0.5 < x1; x++ {
			at := 0.0
			if x1 > x0 {
				at = (float64(x) + 0.5 - x0) / (x1 - x0)
			}
			top := int(math.Round(y0 + at*(y1-y0)))
			c.Fill(Rect{x, top, 1, bottom - top}, colour)
		}
	}
}
