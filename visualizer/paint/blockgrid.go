package paint

// BlockState says what a KV block is used for.
type BlockState uint8

// The states of a block, under the names of vLLM's block pool.
const (
	BlockFree   BlockState = iota // nothing of use in it
	BlockCached                   // held by no request, but its keys and values can be used again
	BlockUsed                     // held by one request
	BlockShared                   // held by more than one
)

// Block is a KV block as it is shown.
type Block struct {
	State  BlockState
	Own    bool // held by the request that the page watches
	Hashed bool // its hash is registered in the prefix cache
	Filled int  // slots written
	// Hue is the colour of whoever it belongs to, as [Theme.Hue] numbers them; 0
	// for none, and then Own decides.
	Hue int
}

// BlockGrid shows the pool of KV blocks as a grid of squares, by number from
// left to right and from the top. The fill says the state: free is empty, cached
// hatched, used plain, shared striped; the request's own blocks are indigo, those of
// others grey. A strong border says hashed. A gauge along the bottom says how
// many slots are written, a mark a slot where there is room. The text of a
// block, its number and reference count, is the client's to set over the
// rectangle Text.
type BlockGrid struct {
	blocks, slots  int
	cols           int
	cell, gap      int
	border, gauged int // pixels of a strong border and of the gauge's height
}

// Sides of a block in pixels.
const (
	minBlock      = 4  // less cannot be told apart
	minGaugeBlock = 12 // from here on there is room for a gauge
)

// maxBlocks is the largest number of blocks that is laid out.
const maxBlocks = 1 << 16

// Layout fits so many blocks of so many slots into w×h pixels, gap pixels apart, as
// squares as large as fit but of at most maxCell pixels, and returns the size
// of the picture. If even the smallest do not fit, the picture is higher than h.
func (g *BlockGrid) Layout(w, h, blocks, slots, maxCell, gap int) (width, height int) {
	blocks, gap = min(max(blocks, 0), maxBlocks), min(max(gap, 0), 64)
	*g = BlockGrid{blocks: blocks, slots: max(slots, 1), gap: gap}
	w = min(w, MaxSide)
	if blocks == 0 || w <= 0 {
		g.blocks = 0
		return 0, 0
	}
	for g.cell = max(minBlock, min(maxCell, w)); ; g.cell-- {
		g.cols = max(1, min((w+gap)/(g.cell+gap), blocks))
		if width, height = g.size(); height <= h || g.cell == minBlock {
			break
		}
	}
	g.border = max(1, g.cell/16)
	if g.cell >= minGaugeBlock {
		g.gauged = max(2, g.cell/7)
	}
	return width, height
}

// size is the size of the picture.
func (g *BlockGrid) size() (w, h int) {
	pitch := g.cell + g.gap
	return g.cols*pitch - g.gap, ceilDiv(g.blocks, g.cols)*pitch - g.gap
}

// Cell is the rectangle of a block, the zero Rect if there is no such block.
func (g *BlockGrid) Cell(block int) Rect {
	if block < 0 || block >= g.blocks {
		return Rect{}
	}
	pitch := g.cell + g.gap
	return Rect{block % g.cols * pitch, block / g.cols * pitch, g.cell, g.cell}
}

// Text is the rectangle within a block that is left for its text: above the
// gauge and within the border.
func (g *BlockGrid) Text(block int) Rect {
	r := g.Cell(block)
	if r.Empty() {
		return r
	}
	r = r.Inset(2 * g.border)
	if g.gauged > 0 {
		r.H -= g.gauged + g.border
	}
	return r
}

// gauge is the rectangle of a block's gauge.
func (g *BlockGrid) gauge(block int) Rect {
	r := g.Cell(block).Inset(2 * g.border)
	return Rect{r.X, r.Y + r.H - g.gauged, r.W, g.gauged}
}

// Slot is the rectangle of a slot's mark within a block's gauge. It is the
// zero Rect if there is none or the marks would be less than a pixel wide.
func (g *BlockGrid) Slot(block, slot int) Rect {
	if block < 0 || block >= g.blocks || slot < 0 || slot >= g.slots || g.gauged == 0 {
		return Rect{}
	}
	r := g.gauge(block)
	a := axis{g.slots, r.W}
	if a.count > a.pixels {
		return Rect{}
	}
	x0, x1 := a.pixelsOf(slot)
	if a.pixels/a.count >= 3 {
		x1-- // a pixel between the marks
	}
	return Rect{r.X + x0, r.Y, x1 - x0, r.H}
}

// At finds the block at the pixel (x, y), and the slot whose mark lies there,
// -1 if none does.
func (g *BlockGrid) At(x, y int) (block, slot int, ok bool) {
	if x < 0 || y < 0 || g.blocks == 0 {
		return 0, -1, false
	}
	pitch := g.cell + g.gap
	if x/pitch >= g.cols {
		return 0, -1, false
	}
	block = y/pitch*g.cols + x/pitch
	if !g.Cell(block).Contains(x, y) {
		return 0, -1, false
	}
	if gauge := g.gauge(block); g.gauged > 0 && gauge.Contains(x, y) && g.slots <= gauge.W {
		return block, axis{g.slots, gauge.W}.cellAt(x - gauge.X), true
	}
	return block, -1, true
}

// Paint paints the pool on c, which is resized to the grid; blocks beyond
// those given are free.
func (g *BlockGrid) Paint(c *Canvas, t *Theme, blocks []Block) {
	if g.blocks == 0 {
		c.Resize(0, 0)
		return
	}
	c.Resize(g.size())
	c.Clear(t.Paper)
	for i := range g.blocks {
		var b Block
		if i < len(blocks) {
			b = blocks[i]
		}
		g.paintBlock(c, t, i, b)
	}
}

// PaintBlock paints one block anew on a picture that [BlockGrid.Paint] made, with the
// gap around it, and returns the rectangle that it painted. Its gaps must be of two pixels
// or more: in smaller ones are the frames of its neighbours too.
func (g *BlockGrid) PaintBlock(c *Canvas, t *Theme, block int, b Block) Rect {
	box := g.Cell(block)
	if box.Empty() {
		return box
	}
	around := box.Inset(-1).Intersect(c.Bounds())
	c.Fill(around, t.Paper)
	g.paintBlock(c, t, block, b)
	return around
}

// paintBlock paints one block.
func (g *BlockGrid) paintBlock(c *Canvas, t *Theme, i int, b Block) {
	box := g.Cell(i)
	fill, mark := t.Masked, t.Dim
	if b.Own {
		fill, mark = t.Soft, t.Accent
	}
	if b.Hue > 0 {
		mark = t.Hue(b.Hue)
		fill = Mix(t.Paper, mark, 0.3)
	}
	period := max(4, g.cell/5)
	width := max(1, period/6)
	switch b.State {
	case BlockFree:
		c.Frame(box, 1, t.Line)
		return
	case BlockCached:
		c.Hatch(box, period, width, Mix(t.Paper, mark, 0.45))
	case BlockUsed:
		c.Fill(box, fill)
	case BlockShared:
		c.Fill(box, Mix(fill, mark, 0.12))
		c.Stripes(box, period, width, Mix(fill, mark, 0.45))
	}
	if b.Hashed {
		c.Frame(box, 1+g.border, mark)
	} else {
		c.Frame(box, 1, Mix(t.Paper, mark, 0.4))
	}
	if g.gauged == 0 {
		return
	}
	g.paintGauge(c, t, i, b, mark)
}

// paintGauge paints how many slots of a block are written.
func (g *BlockGrid) paintGauge(c *Canvas, t *Theme, i int, b Block, mark Color) {
	gauge := g.gauge(i)
	filled := min(max(b.Filled, 0), g.slots)
	empty := Mix(t.Paper, mark, 0.2)
	if g.Slot(i, 0).Empty() {
		done := gauge.W * filled / g.slots
		c.Fill(gauge, empty)
		c.Fill(Rect{gauge.X, gauge.Y, done, gauge.H}, mark)
		return
	}
	c.Fill(gauge, t.Paper)
	for s := range g.slots {
		col := empty
		if s < filled {
			col = mark
		}
		c.Fill(g.Slot(i, s), col)
	}
}
