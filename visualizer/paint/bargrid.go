package paint

import "math"

// BarGrid shows a table of numbers that are not negative as upright bars: a row
// of bars for each row of the table, one for each column, all of one scale, so
// that any two can be compared. A row stands on a hairline. A number above zero
// is at least a pixel high, a NaN dots its place. Where there are more columns
// than pixels, a pixel shows the largest of those that fall on it.
type BarGrid struct {
	box    Rect
	across axis
	rows   int
	pitch  int // pixels from row to row
	gap    int // between bars
	space  int // above the bars of a row
}

// Layout fits rows×columns bars into box: gap pixels between bars where they are
// wide enough for it, at least space pixels above the highest bar of a row. It
// returns the rectangle that they take, at box's top left.
func (g *BarGrid) Layout(box Rect, rows, columns, gap, space int) Rect {
	*g = BarGrid{}
	if box.Empty() || rows <= 0 || columns <= 0 || box.H < 2*rows {
		return Rect{}
	}
	box.W, box.H = min(box.W, MaxSide), min(box.H, MaxSide)
	g.across, g.rows, g.pitch = fitAxis(columns, box.W), rows, box.H/rows
	if gap > 0 && g.across.pixels/columns >= 3*gap {
		g.gap = gap
	}
	g.space = min(max(space, 0), g.pitch-2)
	g.box = Rect{box.X, box.Y, g.across.pixels, rows * g.pitch}
	return g.box
}

// Paint paints the numbers, row by row, over the paper: a bar of top is as high as
// its row allows. The colour of a row's bars is colors[row], or the last of them.
func (g *BarGrid) Paint(c *Canvas, t *Theme, values []float32, top float32, colors ...Color) {
	c.Fill(g.box, t.Paper)
	for row := range g.rows {
		floor := g.floor(row)
		c.Fill(Rect{g.box.X, floor, g.box.W, 1}, t.Line)
		for cell := range g.across.cells() {
			from, to := g.across.positions(cell)
			value, known := g.largest(values, row, from, to)
			place := g.place(row, cell)
			if !known {
				c.Dots(place, 3, 1, t.Fog)
				continue
			}
			share := float64(value) / float64(top)
			if !(share > 0) || !(top > 0) || len(colors) == 0 {
				continue
			}
			height := max(1, float64(place.H)*min(share, 1))
			whole, part := int(height), height-math.Floor(height)
			color := colors[min(row, len(colors)-1)]
			c.Fill(Rect{place.X, floor - whole, place.W, whole}, color)
			if end := (Rect{place.X, floor - whole - 1, place.W, 1}); part > 0 {
				c.Fill(end.Intersect(place), Mix(t.Paper, color, part))
			}
		}
	}
}

// largest is the largest of a row's numbers in some columns; a NaN counts for
// nothing, and known is false if there is no other.
func (g *BarGrid) largest(values []float32, row, from, to int) (value float32, known bool) {
	for i := row*g.across.count + from; i < min(row*g.across.count+to, len(values)); i++ {
		if v := values[i]; v == v && (!known || v > value) {
			value, known = v, true
		}
	}
	return value, known
}

// floor is the pixel row of the hairline that a row's bars stand on.
func (g *BarGrid) floor(row int) int { return g.box.Y + (row+1)*g.pitch - 1 }

// place is where the bar of a cell can grow.
func (g *BarGrid) place(row, cell int) Rect {
	x0, x1 := g.across.pixelsOf(cell)
	top := g.box.Y + row*g.pitch + g.space
	return Rect{g.box.X + x0, top, x1 - x0 - g.gap, g.floor(row) - top}
}

// Cell is where a number's bar can grow, the zero Rect if it is not in the table.
func (g *BarGrid) Cell(row, column int) Rect {
	if row < 0 || row >= g.rows || column < 0 || column >= g.across.count {
		return Rect{}
	}
	return g.place(row, g.across.cellOf(column))
}

// At finds the row and column at the pixel (x, y), the space above a row and the
// gap after a bar included; of columns that share a pixel it is the first.
func (g *BarGrid) At(x, y int) (row, column int, ok bool) {
	if !g.box.Contains(x, y) {
		return 0, 0, false
	}
	column, _ = g.across.positions(g.across.cellAt(x - g.box.X))
	return (y - g.box.Y) / g.pitch, column, true
}
