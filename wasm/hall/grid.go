//go:build js && wasm

package main

import (
	"math"
	"slices"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/paint"
	"vitrine/wasm/page"
)

// grid is the picture of the pool, a square a block.
type grid struct {
	c       *client
	element page.Element
	empty   page.Element
	why     *page.TextCell // why there is no pool
	*page.Surface
	pen     *page.Pen
	layout  paint.BlockGrid
	picture *paint.Canvas
	queue   []int
	cursor  int        // block under the pointer or the keys, −1 for none
	holders [][]uint32 // of each block
	marks   []mark     // what is pointed out
	seen    uint64     // the record whose events were shown last
	stale   bool
	drawn   drawn // what is on the canvas
	said    string
}

// mark points out a block that was evicted or copied.
type mark struct {
	hall.Mark
	since float64 // when it was first shown; it fades from then on, unless it stays
	stays bool    // for as long as the moment is shown
	alpha uint8   // how strongly it is drawn
}

// flashLength is how long an eviction or a copy is pointed out while the engine
// runs, in ms.
const flashLength = 900

func newGrid(c *client) *grid {
	g := &grid{c: c, element: page.ByID("grid"), picture: paint.NewCanvas(0, 0), cursor: -1}
	g.empty = g.element.Find(".empty")
	g.why = page.NewTextCell(g.empty)
	g.Surface = page.NewSurface(g.element.Find("canvas"), func() {
		g.drawn = drawn{}
		c.changed()
	})
	g.Sight(c.changed)
	g.pen = page.NewPen(g.Surface)
	g.element.On("pointermove", func(event js.Value) {
		x, y := g.Point(event)
		block, _, ok := g.layout.At(int(x*g.Ratio), int(y*g.Ratio))
		if !ok {
			block = -1
		}
		g.moveTo(block)
	})
	g.element.On("pointerleave", func(js.Value) { g.moveTo(-1) })
	g.element.On("blur", func(js.Value) { g.moveTo(-1) })
	g.element.On("click", func(js.Value) { g.pick() })
	g.element.On("keydown", g.key)
	return g
}

// key moves the cursor over the grid; Enter chooses the block under it.
func (g *grid) key(event js.Value) {
	last := len(g.c.moment.Blocks) - 1
	columns := 1
	for columns <= last && g.layout.Cell(columns).Y == g.layout.Cell(0).Y {
		columns++
	}
	to := g.cursor
	switch event.Get("key").String() {
	case "ArrowRight":
		to = min(to+1, last)
	case "ArrowLeft":
		to = max(to-1, 0)
	case "ArrowDown":
		to += columns
	case "ArrowUp":
		to -= columns
	case "Home":
		to = 0
	case "End":
		to = last
	case "Enter", " ":
		g.pick()
	default:
		return
	}
	event.Call("preventDefault")
	event.Call("stopPropagation")
	if to >= 0 && to <= last {
		g.moveTo(to)
	}
}

func (g *grid) moveTo(block int) {
	if block == g.cursor {
		return
	}
	g.cursor, g.stale = block, true
	if block < 0 {
		g.c.inspector.Leave()
		g.c.wake()
		return
	}
	g.c.inspector.Point(func() page.Reading { return g.c.blockReading(block) })
}

// pick keeps the block's reading and chooses the request that holds it.
func (g *grid) pick() {
	block := g.cursor
	if block < 0 || block >= len(g.c.moment.Blocks) {
		return
	}
	g.c.inspector.Keep(func() page.Reading { return g.c.blockReading(block) })
	if b := g.c.moment.Blocks[block]; b.Owner != 0 {
		g.c.choose(b.Owner)
	}
}

// forget drops what was pointed out.
func (g *grid) forget() {
	g.marks, g.seen = nil, 0
}

// look takes note of what happened up to the moment that is shown.
func (g *grid) look(t float64) {
	g.stale = true
	c := g.c
	g.queue, g.holders = c.moment.Queue(), c.moment.Holders()
	records := c.hall.Records()
	if c.at < 0 || c.at >= len(records) {
		g.marks, g.seen = nil, 0
		return
	}
	// A moment that stands still keeps its marks, and so does every moment for those
	// who asked for no motion.
	stays := c.still || !c.live || c.hall.State().Paused
	at, from := records[c.at].Seq, c.at
	if !stays && g.seen < at { // all since the last look
		from = max(c.hall.Index(g.seen+1), c.at-8, 0)
	}
	g.marks = slices.DeleteFunc(g.marks, func(m mark) bool { return m.stays || stays })
	if at != g.seen || stays {
		for i := from; i <= c.at; i++ {
			for _, m := range hall.Marks(&records[i]) {
				g.marks = append(g.marks, mark{m, t, stays, 255})
			}
		}
	}
	g.seen = at
}

// Sizes in rem.
const (
	blockMost  = 5.0
	blockLabel = 1.9 // from this size on there is room for text
)

// frame paints what changed and reports whether something fades.
func (g *grid) frame(t float64) (again bool) {
	fades := func(m mark) bool { return !m.stays }
	if n := len(g.marks); n > 0 {
		g.marks = slices.DeleteFunc(g.marks, func(m mark) bool { return fades(m) && t-m.since >= flashLength })
		g.stale = g.stale || len(g.marks) < n
	}
	// What fades is drawn frame after frame, which costs more than there is to see: while
	// the page saves, a mark changes with the next drawing.
	again = slices.ContainsFunc(g.marks, fades) && !(g.c.running && g.c.pace.Saves())
	if !g.stale && !again {
		return false
	}
	g.stale = false
	c := g.c
	g.empty.SetHidden(len(c.moment.Blocks) > 0)
	if len(c.moment.Blocks) == 0 {
		g.why.Show(c.noPool())
	}
	if g.Surface.Width == 0 || len(c.moment.Blocks) == 0 {
		g.pen.Begin(g.Surface)
		g.drawn = drawn{}
		return false
	}
	gap := max(1, g.device(0.16))
	g.layout.Layout(g.DeviceWidth(), g.DeviceHeight(), len(c.moment.Blocks), int(c.hall.Config().BlockSize), g.device(blockMost), gap)
	if g.Unseen {
		g.tell()
		return false
	}
	before := g.drawn
	g.drawn = g.looks(t)
	switch changed := g.drawn.since(&before); {
	// Neighbours' frames reach into a gap of one pixel.
	case changed == nil || gap < 2 && len(changed) > 0 || 2*len(changed) > len(g.drawn.looks):
		g.paintAll()
	case len(changed) > 0:
		g.paintSome(changed)
	}
	g.tell()
	return again
}

// paintAll draws the whole pool.
func (g *grid) paintAll() {
	theme := g.c.theme.Paint
	blocks, all := make([]paint.Block, len(g.drawn.looks)), make([]int, len(g.drawn.looks))
	for i := range all {
		blocks[i], all[i] = g.drawn.looks[i].Block, i
	}
	g.layout.Paint(g.picture, theme, blocks)
	for i := range all {
		g.paintOver(i)
	}
	for _, m := range g.marks {
		if m.From >= 0 {
			g.layout.PaintCopy(g.picture, m.From, m.Block, theme.Accent.WithAlpha(m.alpha))
		}
	}
	g.pen.Begin(g.Surface)
	g.Show(g.picture, 0, 0)
	g.label(all)
}

// paintSome draws those blocks again that have changed.
func (g *grid) paintSome(changed []int) {
	parts := make([]paint.Rect, len(changed))
	for i, block := range changed {
		parts[i] = g.layout.PaintBlock(g.picture, g.c.theme.Paint, block, g.drawn.looks[block].Block)
		g.paintOver(block)
	}
	g.ShowParts(g.picture, parts)
	g.label(changed)
}

// paintOver paints what lies over a block itself: its holders' stripes, and what points
// it out.
func (g *grid) paintOver(block int) {
	c, theme, look := g.c, g.c.theme.Paint, &g.drawn.looks[block]
	if look.holders != "" {
		hues := make([]int, len(g.holders[block]))
		for i, id := range g.holders[block] {
			hues[i] = c.moment.Hue(id, c.by)
		}
		g.layout.PaintSharers(g.picture, theme, block, hues)
	}
	if look.chosen {
		g.picture.Frame(g.layout.Cell(block).Inset(-1), max(2, g.device(0.13)), theme.Hot)
	}
	if look.evicted > 0 {
		g.layout.PaintEviction(g.picture, block, theme.Accent.WithAlpha(look.evicted))
	}
	if look.cursor {
		g.picture.Frame(g.layout.Cell(block), max(1, g.device(0.1)), theme.Ink)
	}
}

// device is a length in rem in the device's pixels.
func (g *grid) device(rem float64) int { return int(math.Round(rem * g.c.theme.Rem * g.Ratio)) }

// label writes on blocks whose they are and how many hold them, or a free one's place in
// the queue, where there is room: first all that is written in one colour.
func (g *grid) label(blocks []int) {
	theme := g.c.theme
	side := float64(g.layout.Cell(0).W) / g.Ratio / theme.Rem
	if side < blockLabel {
		return
	}
	size := min(max(0.7, 0.22*side), 0.95)
	g.pen.Letter(theme.Font(theme.Mono, size), "center")
	for _, free := range []bool{false, true} {
		g.pen.Fill(theme.Ink)
		if free {
			g.pen.Fill(theme.Quiet)
		}
		for _, block := range blocks {
			if (g.drawn.looks[block].refs == 0) == free {
				g.labelBlock(block, size*theme.Rem)
			}
		}
	}
}

// labelBlock writes on one block, in lines of so many CSS pixels.
func (g *grid) labelBlock(block int, line float64) {
	box, look := g.layout.Text(block), &g.drawn.looks[block]
	x, y := (float64(box.X)+float64(box.W)/2)/g.Ratio, (float64(box.Y)+float64(box.H)/2)/g.Ratio+0.36*line
	switch {
	case look.refs == 0:
		g.pen.Text(page.Decimal(look.place), x, y)
	case look.refs == 1:
		g.pen.Text(g.c.moment.Name(look.owner), x, y)
	case float64(box.H)/g.Ratio < 2*line: // one line
		g.pen.Text("×"+page.Decimal(look.refs), x, y)
	default:
		g.pen.Text(g.names(block, float64(box.W)/g.Ratio), x, y-0.58*line)
		g.pen.Text("×"+page.Decimal(look.refs), x, y+0.58*line)
	}
}

// names are those of a shared block's holders, as many as there is room for.
func (g *grid) names(block int, width float64) string {
	var all []string
	for _, id := range g.holders[block] {
		all = append(all, g.c.moment.Name(id))
	}
	if len(all) == 0 {
		return ""
	}
	for n := len(all); n > 1; n-- {
		text := hall.Names(all[:n])
		if n < len(all) {
			text += "…"
		}
		if g.pen.Width(text) <= width {
			return text
		}
	}
	return all[0]
}

// tell says in words what is pointed at.
func (g *grid) tell() {
	c := g.c
	m := &c.moment.Meters
	label := c.words.Say("hall.grid_says", "Blocks", page.Decimal(len(c.moment.Blocks)), "Held", page.Decimal(int(m.Held)),
		"Cached", page.Decimal(int(m.Cached)), "Free", page.Decimal(len(c.moment.Blocks)-int(m.Held)-int(m.Cached)))
	if g.cursor >= 0 && g.cursor < len(c.moment.Blocks) {
		b := c.moment.Blocks[g.cursor]
		label = c.words.Say("hall.block_says", "N", page.Decimal(g.cursor), "State", c.blockState(b),
			"Filled", page.Decimal(int(b.Filled)), "Size", page.Decimal(int(c.hall.Config().BlockSize)))
	}
	if label != g.said {
		g.said = label
		g.element.SetAttr("aria-label", label)
	}
}
