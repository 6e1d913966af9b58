package paint

import "math"

// PaintSharers paints over a block that several hold: a stripe in the hue of each
// in turn, as [Theme.Hue] numbers them, as many as there is room for.
func (g *BlockGrid) PaintSharers(c *Canvas, t *Theme, block int, hues []int) {
	box := g.Cell(block)
	if box.Empty() || len(hues) == 0 {
		return
	}
	box = box.Inset(1 + g.border)
	if g.gauged > 0 {
		box.H = g.gauge(block).Y - g.border - box.Y
	}
	width := max(2, g.cell/8)
	for i := 0; i*width < box.W; i++ {
		hue := t.Hue(hues[i%len(hues)])
		c.Fill(Rect{box.X + i*width, box.Y, min(width, box.W-i*width), box.H}, Mix(t.Paper, hue, 0.36))
	}
}

// PaintEviction marks a block whose content was just given up: a frame, and a
// corner torn off.
func (g *BlockGrid) PaintEviction(c *Canvas, block int, colour Color) {
	box := g.Cell(block)
	side := max(2, box.W/3)
	for y := range min(side, box.H) {
		for x := box.X + box.W - side + y; x < box.X+box.W; x++ {
			c.blend(x, box.Y+y, colour, 1)
		}
	}
	g.outline(c, box, max(1, g.border), colour)
}

// PaintCopy marks that one block was just copied to another: a frame around
// either, and an arrow from the one to the other.
func (g *BlockGrid) PaintCopy(c *Canvas, from, to int, colour Color) {
	a, b := g.Cell(from), g.Cell(to)
	if a.Empty() || b.Empty() || from == to {
		return
	}
	g.outline(c, a, max(1, g.border), colour)
	g.outline(c, b, max(2, 2*g.border), colour)
	// Past what is written in the middle of either: along the bottom in a row, from
	// edge to edge between rows.
	high, low := 0.12*float64(g.cell), 0.77*float64(g.cell)
	x0, y0 := float64(a.X)+float64(a.W)/2, float64(a.Y)+low
	x1, y1 := float64(b.X)+float64(b.W)/2, float64(b.Y)+low
	switch {
	case b.Y > a.Y:
		y1 = float64(b.Y) + high
	case b.Y < a.Y:
		y0 = float64(a.Y) + high
	}
	length := math.Hypot(x1-x0, y1-y0)
	ux, uy := (x1-x0)/length, (y1-y0)/length
	out := float64(g.cell) * 0.3
	x0, x1 = x0+ux*out, x1-ux*out
	width, head := math.Max(1, float64(g.cell)/18), float64(g.cell)/4
	c.Line(x0, y0, x1, y1, width, colour)
	for _, side := range []float64{-1, 1} {
		c.Line(x1, y1, x1-head*(ux*0.85+side*uy*0.5), y1-head*(uy*0.85-side*ux*0.5), width, colour)
	}
}

// outline lays a frame over what is there.
func (g *BlockGrid) outline(c *Canvas, r Rect, thickness int, colour Color) {
	c.pattern(r, colour, func(x, y int) bool {
		return x < r.X+thickness || x >= r.X+r.W-thickness || y < r.Y+thickness || y >= r.Y+r.H-thickness
	})
}
