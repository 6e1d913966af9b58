package paint

import "math/bits"

// Atlas shows the attention of all heads at once: a tile a head, layers from
// left to right, heads from top to bottom. Within a tile rows are queries from
// the top, columns keys from the left. The triangle that the causal mask
// forbids is grey, rows that are still to come are paper, rows that are not
// known are dotted. A tile with fewer pixels than positions shows in each pixel
// the largest weight that falls on it, so no spike is lost.
//
// The picture is kept up to date at little cost: a new position is read once
// and paints its own row of pixels in each tile. When the positions
// outgrow the scale, which has room for up to a quarter more than there are,
// the picture is painted anew from what was pooled; the rows are not read again.
//
// The zero Atlas is empty; call Layout first.
type Atlas struct {
	layers, heads int
	tile, gap     int

	pool     pool
	capacity int     // positions that the scale has room for
	stale    int     // first row of cells whose pixels are not up to date
	canvas   *Canvas // what was painted last, and how
	theme    *Theme
	source   Rows
	edges    []int   // scratch: where each cell starts, in pixels or, if pooled, in blocks
	values   []uint8 // scratch: a row of pixels' values
	scan     []byte  // scratch: and their colours
}

// minTile is the smallest side of a tile, in pixels: less shows nothing.
const minTile = 4

// maxHeads is the largest number of layers, and of heads a layer, that an atlas
// lays out: so many of the smallest tiles fit on a canvas.
const maxHeads = 1 << 10

// maxTokens is the largest number of positions that is shown, longer than any
// model's context.
const maxTokens = 1 << 20

// Layout sets the atlas's shape: tiles as large as fit side by side into width
// pixels with gap pixels between them, of at most maxTile pixels a side and
// at least 4, and returns the size of the picture. It takes effect with the next Paint.
// Without layers or heads the picture is empty.
func (a *Atlas) Layout(layers, heads, width, gap, maxTile int) (w, h int) {
	layers, heads = min(max(layers, 0), maxHeads), min(max(heads, 0), maxHeads)
	if layers == 0 || heads == 0 {
		*a = Atlas{}
		return 0, 0
	}
	gap = min(max(gap, 0), 64)
	width = min(width, MaxSide)
	tile := max(minTile, min((width-(layers-1)*gap)/layers, maxTile))
	for !fits(layers, heads, tile, gap) {
		if tile > minTile {
			tile--
		} else {
			gap--
		}
	}
	if layers != a.layers || heads != a.heads {
		*a = Atlas{layers: layers, heads: heads}
	}
	if tile != a.tile || gap != a.gap {
		// The positions read stay good if the pool is fine enough for the
		// new tiles; a capacity of 0 makes Paint look.
		a.tile, a.gap, a.capacity = tile, gap, 0
	}
	return a.Size()
}

// fits reports whether a canvas can hold so many tiles.
func fits(layers, heads, tile, gap int) bool {
	w, h := layers*(tile+gap)-gap, heads*(tile+gap)-gap
	return w <= MaxSide && h <= MaxSide && w*h <= MaxPixels
}

// Size is the size of the picture in pixels.
func (a *Atlas) Size() (w, h int) {
	if a.layers == 0 {
		return 0, 0
	}
	return a.layers*(a.tile+a.gap) - a.gap, a.heads*(a.tile+a.gap) - a.gap
}

// Capacity is the number of positions that the present scale has room for.
func (a *Atlas) Capacity() int { return a.capacity }

// capacityFor is the number of positions that a tile is scaled for when it
// shows tokens: the next multiple of an eighth of the next power of two, at least
// 8. Beyond 8 tokens, tiles are then at least four fifths full, and the scale
// changes at most four times while the sequence doubles.
func capacityFor(tokens int) int {
	step := 1
	if tokens > 8 {
		step = 1 << bits.Len(uint(tokens-1)) / 8
	}
	return max(8, ceilDiv(tokens, step)*step)
}

// poolSide is the number of squares a side that the pool keeps for a tile: at
// least two a pixel, so that pixels are cut finely, and a power of two, so that a
// window that is being resized seldom asks for the rows again.
func poolSide(tile int) int { return 1 << bits.Len(uint(2*tile-1)) }

// grid lays the blocks of the pool out over the pixels of a tile's side.
func (a *Atlas) grid() axis { return axis{a.capacity / a.pool.block, a.tile} }

// Invalidate says that rows from position q on have changed since they were
// painted, or have become known. They are read again by the next Paint.
func (a *Atlas) Invalidate(q int) {
	q = max(q, 0)
	if q >= a.pool.tokens {
		return
	}
	a.pool.truncate(q)
	if a.capacity > 0 {
		a.stale = min(a.stale, a.grid().cellOf(a.pool.tokens/a.pool.block))
	}
}

// Paint brings the picture on c up to date with the first tokens positions of
// rows and reports whether any pixel changed. The canvas is resized to the
// atlas. Only positions that are new since the last call, or were invalidated, are
// read: when rows gives other weights than before, as on another branch of the
// conversation, call Invalidate first. The atlas keeps rows for At.
func (a *Atlas) Paint(c *Canvas, t *Theme, rows Rows, tokens int) bool {
	w, h := a.Size()
	tokens = min(max(tokens, 0), maxTokens)
	all := c.Resize(w, h) || c != a.canvas || t != a.theme
	a.canvas, a.theme, a.source = c, t, rows
	if w == 0 {
		return all
	}
	if n := capacityFor(tokens); n != a.capacity {
		a.capacity = n
		a.pool.fit(a.layers*a.heads, n, poolSide(a.tile))
		a.stale = 0
	}
	if all {
		c.Clear(t.Paper)
		a.stale = 0
	}
	a.Invalidate(tokens)
	grid := a.grid()
	if tokens > a.pool.tokens {
		a.stale = min(a.stale, grid.cellOf(a.pool.tokens/a.pool.block))
		a.pool.read(rows, a.heads, tokens)
	}
	if a.stale == grid.cells() {
		return false
	}
	a.paintFrom(a.stale)
	a.stale = grid.cells()
	return true
}

// paintFrom paints the cell rows from first on, in every tile.
func (a *Atlas) paintFrom(first int) {
	grid := a.grid()
	a.values = resized(a.values, a.pool.stride)
	a.scan = resized(a.scan, 4*a.tile)
	a.edges = a.edges[:0]
	for cell := range grid.cells() + 1 {
		// One of the two is the cell's own number: the other says where it starts.
		block, _ := grid.positions(cell)
		pixel, _ := grid.pixelsOf(cell)
		a.edges = append(a.edges, max(block, pixel))
	}
	blocks := ceilDiv(a.pool.tokens, a.pool.block) // that hold positions
	for layer := range a.layers {
		for head := range a.heads {
			box := a.Tile(layer, head)
			for cell := first; cell < grid.cells(); cell++ {
				y0, y1 := grid.pixelsOf(cell)
				b0, b1 := grid.positions(cell)
				diagonal := y1 // the tile is square: a cell's row and column agree
				known := a.pool.row(a.values[:b1], layer*a.heads+head, b0, min(b1, blocks))
				if known {
					a.scanCells(grid, cell+1)
				} else {
					fillLine(a.scan[:4*diagonal], a.theme.Paper)
				}
				fillLine(a.scan[4*diagonal:], a.theme.Masked)
				for y := y0; y < y1; y++ {
					copy(a.canvas.line(box.X, box.X+box.W, box.Y+y), a.scan)
				}
				if !known && b0 < blocks {
					a.canvas.Dots(Rect{box.X, box.Y + y0, diagonal, y1 - y0}, 4, 1, a.theme.Fog)
				}
			}
		}
	}
}

// scanCells sets the colours of the first n cells on the scan line.
func (a *Atlas) scanCells(grid axis, n int) {
	colors := &a.theme.attention
	from := 0
	if grid.count <= grid.pixels {
		for cell, to := range a.edges[1 : n+1] {
			color := colors[a.values[cell]]
			for x := from; x < to; x++ {
				*(*Color)(a.scan[4*x:]) = color
			}
			from = to
		}
		return
	}
	for x, to := range a.edges[1 : n+1] {
		v := a.values[from]
		for _, w := range a.values[from+1 : to] {
			v = max(v, w)
		}
		*(*Color)(a.scan[4*x:]) = colors[v]
		from = to
	}
}

// Tile is the rectangle of a head's tile, the zero Rect if there is no such
// head.
func (a *Atlas) Tile(layer, head int) Rect {
	if layer < 0 || layer >= a.layers || head < 0 || head >= a.heads {
		return Rect{}
	}
	pitch := a.tile + a.gap
	return Rect{layer * pitch, head * pitch, a.tile, a.tile}
}

// TileAt finds the head whose tile lies at the pixel (x, y).
func (a *Atlas) TileAt(x, y int) (layer, head int, ok bool) {
	pitch := a.tile + a.gap
	if x < 0 || y < 0 || pitch == 0 {
		return 0, 0, false
	}
	layer, head = x/pitch, y/pitch
	if !a.Tile(layer, head).Contains(x, y) {
		return 0, 0, false
	}
	return layer, head, true
}

// At finds the weight shown at the pixel (x, y): of the weights that fall on
// the pixel it is the largest, the one whose colour the pixel has. Where the
// mask forbids, k > q. It is not ok outside the tiles, beyond the last
// position, and before the first Paint.
func (a *Atlas) At(x, y int) (layer, head, q, k int, ok bool) {
	layer, head, ok = a.TileAt(x, y)
	if !ok || a.source == nil || a.capacity == 0 {
		return 0, 0, 0, 0, false
	}
	box := a.Tile(layer, head)
	queries, keys := a.window(y-box.Y), a.window(x-box.X)
	if queries.Len() == 0 || keys.Len() == 0 {
		return 0, 0, 0, 0, false
	}
	q, k = brightest(a.source, layer, head, queries, keys)
	return layer, head, q, k, true
}

// window is the range of positions that fall on a pixel of a tile's side.
func (a *Atlas) window(pixel int) Window {
	grid := a.grid()
	from, to := grid.positions(grid.cellAt(pixel))
	return Window{from * a.pool.block, min(to*a.pool.block, a.pool.tokens)}
}

// Row is the rectangle of position q's row within a head's tile, the zero
// Rect if the scale has no such row.
func (a *Atlas) Row(layer, head, q int) Rect {
	box := a.Tile(layer, head)
	if box.Empty() || q < 0 || q >= a.capacity {
		return Rect{}
	}
	grid := a.grid()
	y0, y1 := grid.pixelsOf(grid.cellOf(q / a.pool.block))
	return Rect{box.X, box.Y + y0, box.W, y1 - y0}
}

// brightest finds the largest known weight among the queries and keys of two
// windows, the first one if several are equal. If none is known or allowed, it is
// the last query and the first key.
func brightest(rows Rows, layer, head int, queries, keys Window) (q, k int) {
	q, k = queries.To-1, keys.From
	best := -1
	for i := queries.From; i < queries.To; i++ {
		row := rows.Row(i, layer, head)
		for j := keys.From; j < min(keys.To, i+1, len(row)); j++ {
			if int(row[j]) > best {
				best, q, k = int(row[j]), i, j
			}
		}
	}
	return q, k
}
