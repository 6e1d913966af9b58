package paint

// BlockHeat shows the keys and values that one KV block holds for one layer and
// KV head: two tables side by side, or one above the other where that gives
// larger cells, a row a slot, a column a dimension. A line in the colour of keys
// or of values runs along each. Slots that are not written are hatched.
type BlockHeat struct {
	slots, dim int
	k, v       Heat
	kBox, vBox Rect
	line       int // pixels of the coloured line
}

// Layout fits two tables of slots×dim numbers into box and returns the
// rectangles that keys and values take: beside pixels apart where they stand
// side by side, between pixels where one stands above the other.
func (b *BlockHeat) Layout(box Rect, slots, dim, gap, beside, between int) (k, v Rect) {
	*b = BlockHeat{slots: max(slots, 0), dim: max(dim, 0)}
	if b.slots == 0 || b.dim == 0 || box.Empty() {
		return Rect{}, Rect{}
	}
	beside, between = max(beside, 0), max(between, 0)
	b.line = max(2, min(box.W, box.H)/60)
	half := Rect{box.X, box.Y, (box.W - beside) / 2, box.H}
	stacked := Rect{box.X, box.Y, box.W, (box.H - between) / 2}
	if cell(stacked, b.slots, b.dim) > cell(half, b.slots, b.dim) {
		b.kBox = b.k.Layout(b.below(stacked), b.slots, b.dim, gap)
		next := stacked
		next.Y = b.kBox.Y + b.kBox.H + between
		b.vBox = b.v.Layout(b.below(next), b.slots, b.dim, gap)
	} else {
		b.kBox = b.k.Layout(b.below(half), b.slots, b.dim, gap)
		next := half
		next.X = b.kBox.X + b.kBox.W + beside
		b.vBox = b.v.Layout(b.below(next), b.slots, b.dim, gap)
	}
	return b.kBox, b.vBox
}

// cell is the smaller side of a cell if box holds rows×cols of them.
func cell(box Rect, rows, cols int) int { return min(box.W/cols, box.H/rows) }

// below is box without the coloured line at its top and a space of its width.
func (b *BlockHeat) below(box Rect) Rect {
	return Rect{box.X, box.Y + 2*b.line, box.W, box.H - 2*b.line}
}

// Paint paints filled slots of keys and values, slot by slot, each with a scale of
// its own, since values are often much smaller than keys.
func (b *BlockHeat) Paint(c *Canvas, t *Theme, k, v []float32, filled int, ks, vs Scale) {
	filled = min(max(filled, 0), b.slots)
	b.paintTable(c, t, &b.k, b.kBox, k, filled, ks, t.K)
	b.paintTable(c, t, &b.v, b.vBox, v, filled, vs, t.V)
}

func (b *BlockHeat) paintTable(c *Canvas, t *Theme, h *Heat, box Rect, values []float32, filled int, s Scale, col Color) {
	if box.Empty() {
		return
	}
	h.Paint(c, t, values[:min(len(values), filled*b.dim)], s)
	c.Fill(Rect{box.X, box.Y - 2*b.line, box.W, b.line}, col)
	if filled < b.slots {
		top := h.Cell(filled, 0).Y
		rest := Rect{box.X, top, box.W, box.Y + box.H - top}
		c.Fill(rest, t.Paper)
		c.Hatch(rest, 6, 1, t.Line)
	}
}

// Key is the rectangle in which a key's number is shown, the zero Rect if there
// is none.
func (b *BlockHeat) Key(slot, dim int) Rect { return b.k.Cell(slot, dim) }

// Value is the rectangle in which a value's number is shown, the zero Rect if
// there is none.
func (b *BlockHeat) Value(slot, dim int) Rect { return b.v.Cell(slot, dim) }

// At finds the number shown at the pixel (x, y): which table, slot and
// dimension.
func (b *BlockHeat) At(x, y int) (isValue bool, slot, dim int, ok bool) {
	if slot, dim, ok = b.k.At(x, y); ok {
		return false, slot, dim, true
	}
	slot, dim, ok = b.v.At(x, y)
	return ok, slot, dim, ok
}
