//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// blocksPool is the picture of the pool, a square a block. A block that is
// taken, freed or written to is framed for a moment.
type blocksPool struct {
	v       *blocksView
	element page.Element
	*page.Surface
	pen     *page.Pen
	grid    paint.BlockGrid
	picture *paint.Canvas
	blocks  []paint.Block
	known   []wire.BlockChange // as they were painted last
	pulses  map[int]pulse      // blocks that something has just happened to
	cursor  int                // block under the pointer or the keys, −1 for none
	height  int                // of the picture as the element was last told, in device pixels
	stale   bool
	fading  bool   // the next paler look of what is pointed out is due
	timed   bool   // or will be
	said    string // the element's name, as it was last told
	time    float64
}

// pulse is a change of a block that is being pointed out.
type pulse struct {
	event view.BlockEvent
	since float64 // milliseconds
}

// A change is pointed out for pulseLength milliseconds, and pales in steps: a
// block is written with every token, and a frame that paled sixty times a second
// would have the pool painted all the time.
const (
	pulseLength = 1400
	pulseSteps  = 7
)

func newBlocksPool(v *blocksView) *blocksPool {
	p := &blocksPool{v: v, element: page.ByID("blocks-pool"), picture: paint.NewCanvas(0, 0), pulses: map[int]pulse{}, cursor: -1}
	p.Surface = page.NewSurface(p.element.Find("canvas"), func() { v.c.changed(change{page: changedSize}) })
	p.pen = page.NewPen(p.Surface)
	p.element.On("pointermove", func(event js.Value) {
		x, y := p.Point(event)
		block, _, ok := p.grid.At(int(x*p.Ratio), int(y*p.Ratio))
		if !ok {
			block = -1
		}
		p.moveTo(block)
	})
	p.element.On("pointerleave", func(jsEvent) { p.moveTo(-1) })
	p.element.On("blur", func(jsEvent) { p.moveTo(-1) })
	p.element.On("click", func(jsEvent) {
		if p.cursor >= 0 {
			v.choose(p.cursor)
		}
	})
	p.element.On("keydown", func(event js.Value) { p.key(event) })
	return p
}

// key moves the cursor over the grid; Enter chooses the block under it.
func (p *blocksPool) key(event js.Value) {
	last := len(p.blocks) - 1
	columns := 1
	for columns <= last && p.grid.Cell(columns).Y == p.grid.Cell(0).Y {
		columns++
	}
	to := p.cursor
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
		if p.cursor >= 0 {
			p.v.choose(p.cursor)
		}
	default:
		return
	}
	event.Call("preventDefault")
	if to >= 0 && to <= last {
		p.moveTo(to)
	}
}

// moveTo points at a block; −1 points at none.
func (p *blocksPool) moveTo(block int) {
	if block == p.cursor {
		return
	}
	p.cursor, p.stale = block, true
	if block < 0 {
		p.v.c.inspector.Leave()
		p.v.c.wake()
		return
	}
	p.v.c.inspector.Point(func() page.Reading { return p.v.blockReading(block) })
}

// forget drops what was painted, so that nothing of it is taken for a change.
func (p *blocksPool) forget() {
	p.known, p.stale = nil, true
	clear(p.pulses)
}

// frame paints what changed.
func (p *blocksPool) frame(t float64) (again bool) {
	p.time = t
	if !p.stale && !p.fading {
		return false
	}
	if p.stale {
		p.look(t)
	}
	p.stale, p.fading = false, false
	for block, pulse := range p.pulses {
		if t-pulse.since >= pulseLength {
			delete(p.pulses, block)
		}
	}
	p.paint()
	p.tell()
	if len(p.pulses) > 0 && !p.timed {
		p.timed = true
		page.After(pulseLength/pulseSteps, func() {
			p.timed, p.fading = false, true
			p.v.c.wake()
		})
	}
	return false
}

// look compares the pool with what was painted.
func (p *blocksPool) look(t float64) {
	s := p.v.c.shown
	pool := s.Pool()
	first := p.known == nil
	if len(p.known) != pool.Total {
		p.known = make([]wire.BlockChange, pool.Total)
		p.blocks = make([]paint.Block, pool.Total)
	}
	for i := range p.known {
		now := s.PoolBlock(i)
		if event := view.BlockEventOf(p.known[i], now); event != view.BlockSame && !first && !p.v.c.still {
			p.pulses[i] = pulse{event, t}
		}
		p.known[i] = now
		p.blocks[i] = view.BlockOf(now, pool.Own)
	}
	p.cursor = min(p.cursor, pool.Total-1)
}

// Sizes of the pool's picture, in rem.
const (
	blockMost  = 3.2 // the largest square
	blockGap   = 0.2
	blockLabel = 2.0 // from this size on there is room for a number
	poolHeight = 15.0
)

func (p *blocksPool) paint() {
	theme := p.v.c.theme
	if p.Surface.Width == 0 {
		return
	}
	device := func(rem float64) int { return int(math.Round(rem * theme.Rem * p.Ratio)) }
	slots := int(p.v.c.shown.Model().BlockSize)
	_, height := p.grid.Layout(p.DeviceWidth(), device(poolHeight), len(p.blocks), slots, device(blockMost), max(1, device(blockGap)))
	if height != p.height { // a large pool is higher than the room that is kept for it
		p.height = height
		p.element.SetStyle("height", page.Pixels(max(float64(height)/p.Ratio, 1)))
	}
	p.grid.Paint(p.picture, theme.Paint, p.blocks)
	for block, pulse := range p.pulses {
		age := min(max((p.time-pulse.since)/pulseLength, 0), 1)
		colour := theme.Paint.Hot
		if pulse.event == view.BlockWritten {
			colour = theme.Paint.Accent
		}
		p.picture.Frame(p.grid.Cell(block), max(1, device(0.16)), paint.Mix(colour, theme.Paint.Paper, age))
	}
	if chosen := p.v.chosen(); chosen >= 0 {
		p.picture.Frame(p.grid.Cell(chosen).Inset(-1), max(2, device(0.14)), theme.Paint.Hot)
	}
	if p.cursor >= 0 {
		p.picture.Frame(p.grid.Cell(p.cursor), max(1, device(0.1)), theme.Paint.Ink)
	}
	p.pen.Begin(p.Surface)
	p.Surface.Show(p.picture, 0, 0)
	p.label()
}

// label writes the numbers and reference counts where there is room.
func (p *blocksPool) label() {
	theme := p.v.c.theme
	box := p.grid.Text(0)
	if float64(p.grid.Cell(0).W) < blockLabel*theme.Rem*p.Ratio {
		return
	}
	p.pen.Letter(theme.Font(theme.Mono, 0.68), "center")
	for i, b := range p.known {
		p.pen.Fill(theme.Quiet)
		text := page.Decimal(i)
		if b.Refs > 0 {
			p.pen.Fill(theme.Ink)
		}
		if b.Refs > 1 {
			text += "×" + page.Decimal(int(b.Refs))
		}
		box = p.grid.Text(i)
		x, y := float64(box.X)+float64(box.W)/2, float64(box.Y)+float64(box.H)/2
		p.pen.Text(text, x/p.Ratio, y/p.Ratio+0.24*theme.Rem)
	}
}

// tell says in words what is pointed at.
func (p *blocksPool) tell() {
	pool := p.v.c.shown.Pool()
	label := p.v.c.words.Say("blocks.pool_says", "Total", page.Grouped(pool.Total), "Used", page.Grouped(pool.Used))
	if p.cursor >= 0 {
		b := p.known[p.cursor]
		label = p.v.c.words.Say("blocks.block_says", "N", page.Decimal(p.cursor), "State", p.v.state(b),
			"Filled", page.Decimal(int(b.Filled)), "Size", page.Decimal(int(p.v.c.shown.Model().BlockSize)))
	}
	if label != p.said {
		p.said = label
		p.element.SetAttr("aria-label", label)
	}
}
