package paint

import "math"

// Strip shows a vector as a heat strip: its numbers from left to right, in
// rows of equal length from the top.
type Strip struct {
	heat    Heat
	count   int
	columns int
}

// Layout fits count numbers into box in rows of columns, or, if columns is 0,
// of the strip's own choice: about square cells and full rows if they can be had. It
// returns the rectangle that they take, at box's top left.
func (s *Strip) Layout(box Rect, count, columns, gap int) Rect {
	s.count = max(count, 0)
	if columns <= 0 {
		columns = squareColumns(s.count, box.W, box.H)
	}
	s.columns = max(1, min(columns, s.count))
	return s.heat.Layout(box, ceilDiv(s.count, s.columns), s.columns, gap)
}

// squareColumns is the number of columns with which count cells in w×h pixels are
// about square. A divisor of count is preferred if one is near: its rows are
// all full.
func squareColumns(count, w, h int) int {
	if count == 0 || w <= 0 || h <= 0 {
		return 1
	}
	ideal := max(1, int(math.Sqrt(float64(count)*float64(w)/float64(h))))
	for c := ideal; c <= ideal+ideal/2; c++ {
		if count%c == 0 {
			return c
		}
	}
	return ideal
}

// Columns is the number of values a row.
func (s *Strip) Columns() int { return s.columns }

// Paint paints the vector in the colours of scale; numbers beyond the laid-out
// count are left out.
func (s *Strip) Paint(c *Canvas, t *Theme, values []float32, scale Scale) {
	s.heat.Paint(c, t, values[:min(len(values), s.count)], scale)
}

// Cell is the rectangle in which number i is shown, the zero Rect if there is
// no such number.
func (s *Strip) Cell(i int) Rect {
	if i < 0 || i >= s.count {
		return Rect{}
	}
	return s.heat.Cell(i/s.columns, i%s.columns)
}

// At finds the number shown at the pixel (x, y), see [Heat.At].
func (s *Strip) At(x, y int) (i int, ok bool) {
	row, col, ok := s.heat.At(x, y)
	if i = row*s.columns + col; !ok || i >= s.count {
		return 0, false
	}
	return i, true
}
