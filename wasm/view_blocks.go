//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// blocksView shows where keys and values lie: the pool of blocks, this chat's
// block table, and what the chosen block holds.
type blocksView struct {
	c      *client
	says   *textCell
	memory []*memoryBar
	remote element
	pool   *blocksPool
	table  *blocksTable
	heat   *blocksHeat
	picked int // block chosen by hand, −1 for that of the chosen token
	stale  bool
}

// memoryBar is one bar of the comparison.
type memoryBar struct {
	element
	name  string
	bar   element
	value *textCell
	width string
}

func newBlocksView(c *client) *blocksView {
	v := &blocksView{c: c, says: newTextCell(byID("blocks-says")), remote: byID("blocks-remote"), picked: -1}
	for _, e := range byID("blocks-memory").findAll("[data-memory]") {
		b := &memoryBar{element: e, name: e.attr("data-memory"), bar: e.find("i"), value: newTextCell(e.find(".mono"))}
		reading := func() reading { return v.memoryReading(b.name) }
		e.onClick(func() { c.inspector.keep(reading) })
		e.on("pointerenter", func(jsEvent) { c.inspector.point(reading) })
		e.on("pointerleave", func(jsEvent) { c.inspector.leave() })
		e.on("focus", func(jsEvent) { c.inspector.point(reading) })
		e.on("blur", func(jsEvent) { c.inspector.leave() })
		v.memory = append(v.memory, b)
	}
	v.pool = newBlocksPool(v)
	v.table = newBlocksTable(v)
	v.heat = newBlocksHeat(v)
	return v
}

func (v *blocksView) name() string      { return "blocks" }
func (v *blocksView) needs() wire.Views { return wire.ViewBlocks }
func (v *blocksView) ready() bool       { return v.c.shown.Pool().Total > 0 || v.c.shown.Remote() != nil }

func (v *blocksView) update(what change) {
	if what.has(session.ChangeBlocks|session.ChangeModel|session.ChangeTokens|session.ChangeAnswer|session.ChangeProblem) ||
		what.saw(changedToken|changedPlace|changedLanguage|changedTheme|changedSize|changedSession|changedSocket) {
		v.stale = true
	}
	if what.saw(changedToken|changedSession) && v.picked >= 0 {
		v.picked = -1
	}
	if what.saw(changedSession | changedTheme) {
		v.pool.forget()
	}
}

func (v *blocksView) frame(t float64) (again bool) {
	if v.stale {
		v.stale = false
		if !v.showRemote() {
			v.showMemory()
			v.table.show()
			v.heat.show()
		}
		v.pool.stale = true
	}
	return v.pool.frame(t)
}

// choose picks a block by hand and locks its reading.
func (v *blocksView) choose(block int) {
	v.picked, v.stale = block, true
	v.c.inspector.keep(func() reading { return v.blockReading(block) })
}

// chosen is the block that is shown in detail, −1 for none: the one picked by
// hand, or the one that holds the chosen token.
func (v *blocksView) chosen() int {
	if v.picked >= 0 {
		return v.picked
	}
	size, table := int(v.c.shown.Model().BlockSize), v.c.shown.Pool().Table
	at := v.c.position()
	if size == 0 || at < 0 || at/size >= len(table) {
		if len(table) == 0 {
			return -1
		}
		return int(table[len(table)-1].Block) // the newest token's keys are not written yet
	}
	return int(table[at/size].Block)
}

// state is the word for what a block is used for.
func (v *blocksView) state(b wire.BlockChange) string {
	block := view.BlockOf(b, v.c.shown.Pool().Own)
	key := "blocks.free"
	switch {
	case block.State == paint.BlockShared:
		key = "blocks.shared"
	case block.Own:
		key = "blocks.own"
	case block.State == paint.BlockUsed:
		key = "blocks.used"
	case block.State == paint.BlockCached:
		key = "blocks.cached"
	}
	return v.c.words.say(key)
}

// showMemory writes the comparison of what the blocks take with what a
// reservation would.
func (v *blocksView) showMemory() {
	pool, m := v.c.shown.Pool(), v.c.shown.Memory()
	v.says.show(v.c.words.count("blocks.says", len(pool.Table), "Total", grouped(pool.Total), "Used", grouped(pool.Used)))
	for _, b := range v.memory {
		bytes, of := v.bytesOf(b.name, m), m.Contiguous
		text := v.c.words.say("blocks.bar_share", "Bytes", view.Bytes(bytes), "Share", view.Percent(ratio(bytes, of)))
		if b.name == "pool" {
			of = m.PoolTotal
			text = v.c.words.say("blocks.bar_of", "Bytes", view.Bytes(bytes), "Total", view.Bytes(of))
		}
		if b.name == "contiguous" {
			text = view.Bytes(bytes)
		}
		b.value.show(text)
		if width := strconv.FormatFloat(100*min(ratio(bytes, of), 1), 'f', 3, 64) + "%"; width != b.width {
			b.width = width
			b.bar.setStyle("width", width)
		}
	}
}

func (v *blocksView) bytesOf(name string, m session.Memory) uint64 {
	switch name {
	case "blocks":
		return m.Blocks
	case "contiguous":
		return m.Contiguous
	case "waste":
		return view.Waste(m)
	}
	return m.PoolUsed
}

func ratio(a, b uint64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// memoryReading is what the inspector says about a bar.
func (v *blocksView) memoryReading(name string) reading {
	say, model, pool, m := v.c.words.say, v.c.shown.Model(), v.c.shown.Pool(), v.c.shown.Memory()
	r := reading{value: view.Bytes(v.bytesOf(name, m))}
	filled := 0
	for _, b := range pool.Table {
		filled += int(b.Filled)
	}
	switch name {
	case "blocks":
		r.title, r.note, r.fn = say("blocks.bar_blocks"), say("blocks.note_blocks"), view.FuncGrow
		r.formula(view.BlockBytes(model, len(pool.Table)))
		r.by = view.FuncBlockBytes
	case "contiguous":
		r.title, r.note, r.fn = say("blocks.bar_contiguous"), say("blocks.note_contiguous"), view.FuncMemory
		r.formula(view.ContiguousBytes(model))
		r.by = view.FuncContiguous
	case "waste":
		r.title, r.note, r.fn = say("blocks.bar_waste"), say("blocks.note_waste"), view.FuncFill
		r.formula(view.WasteBytes(model, len(pool.Table), filled))
		r.by = view.FuncWaste
	case "pool":
		r.title, r.note, r.fn = say("blocks.bar_pool"), say("blocks.note_pool"), view.FuncNewPool
		r.formula(view.BlockBytes(model, pool.Used))
		r.by = view.FuncBlockBytes
	}
	for _, l := range view.SlotBytes(model) {
		r.fact(v.c, "blocks.read_slot", l.String())
	}
	r.fact(v.c, "blocks.read_bytes", grouped(int(v.bytesOf(name, m))))
	return r
}

// blockReading is what the inspector says about a block of the pool.
func (v *blocksView) blockReading(block int) reading {
	say, model, pool := v.c.words.say, v.c.shown.Model(), v.c.shown.Pool()
	b := v.c.shown.PoolBlock(block)
	owner := say("blocks.read_nobody")
	own := pool.Own != 0 && b.Owner == pool.Own && b.Refs > 0
	switch {
	case own:
		owner = say("blocks.read_own")
	case b.Refs > 0:
		owner = say("blocks.read_other")
	}
	hashed := say("blocks.read_no")
	if b.Hashed {
		hashed = say("blocks.read_yes")
	}
	r := reading{
		title: say("blocks.read_block", "N", decimal(block)), value: v.state(b),
		shape: decimal(int(model.BlockSize)) + " × 2 × " + decimal(int(model.Layers)) + " × " + decimal(int(model.KVHeads)) + " × " + decimal(int(model.HeadDim)),
		note:  say("blocks.note_block"), fn: view.FuncSlot,
	}
	r.fact(v.c, "blocks.read_refs", decimal(int(b.Refs)))
	r.fact(v.c, "blocks.read_owner", owner)
	r.fact(v.c, "blocks.read_filled", decimal(int(b.Filled))+" / "+decimal(int(model.BlockSize)))
	r.fact(v.c, "blocks.read_hashed", hashed)
	r.fact(v.c, "blocks.read_bytes", grouped(int(model.BlockSize)*int(model.BytesPerSlot)))
	if own {
		first := int(b.Index) * int(model.BlockSize)
		newest := first + max(int(b.Filled), 1) - 1
		r.fact(v.c, "blocks.read_index", decimal(int(b.Index)))
		r.fact(v.c, "blocks.read_positions", decimal(first)+" … "+decimal(newest))
		r.formula(view.Place(newest, int(model.BlockSize), block))
		r.by = view.FuncPlace
	}
	return r
}
