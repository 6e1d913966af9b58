package paint

// Matrix shows the attention of one head: rows are queries from the top,
// columns keys from the left. Both may be a window of the sequence. What the
// causal mask forbids is grey, rows that are not known are dotted. Cells are squares
// of whole pixels; where a window has more positions than there are pixels, a
// pixel shows the largest weight that falls on it.
type Matrix struct {
	queries, keys Window
	across, down  axis
	gap           int

	source      Rows
	layer, head int
	tokens      int
	joined      []uint8
}

// Layout sets the windows that are shown and fits them into w×h pixels, with
// cells of at most maxCell pixels that are gap pixels apart where they are large
// enough for it, and returns the size of the picture.
func (m *Matrix) Layout(w, h, maxCell, gap int, queries, keys Window) (width, height int) {
	queries.From, keys.From = max(queries.From, 0), max(keys.From, 0)
	queries.To, keys.To = min(queries.To, maxTokens), min(keys.To, maxTokens)
	nq, nk := queries.Len(), keys.Len()
	*m = Matrix{queries: queries, keys: keys, joined: m.joined}
	w, h = min(max(w, 0), MaxSide), min(max(h, 0), MaxSide)
	if nq == 0 || nk == 0 || w == 0 || h == 0 {
		return 0, 0
	}
	cell := min(w/nk, h/nq, max(maxCell, 1))
	m.across, m.down = axis{nk, cell * nk}, axis{nq, cell * nq}
	if cell == 0 {
		m.across, m.down = axis{nk, min(w, nk)}, axis{nq, min(h, nq)}
	}
	if gap > 0 && cell >= 4*gap {
		m.gap = gap
	}
	return m.across.pixels, m.down.pixels
}

// LayoutFilled is [Matrix.Layout] for a square that the windows fill to the
// last pixel: where the pixels cannot be shared out evenly, some cells are one
// pixel larger than others, which is seen less than a square that stays half
// empty.
func (m *Matrix) LayoutFilled(side int, queries, keys Window) (width, height int) {
	if m.Layout(side, side, 1, 0, queries, keys); m.across.count == 0 {
		return 0, 0
	}
	side = min(side, MaxSide)
	m.across.pixels, m.down.pixels = side, side
	return side, side
}

// Paint paints one head of rows, of a sequence of tokens positions, on c, which is
// resized to the matrix. The matrix keeps rows for At.
func (m *Matrix) Paint(c *Canvas, t *Theme, rows Rows, layer, head, tokens int) {
	c.Resize(m.across.pixels, m.down.pixels)
	c.Clear(t.Paper)
	m.source, m.layer, m.head = rows, layer, head
	m.tokens = tokens
	m.joined = resized(m.joined, m.keys.Len())
	for cq := range m.down.cells() {
		q0, q1 := m.down.positions(cq)
		q0, q1 = q0+m.queries.From, min(q1+m.queries.From, tokens)
		if q0 >= q1 {
			break
		}
		clear(m.joined)
		known := false
		for q := q0; q < q1; q++ {
			row := rows.Row(q, layer, head)
			known = known || len(row) > 0
			if n := min(len(row), q+1, m.keys.To); n > m.keys.From {
				maxInto(m.joined, row[m.keys.From:n])
			}
		}
		m.paintRow(c, t, cq, q1-1, known)
	}
}

// paintRow paints the cells of one row from m.joined; last is the row's last
// query. The first line of pixels is painted, the others are copies of it: with a
// cell a pixel, as in a long sequence, a call a cell would cost more than the pixels.
func (m *Matrix) paintRow(c *Canvas, t *Theme, cq, last int, known bool) {
	y0, y1 := m.down.pixelsOf(cq)
	y1 = min(y1-m.gap, c.H)
	if y0 >= y1 {
		return
	}
	first := c.line(0, c.W, y0)
	for ck := range m.across.cells() {
		k0, k1 := m.across.positions(ck)
		color := t.Masked
		switch {
		case k0+m.keys.From >= m.tokens: // a token to come
			color = t.Paper
		case k0+m.keys.From > last:
		case !known:
			color = t.Paper
		default:
			var v uint8
			for _, w := range m.joined[k0:k1] {
				v = max(v, w)
			}
			color = t.attention[v]
		}
		x0, x1 := m.across.pixelsOf(ck)
		fillLine(first[4*x0:4*(x1-m.gap)], color)
	}
	for y := y0 + 1; y < y1; y++ {
		copy(c.line(0, c.W, y), first)
	}
	if !known {
		for ck := range m.across.cells() {
			if k0, _ := m.across.positions(ck); k0+m.keys.From > last {
				break
			}
			c.Dots(m.cell(cq, ck), 4, 1, t.Fog)
		}
	}
}

// cell is the rectangle of a cell without the gap after it.
func (m *Matrix) cell(cq, ck int) Rect {
	x0, x1 := m.across.pixelsOf(ck)
	y0, y1 := m.down.pixelsOf(cq)
	return Rect{x0, y0, x1 - x0 - m.gap, y1 - y0 - m.gap}
}

// Cell is the rectangle in which the weight of query q and key k is shown; it
// is the zero Rect if they are not both in the windows.
func (m *Matrix) Cell(q, k int) Rect {
	if m.across.pixels == 0 || q < m.queries.From || q >= m.queries.To || k < m.keys.From || k >= m.keys.To {
		return Rect{}
	}
	return m.cell(m.down.cellOf(q-m.queries.From), m.across.cellOf(k-m.keys.From))
}

// Row is the rectangle of all keys of query q.
func (m *Matrix) Row(q int) Rect {
	r := m.Cell(q, m.keys.From)
	if !r.Empty() {
		r.W = m.across.pixels - m.gap
	}
	return r
}

// Column is the rectangle of all queries of key k.
func (m *Matrix) Column(k int) Rect {
	r := m.Cell(m.queries.From, k)
	if !r.Empty() {
		r.H = m.down.pixels - m.gap
	}
	return r
}

// At finds the weight shown at the pixel (x, y), the gap after a cell
// included: where several fall on it, the largest, whose colour it has. Where the
// mask forbids, k > q.
func (m *Matrix) At(x, y int) (q, k int, ok bool) {
	if !(Rect{0, 0, m.across.pixels, m.down.pixels}).Contains(x, y) {
		return 0, 0, false
	}
	q0, q1 := m.down.positions(m.down.cellAt(y))
	k0, k1 := m.across.positions(m.across.cellAt(x))
	queries := Window{q0 + m.queries.From, q1 + m.queries.From}
	keys := Window{k0 + m.keys.From, k1 + m.keys.From}
	if m.source == nil {
		return queries.From, keys.From, true
	}
	q, k = brightest(m.source, m.layer, m.head, queries, keys)
	return q, k, true
}
