package paint

// Work is what a step of the scheduler does for a request.
type Work uint8

// The sorts of work, as they are told apart by shape: waiting is a dashed line,
// a prompt a full bar, recomputing a striped one, a token a bar of half the
// height, several tokens a pile of thin bars, a preempted request a hatched one,
// and the end a diamond.
const (
	WorkNone Work = iota
	WorkWaiting
	WorkPrefill
	WorkRecompute
	WorkDecode
	WorkPreempted
	WorkHeld // it runs, but not in this step
	WorkEnd
)

// Gantt shows what each step did for each request: a row a request, a column a
// step.
type Gantt struct {
	box        Rect
	rows, cols int
	row, col   int // pixels
	left       int // of the first column
}

// Layout fits rows of at most maxRow pixels, and columns of col pixels, into a
// box, left pixels of which are kept for names.
func (g *Gantt) Layout(box Rect, rows, maxRow, cols, col, left int) {
	*g = Gantt{box: box, rows: max(rows, 0), cols: max(cols, 0), col: max(col, 1), left: left}
	if g.rows > 0 {
		g.row = min(maxRow, box.H/g.rows)
	}
}

// Cell is the rectangle of a row and a column, the zero Rect if it is not shown.
func (g *Gantt) Cell(row, col int) Rect {
	if row < 0 || row >= g.rows || col < 0 || col >= g.cols {
		return Rect{}
	}
	return Rect{g.box.X + g.left + col*g.col, g.box.Y + row*g.row, g.col, g.row}
}

// Column is the rectangle of a column over all rows.
func (g *Gantt) Column(col int) Rect {
	r := g.Cell(0, col)
	r.H = g.rows * g.row
	return r
}

// At finds the row and the column at a pixel; col is −1 among the names.
func (g *Gantt) At(x, y int) (row, col int, ok bool) {
	if !g.box.Contains(x, y) || g.row <= 0 {
		return 0, 0, false
	}
	row = (y - g.box.Y) / g.row
	if row >= g.rows {
		return 0, 0, false
	}
	if x -= g.box.X + g.left; x < 0 {
		return row, -1, true
	}
	col = x / g.col
	return row, col, col < g.cols
}

// Paint paints the chart over the paper. work[row][col] is what was done,
// tokens[row][col] how many tokens that gave, and hues[row] whose it was.
func (g *Gantt) Paint(c *Canvas, t *Theme, work [][]Work, tokens [][]int, hues []int) {
	c.Fill(g.box, t.Paper)
	for row := range min(g.rows, len(work), len(hues)) {
		colour := t.Hue(hues[row])
		for col := range min(g.cols, len(work[row])) {
			drawn := 0
			if row < len(tokens) && col < len(tokens[row]) {
				drawn = tokens[row][col]
			}
			g.cell(c, t, g.Cell(row, col), work[row][col], drawn, colour)
		}
	}
}

func (g *Gantt) cell(c *Canvas, t *Theme, r Rect, w Work, drawn int, colour Color) {
	pad := r.H / 6
	bar := Rect{r.X, r.Y + pad, r.W, max(1, r.H-2*pad)}
	if r.W > 4 {
		bar.W-- // so that columns are seen
	}
	middle := func(h int) Rect { return Rect{bar.X, r.Y + (r.H-h)/2, bar.W, h} }
	switch w {
	case WorkWaiting:
		if (r.X/max(r.W, 1))%2 == 0 || r.W > 4 {
			line := middle(1)
			line.W = max(1, r.W*2/3)
			c.Fill(line, t.Dim)
		}
	case WorkPrefill:
		c.Fill(bar, colour)
	case WorkRecompute:
		c.Fill(bar, Mix(t.Paper, colour, 0.35))
		c.Stripes(bar, 3, 1, colour)
	case WorkDecode:
		if drawn > 1 {
			pile(c, bar, drawn, colour)
		} else {
			c.Fill(middle(max(2, bar.H/2)), colour)
		}
	case WorkHeld:
		c.Fill(middle(1), colour)
	case WorkPreempted:
		c.Hatch(bar, 4, 1, t.Hot)
	case WorkEnd:
		radius := min(float64(r.H)/2.4, float64(max(r.W, 6)))
		c.Diamond(float64(r.X)+float64(r.W)/2, float64(r.Y)+float64(r.H)/2, radius, t.Ink)
	}
}

// pile paints a thin bar for each of some tokens, as many as there is room for.
func pile(c *Canvas, r Rect, tokens int, colour Color) {
	tokens = min(tokens, max(1, (r.H+1)/3)) // two pixels and a gap each
	for i := range tokens {
		from, to := r.Y+i*(r.H+1)/tokens, r.Y+(i+1)*(r.H+1)/tokens
		c.Fill(Rect{r.X, from, r.W, max(1, to-from-1)}, colour)
	}
}

// PaintFork joins a row to the one that it was forked off from, in the column in which
// it was.
func (g *Gantt) PaintFork(c *Canvas, t *Theme, from, row, col int) {
	a, b := g.Cell(from, col), g.Cell(row, col)
	if a.Empty() || b.Empty() {
		return
	}
	if a.Y > b.Y {
		a, b = b, a
	}
	width := max(1, a.W/4)
	c.Fill(Rect{a.X + (a.W-width)/2, a.Y + a.H/2, width, b.Y - a.Y}, t.Ink)
}
