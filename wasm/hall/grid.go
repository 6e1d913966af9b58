//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// grid is the picture of the pool, a square a block.
type grid struct {
	c       *client
	element page.Element
	empty   page.Element
	*page.Surface
	pen     *page.Pen
	layout  paint.BlockGrid
	picture *paint.Canvas
	queue   []int
	cursor  int             // block under the pointer or the keys, −1 for none
	flashes map[int]float64 // blocks that were evicted or copied, and when that was shown
	seen    uint64          // the record whose events were shown last
	stale   bool
	said    string
}

// flashLength is how long an eviction or a copy is pointed out, in ms.
const flashLength = 900

func newGrid(c *client) *grid {
	g := &grid{c: c, element: page.ByID("grid"), picture: paint.NewCanvas(0, 0), cursor: -1, flashes: map[int]float64{}}
	g.empty = g.element.Find(".empty")
	g.Surface = page.NewSurface(g.element.Find("canvas"), c.changed)
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
	clear(g.flashes)
	g.seen = 0
}

// look takes note of what happened up to the moment that is shown.
func (g *grid) look(t float64) {
	g.stale = true
	g.queue = g.c.moment.Queue()
	records := g.c.hall.Records()
	if g.c.at >= 0 && g.c.at < len(records) {
		at := records[g.c.at].Seq
		from := g.c.at
		if g.c.live && g.seen < at { // all since the last look
			from = max(g.c.hall.Index(g.seen+1), g.c.at-8, 0)
		}
		if at != g.seen {
			for i := from; i <= g.c.at; i++ {
				for _, block := range hall.Flashes(&records[i]) {
					g.flashes[block] = t
				}
			}
		}
		g.seen = at
	}
	if g.c.still {
		clear(g.flashes)
	}
}

// Sizes in rem.
const (
	blockMost  = 3.4
	blockLabel = 1.9 // from this size on there is room for text
)

// frame paints what changed and reports whether something fades.
func (g *grid) frame(t float64) (again bool) {
	for block, since := range g.flashes {
		if t-since >= flashLength {
			delete(g.flashes, block)
			g.stale = true
		}
	}
	if !g.stale && len(g.flashes) == 0 {
		return false
	}
	g.stale = false
	c, theme := g.c, g.c.theme
	g.empty.SetHidden(len(c.moment.Blocks) > 0)
	if g.Surface.Width == 0 || len(c.moment.Blocks) == 0 {
		g.pen.Begin(g.Surface)
		return false
	}
	device := func(rem float64) int { return int(math.Round(rem * theme.Rem * g.Ratio)) }
	slots := int(c.hall.Config().BlockSize)
	g.layout.Layout(g.DeviceWidth(), g.DeviceHeight(), len(c.moment.Blocks), slots, device(blockMost), max(1, device(0.16)))
	g.layout.Paint(g.picture, theme.Paint, c.moment.PaintBlocks(c.by))
	for block, since := range g.flashes {
		g.picture.Frame(g.layout.Cell(block), max(2, device(0.22)), paint.Mix(theme.Paint.Hot, theme.Paint.Paper, (t-since)/flashLength))
	}
	if q := c.moment.Request(c.chosen); q != nil {
		for _, block := range q.Table {
			g.picture.Frame(g.layout.Cell(int(block)).Inset(-1), max(2, device(0.13)), theme.Paint.Hot)
		}
	}
	if g.cursor >= 0 {
		g.picture.Frame(g.layout.Cell(g.cursor), max(1, device(0.1)), theme.Paint.Ink)
	}
	g.pen.Begin(g.Surface)
	g.Show(g.picture, 0, 0)
	g.label()
	g.tell()
	return len(g.flashes) > 0
}

// label writes whose a block is and how many hold it, or a free one's place in
// the queue, where there is room.
func (g *grid) label() {
	c, theme := g.c, g.c.theme
	if float64(g.layout.Cell(0).W) < blockLabel*theme.Rem*g.Ratio {
		return
	}
	g.pen.Letter(theme.Font(theme.Mono, 0.7), "center")
	for i, b := range c.moment.Blocks {
		text := "r" + page.Decimal(int(b.Owner))
		g.pen.Fill(theme.Ink)
		switch {
		case b.Refs > 1:
			text += "×" + page.Decimal(int(b.Refs))
		case b.Refs == 0:
			g.pen.Fill(theme.Quiet)
			text = page.Decimal(g.queue[i])
		}
		box := g.layout.Text(i)
		x, y := float64(box.X)+float64(box.W)/2, float64(box.Y)+float64(box.H)/2
		g.pen.Text(text, x/g.Ratio, y/g.Ratio+0.25*theme.Rem)
	}
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

// blockState is a block's state in words.
func (c *client) blockState(b wire.HallBlock) string {
	switch {
	case b.Refs > 1:
		return c.words.Count("hall.block_shared", int(b.Refs))
	case b.Refs == 1:
		return c.words.Say("hall.block_used")
	case b.Hashed:
		return c.words.Say("hall.block_cached")
	}
	return c.words.Say("hall.block_free")
}

// blockReading is what the inspector says of a block.
func (c *client) blockReading(block int) page.Reading {
	if block >= len(c.moment.Blocks) {
		return page.Reading{}
	}
	w, b, size := c.words, c.moment.Blocks[block], int(c.hall.Config().BlockSize)
	r := page.Reading{Title: w.Say("hall.block_title", "N", page.Decimal(block)), Value: c.blockState(b), Fn: hall.FuncBlock}
	r.AddFact(w, "hall.read_refs", page.Decimal(int(b.Refs)))
	owner := "hall.read_owner"
	if b.Refs == 0 {
		owner = "hall.read_last_owner"
	}
	if b.Owner != 0 {
		names := "r" + page.Decimal(int(b.Owner))
		if b.Refs > 1 {
			names = ""
			for _, id := range c.moment.Holders(block) {
				names += "r" + page.Decimal(int(id)) + " "
			}
		}
		r.AddFact(w, owner, names)
		if q := c.moment.Request(b.Owner); q != nil {
			r.AddFact(w, "hall.read_reader", c.readerName(q.Reader))
		}
	}
	r.AddFact(w, "hall.read_filled", page.Decimal(int(b.Filled))+" / "+page.Decimal(size))
	hashed := "hall.read_no"
	if b.Hashed {
		hashed = "hall.read_yes"
	}
	r.AddFact(w, "hall.read_hashed", w.Say(hashed))
	switch {
	case b.Refs > 0:
		first := int(b.Index) * size
		last := first + max(int(b.Filled), 1) - 1
		r.AddFact(w, "hall.read_index", page.Decimal(int(b.Index)))
		r.AddFact(w, "hall.read_positions", page.Decimal(first)+" … "+page.Decimal(last))
		r.AddFormula(view.Place(last, size, block))
		r.By = view.FuncPlace
		if b.Refs > 1 {
			r.Note = w.Say("hall.block_note_shared")
		}
	default:
		if block < len(c.grid.queue) {
			r.AddFact(w, "hall.read_queue", page.Decimal(c.grid.queue[block]))
		}
		r.Note = w.Say("hall.block_note_free")
		if b.Hashed {
			r.Note = w.Say("hall.block_note_cached")
		}
	}
	return r
}
