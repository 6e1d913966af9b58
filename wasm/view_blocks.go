//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// blocksView shows where keys and values lie: the pool of blocks, this chat's
// block table, and what the chosen block holds.
type blocksView struct {
	c      *client
	says   *page.TextCell
	memory []*memoryBar
	remote page.Element
	pool   *blocksPool
	table  *blocksTable
	heat   *blocksHeat
	picked int // block chosen by hand, −1 for that of the chosen token
	stale  bool
}

// memoryBar is one bar of the comparison.
type memoryBar struct {
	page.Element
	name  string
	bar   page.Element
	value *page.TextCell
	width string
}

func newBlocksView(c *client) *blocksView {
	v := &blocksView{c: c, says: page.NewTextCell(page.ByID("blocks-says")), remote: page.ByID("blocks-remote"), picked: -1}
	for _, e := range page.ByID("blocks-memory").FindAll("[data-memory]") {
		b := &memoryBar{Element: e, name: e.Attr("data-memory"), bar: e.Find("i"), value: page.NewTextCell(e.Find(".mono"))}
		reading := func() page.Reading { return v.memoryReading(b.name) }
		e.OnClick(func() { c.inspector.Keep(reading) })
		e.On("pointerenter", func(jsEvent) { c.inspector.Point(reading) })
		e.On("pointerleave", func(jsEvent) { c.inspector.Leave() })
		e.On("focus", func(jsEvent) { c.inspector.Point(reading) })
		e.On("blur", func(jsEvent) { c.inspector.Leave() })
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

// unknown reports whether a recording tells nothing of the blocks of the tokens that it
// shows: they come only while this view is open. The keys of the newest token are
// not written yet.
func (v *blocksView) unknown() bool {
	s := v.c.shown
	return s.Recorded() && s.Remote() == nil && s.State().State > wire.StatePrefill && len(s.Pool().Table)*int(s.Model().BlockSize) < len(s.Tokens())-1
}

func (v *blocksView) frame(t float64) (again bool) {
	if v.stale {
		v.stale = false
		unknown := v.unknown()
		page.ByID("blocks-says").SetFlag("data-unknown", unknown) // nothing but that sentence is in sight
		if unknown {
			v.says.Show(v.c.words.Say("blocks.not_recorded"))
		} else if !v.showRemote() {
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
	v.c.inspector.Keep(func() page.Reading { return v.blockReading(block) })
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
	return v.c.words.Say(key)
}

// showMemory writes the comparison of what the blocks take with what a
// reservation would.
func (v *blocksView) showMemory() {
	pool, m := v.c.shown.Pool(), v.c.shown.Memory()
	v.says.Show(v.c.words.Count("blocks.says", len(pool.Table), "Total", page.Grouped(pool.Total), "Used", page.Grouped(pool.Used)))
	for _, b := range v.memory {
		bytes, of := v.bytesOf(b.name, m), m.Contiguous
		text := v.c.words.Say("blocks.bar_share", "Bytes", view.Bytes(bytes), "Share", view.Percent(ratio(bytes, of)))
		if b.name == "pool" {
			of = m.PoolTotal
			text = v.c.words.Say("blocks.bar_of", "Bytes", view.Bytes(bytes), "Total", view.Bytes(of))
		}
		if b.name == "contiguous" {
			text = view.Bytes(bytes)
		}
		b.value.Show(text)
		if width := strconv.FormatFloat(100*min(ratio(bytes, of), 1), 'f', 3, 64) + "%"; width != b.width {
			b.width = width
			b.bar.SetStyle("width", width)
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
func (v *blocksView) memoryReading(name string) page.Reading {
	say, model, pool, m := v.c.words.Say, v.c.shown.Model(), v.c.shown.Pool(), v.c.shown.Memory()
	r := page.Reading{Value: view.Bytes(v.bytesOf(name, m))}
	filled := 0
	for _, b := range pool.Table {
		filled += int(b.Filled)
	}
	switch name {
	case "blocks":
		r.Title, r.Note, r.Fn = say("blocks.bar_blocks"), say("blocks.note_blocks"), view.FuncGrow
		r.AddFormula(view.BlockBytes(model, len(pool.Table)))
		r.By = view.FuncBlockBytes
	case "contiguous":
		r.Title, r.Note, r.Fn = say("blocks.bar_contiguous"), say("blocks.note_contiguous"), view.FuncMemory
		r.AddFormula(view.ContiguousBytes(model))
		r.By = view.FuncContiguous
	case "waste":
		r.Title, r.Note, r.Fn = say("blocks.bar_waste"), say("blocks.note_waste"), view.FuncFill
		r.AddFormula(view.WasteBytes(model, len(pool.Table), filled))
		r.By = view.FuncWaste
	case "pool":
		r.Title, r.Note, r.Fn = say("blocks.bar_pool"), say("blocks.note_pool"), view.FuncNewPool
		r.AddFormula(view.BlockBytes(model, pool.Used))
		r.By = view.FuncBlockBytes
	}
	for _, l := range view.SlotBytes(model) {
		r.AddFact(v.c.words, "blocks.read_slot", l.String())
	}
	r.AddFact(v.c.words, "blocks.read_bytes", page.Grouped(int(v.bytesOf(name, m))))
	return r
}

// blockReading is what the inspector says about a block of the pool.
func (v *blocksView) blockReading(block int) page.Reading {
	say, model, pool := v.c.words.Say, v.c.shown.Model(), v.c.shown.Pool()
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
	r := page.Reading{
		Title: say("blocks.read_block", "N", page.Decimal(block)), Value: v.state(b),
		Shape: page.Decimal(int(model.BlockSize)) + " × 2 × " + page.Decimal(int(model.Layers)) + " × " + page.Decimal(int(model.KVHeads)) + " × " + page.Decimal(int(model.HeadDim)),
		Note:  say("blocks.note_block"), Fn: view.FuncSlot,
	}
	r.AddFact(v.c.words, "blocks.read_refs", page.Decimal(int(b.Refs)))
	r.AddFact(v.c.words, "blocks.read_owner", owner)
	r.AddFact(v.c.words, "blocks.read_filled", page.Decimal(int(b.Filled))+" / "+page.Decimal(int(model.BlockSize)))
	r.AddFact(v.c.words, "blocks.read_hashed", hashed)
	r.AddFact(v.c.words, "blocks.read_bytes", page.Grouped(int(model.BlockSize)*int(model.BytesPerSlot)))
	if own {
		first := int(b.Index) * int(model.BlockSize)
		newest := first + max(int(b.Filled), 1) - 1
		r.AddFact(v.c.words, "blocks.read_index", page.Decimal(int(b.Index)))
		r.AddFact(v.c.words, "blocks.read_positions", page.Decimal(first)+" … "+page.Decimal(newest))
		r.AddFormula(view.Place(newest, int(model.BlockSize), block))
		r.By = view.FuncPlace
	}
	return r
}
