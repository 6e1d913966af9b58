package paint

import "math"

// Heat shows a table of numbers as coloured cells. Cells have whole pixels;
// where there are more rows or columns than pixels, a pixel shows the number of
// largest magnitude that falls on it. A NaN is dotted, what the numbers do not
// reach stays paper. The table keeps the numbers painted last for At.
type Heat struct {
	box          Rect
	across, down axis
	gap          int
	values       []float32 // painted last
}

// Layout fits rows×cols cells into box, gap pixels apart where they are large
// enough for it, and returns the rectangle that they take, at box's top left.
func (g *Heat) Layout(box Rect, rows, cols, gap int) Rect {
	*g = Heat{}
	if box.Empty() || rows <= 0 || cols <= 0 {
		return Rect{}
	}
	box.W, box.H = min(box.W, MaxSide), min(box.H, MaxSide)
	g.across, g.down = fitAxis(cols, box.W), fitAxis(rows, box.H)
	if gap > 0 && min(g.across.pixels/cols, g.down.pixels/rows) >= 3*gap {
		g.gap = gap
	}
	g.box = Rect{box.X, box.Y, g.across.pixels, g.down.pixels}
	return g.box
}

// fitAxis gives count positions equal whole pixels, or lets them share if there
// are not enough.
func fitAxis(count, pixels int) axis {
	if count > pixels {
		return axis{count, pixels}
	}
	return axis{count, pixels / count * count}
}

// Paint paints the numbers, row by row, in the colours of s over the paper.
func (g *Heat) Paint(c *Canvas, t *Theme, values []float32, s Scale) {
	g.values = values
	c.Fill(g.box, t.Paper)
	for cy := range g.down.cells() {
		r0, r1 := g.down.positions(cy)
		for cx := range g.across.cells() {
			c0, c1 := g.across.positions(cx)
			at := g.strongest(r0, r1, c0, c1)
			if at < 0 {
				continue
			}
			box := g.cell(cy, cx)
			if i, ok := s.Index(values[at]); ok {
				c.Fill(box, s.At(i))
			} else {
				c.Dots(box, 3, 1, t.Fog)
			}
		}
	}
}

// strongest is the index of the number of largest magnitude among the given rows
// and columns, the first of equals; a NaN counts as the weakest. It is -1 if the
// numbers end before.
func (g *Heat) strongest(r0, r1, c0, c1 int) int {
	at, best := -1, -1.0
	for r := r0; r < r1; r++ {
		for i := r*g.across.count + c0; i < min(r*g.across.count+c1, len(g.values)); i++ {
			if a := math.Abs(float64(g.values[i])); at < 0 || a > best {
				at = i
				if a == a {
					best = a
				}
			}
		}
	}
	return at
}

// cell is the rectangle of a cell without the gap after it.
func (g *Heat) cell(cy, cx int) Rect {
	x0, x1 := g.across.pixelsOf(cx)
	y0, y1 := g.down.pixelsOf(cy)
	return Rect{g.box.X + x0, g.box.Y + y0, x1 - x0 - g.gap, y1 - y0 - g.gap}
}

// Cell is the rectangle in which a number is shown, the zero Rect if it is not
// in the table.
func (g *Heat) Cell(row, col int) Rect {
	if row < 0 || row >= g.down.count || col < 0 || col >= g.across.count {
		return Rect{}
	}
	return g.cell(g.down.cellOf(row), g.across.cellOf(col))
}

// At finds the row and column of the number shown at the pixel (x, y), the gap
// after a cell included: where several fall on it, the one whose colour it has.
func (g *Heat) At(x, y int) (row, col int, ok bool) {
	if !g.box.Contains(x, y) {
		return 0, 0, false
	}
	r0, r1 := g.down.positions(g.down.cellAt(y - g.box.Y))
	c0, c1 := g.across.positions(g.across.cellAt(x - g.box.X))
	if at := g.strongest(r0, r1, c0, c1); at >= 0 {
		return at / g.across.count, at % g.across.count, true
	}
	return r0, c0, true
}
