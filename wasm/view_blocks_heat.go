//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// blocksHeat shows the keys and values in the chosen block, for one layer and
// one KV head: a row a slot, a column a dimension.
type blocksHeat struct {
	v       *blocksView
	element page.Element
	*page.Surface
	pen        *page.Pen
	picture    *paint.Canvas
	heat       paint.BlockHeat
	title, why *page.TextCell
	layer      page.Element
	layerValue *page.TextCell
	head       page.Element
	heads      int

	answer *wire.BlockHeat // what is painted, nil for nothing
	cursor heatCell
	marked bool   // cursor is somewhere
	said   string // the element's name, as it was last told
}

// heatCell is a number of the heat.
type heatCell struct {
	value     bool // of the values, otherwise of the keys
	slot, dim int
}

func newBlocksHeat(v *blocksView) *blocksHeat {
	h := &blocksHeat{
		v: v, element: page.ByID("blocks-heat"), picture: paint.NewCanvas(0, 0), title: page.NewTextCell(page.ByID("blocks-heat-title")),
		layer: page.ByID("blocks-layer"), layerValue: page.NewTextCell(page.ByID("blocks-layer-value")), head: page.ByID("blocks-head"),
	}
	h.why = page.NewTextCell(h.element.Find(".empty"))
	h.Surface = page.NewSurface(h.element.Find("canvas"), func() { v.c.changed(change{page: changedSize}) })
	h.pen = page.NewPen(h.Surface)
	h.layer.On("input", func(jsEvent) {
		layer, _ := strconv.Atoi(h.layer.FieldValue())
		v.c.choosePlace(layer, -1, v.c.at.key)
	})
	h.head.On("change", func(jsEvent) {
		head, _ := strconv.Atoi(h.head.FieldValue())
		v.c.choosePlace(-1, head*h.group(), v.c.at.key)
	})
	h.element.On("pointermove", func(event js.Value) {
		x, y := h.Point(event)
		value, slot, dim, ok := h.heat.At(int(x*h.Ratio), int(y*h.Ratio))
		h.moveTo(heatCell{value, slot, dim}, ok)
	})
	h.element.On("pointerleave", func(jsEvent) { h.moveTo(heatCell{}, false) })
	h.element.On("blur", func(jsEvent) { h.moveTo(heatCell{}, false) })
	h.element.On("click", func(jsEvent) { h.lock() })
	h.element.On("keydown", func(event js.Value) { h.key(event) })
	return h
}

// group is how many query heads share a KV head.
func (h *blocksHeat) group() int {
	m := h.v.c.shown.Model()
	return max(int(m.Heads)/max(int(m.KVHeads), 1), 1)
}

// kvHead is the KV head that the chosen query head uses.
func (h *blocksHeat) kvHead() int { return h.v.c.at.head / h.group() }

// layerShown is the layer whose keys and values are shown.
func (h *blocksHeat) layerShown() int {
	return min(h.v.c.at.layer, max(int(h.v.c.shown.Model().Layers)-1, 0))
}

// key moves the cursor; Enter locks the number under it.
func (h *blocksHeat) key(event js.Value) {
	if h.answer == nil {
		return
	}
	to, dims := h.cursor, int(h.answer.Dim)
	switch event.Get("key").String() {
	case "ArrowRight":
		to.dim++
	case "ArrowLeft":
		to.dim--
	case "ArrowDown":
		to.slot++
	case "ArrowUp":
		to.slot--
	case "Home":
		to = heatCell{}
	case "Enter", " ":
		h.lock()
		event.Call("preventDefault")
		return
	default:
		return
	}
	event.Call("preventDefault")
	switch {
	case !h.marked:
		to = heatCell{}
	case to.dim == dims && !to.value: // from the keys over to the values, and back
		to.value, to.dim = true, 0
	case to.dim < 0 && to.value:
		to.value, to.dim = false, dims-1
	}
	to.dim = min(max(to.dim, 0), dims-1)
	to.slot = min(max(to.slot, 0), int(h.answer.Filled)-1)
	h.moveTo(to, true)
}

// moveTo points at a number, or at none.
func (h *blocksHeat) moveTo(to heatCell, on bool) {
	on = on && h.answer != nil && to.slot < int(h.answer.Filled)
	if on == h.marked && to == h.cursor {
		return
	}
	h.marked = on
	h.v.stale = true
	if !on {
		h.v.c.inspector.Leave()
		h.v.c.wake()
		return
	}
	h.cursor = to
	h.v.c.inspector.Point(func() page.Reading { return h.reading(to) })
}

func (h *blocksHeat) lock() {
	if h.marked {
		at := h.cursor
		h.v.c.inspector.Keep(func() page.Reading { return h.reading(at) })
	}
}

// at is a number of the heat.
func (h *blocksHeat) at(cell heatCell) (v float32, ok bool) {
	if h.answer == nil {
		return 0, false
	}
	values := h.answer.K
	if cell.value {
		values = h.answer.V
	}
	i := cell.slot*int(h.answer.Dim) + cell.dim
	if i >= len(values) {
		return 0, false
	}
	return values[i], true
}

// position is the place in the sequence of a slot of the block that is shown.
func (h *blocksHeat) position(slot int) int {
	return int(h.v.c.shown.PoolBlock(int(h.answer.Block)).Index)*int(h.v.c.shown.Model().BlockSize) + slot
}

// piece is the token whose keys and values stand in a slot.
func (h *blocksHeat) piece(slot int) string {
	if tokens, p := h.v.c.shown.Tokens(), h.position(slot); p < len(tokens) {
		return session.Label(tokens[p].Bytes)
	}
	return ""
}

// reading is what the inspector says about a number of the heat.
func (h *blocksHeat) reading(cell heatCell) page.Reading {
	v, ok := h.at(cell)
	if !ok {
		return page.Reading{}
	}
	say, model := h.v.c.words.Say, h.v.c.shown.Model()
	title, note, method := "blocks.key", "blocks.note_key", view.MethodRoPE
	if cell.value {
		title, note, method = "blocks.value", "blocks.note_value", view.MethodMatMul
	}
	position := h.position(cell.slot)
	r := page.Reading{
		Title: say(title), Value: page.Exact(v), Shape: page.Decimal(int(h.answer.Filled)) + " × " + page.Decimal(int(h.answer.Dim)) + ", float32",
		Note: say(note), Fn: view.BackendFunc(model.Backend, method), By: view.FuncPlace,
	}
	r.AddFact(h.v.c.words, "blocks.read_token", h.piece(cell.slot))
	r.AddFact(h.v.c.words, "blocks.read_position", page.Decimal(position))
	r.AddFact(h.v.c.words, "blocks.read_layer", page.Decimal(int(h.answer.Layer)))
	r.AddFact(h.v.c.words, "blocks.read_head", page.Decimal(int(h.answer.KVHead)))
	r.AddFact(h.v.c.words, "blocks.read_dim", page.Decimal(cell.dim))
	r.AddFormula(view.Place(position, int(model.BlockSize), int(h.answer.Block)))
	return r
}

// show asks for the chosen block's keys and values and paints what is there.
func (h *blocksHeat) show() {
	h.showControls()
	block := h.v.chosen()
	h.answer = nil
	why := ""
	say := h.v.c.words.Say
	n := page.Decimal(block)
	if block < 0 {
		why = say("blocks.heat_none")
		h.title.Show(say("blocks.key") + " · " + say("blocks.value"))
	} else {
		h.title.Show(say("blocks.heat", "N", n))
		b, own := h.v.c.shown.PoolBlock(block), h.v.c.shown.Pool().Own
		switch {
		case b.Refs == 0:
			why = say("blocks.heat_free", "N", n)
		case b.Owner != own:
			why = say("blocks.heat_other", "N", n)
		case b.Filled == 0:
			why = say("blocks.heat_empty", "N", n)
		default:
			why = h.fetch(block)
		}
	}
	h.why.Show(why)
	h.why.SetHidden(h.answer != nil)
	h.marked = h.marked && h.answer != nil && h.cursor.slot < int(h.answer.Filled)
	h.paint()
	h.tell(why)
}

// fetch asks for a block's keys and values and takes what has come already; why
// says why there is none.
func (h *blocksHeat) fetch(block int) (why string) {
	layer, head := h.layerShown(), h.kvHead()
	query := wire.Query{What: wire.QueryBlock, Block: uint32(block), Layer: uint16(layer), Head: uint16(head)}
	h.v.c.ask(query)
	if answer, ok := h.v.c.shown.Block(block, layer, head); ok && answer.Filled > 0 {
		h.answer = answer
		return ""
	}
	if problem, refused := h.v.c.trouble(query); refused {
		return problem
	}
	return h.v.c.words.Say("blocks.heat_asking", "N", page.Decimal(block))
}

// showControls brings the slider and the choice of head to the page's place.
func (h *blocksHeat) showControls() {
	m := h.v.c.shown.Model()
	h.layer.SetAttr("max", page.Decimal(max(int(m.Layers)-1, 0)))
	h.layer.SetValue(page.Decimal(h.layerShown()))
	h.layerValue.Show(page.Decimal(h.layerShown()))
	if h.heads != int(m.KVHeads) {
		h.heads = int(m.KVHeads)
		h.head.Clear()
		for i := range h.heads {
			option := page.Create("option", "").With(page.Decimal(i))
			option.SetValue(page.Decimal(i))
			h.head.Append(option)
		}
	}
	h.head.SetValue(page.Decimal(h.kvHead()))
}

// tell says in words what is shown, or why nothing is.
func (h *blocksHeat) tell(why string) {
	say := h.v.c.words.Say
	label := why
	if h.answer != nil {
		label = say("blocks.heat_says", "N", page.Decimal(int(h.answer.Block)), "Layer", page.Decimal(int(h.answer.Layer)), "Head", page.Decimal(int(h.answer.KVHead)),
			"Filled", page.Decimal(int(h.answer.Filled)), "Dim", page.Decimal(int(h.answer.Dim)))
	}
	if v, ok := h.at(h.cursor); ok && h.marked {
		what := "blocks.key"
		if h.cursor.value {
			what = "blocks.value"
		}
		label = say("blocks.cell_says", "What", say(what), "Piece", h.piece(h.cursor.slot), "Dim", page.Decimal(h.cursor.dim), "Value", page.Exact(v))
	}
	if label != h.said {
		h.said = label
		h.element.SetAttr("aria-label", label)
	}
}

// Sizes of the heat's picture, in rem.
const (
	heatLeft   = 6.0 // for the tokens' names
	heatTop    = 1.5 // for the letters K and V
	heatBottom = 2.1 // for the ranges
	heatSpace  = 1.4 // between keys and values
)

func (h *blocksHeat) paint() {
	theme := h.v.c.theme
	h.pen.Begin(h.Surface)
	if h.answer == nil || h.Surface.Width == 0 {
		return
	}
	device := func(rem float64) int { return int(math.Round(rem * theme.Rem * h.Ratio)) }
	slots, dims := int(h.v.c.shown.Model().BlockSize), int(h.answer.Dim)
	box := paint.Rect{X: device(heatLeft), Y: device(heatTop)}
	box.W, box.H = h.DeviceWidth()-box.X, h.DeviceHeight()-box.Y-device(heatBottom)
	k, v := h.heat.Layout(box, slots, dims, 0, device(heatSpace), device(heatBottom+heatTop))
	if k.Empty() || v.Empty() {
		return
	}
	keys, values := theme.Paint.Signed(paint.MaxAbs(h.answer.K)), theme.Paint.Signed(paint.MaxAbs(h.answer.V))
	h.picture.Resize(h.DeviceWidth(), h.DeviceHeight())
	h.picture.Clear(theme.Paint.Paper)
	h.heat.Paint(h.picture, theme.Paint, h.answer.K, h.answer.V, int(h.answer.Filled), keys, values)
	bar := device(0.5)
	for _, t := range []struct {
		box   paint.Rect
		scale paint.Scale
	}{{k, keys}, {v, values}} {
		t.scale.Paint(h.picture, paint.Rect{X: t.box.X, Y: t.box.Y + t.box.H + bar, W: min(t.box.W, device(9)), H: bar})
	}
	if h.marked {
		cell := h.heat.Key(h.cursor.slot, h.cursor.dim)
		if h.cursor.value {
			cell = h.heat.Value(h.cursor.slot, h.cursor.dim)
		}
		h.picture.Frame(cell.Inset(-2), max(2, device(0.1)), theme.Paint.Ink)
	}
	h.Surface.Show(h.picture, 0, 0)
	h.label(k, v, keys, values)
}

// label writes the letters, the tokens and the ranges.
func (h *blocksHeat) label(k, v paint.Rect, keys, values paint.Scale) {
	theme, pen := h.v.c.theme, h.pen
	css := func(device int) float64 { return float64(device) / h.Ratio }
	for _, t := range []struct {
		box          paint.Rect
		name, colour string
		scale        paint.Scale
	}{{k, "K " + h.v.c.words.Say("blocks.key"), theme.K, keys}, {v, "V " + h.v.c.words.Say("blocks.value"), theme.V, values}} {
		pen.Letter(theme.Font(theme.Sans, 0.86), "left")
		pen.Fill(t.colour)
		pen.Text(t.name, css(t.box.X), css(t.box.Y)-0.75*theme.Rem)
		pen.Letter(theme.Font(theme.Mono, 0.74), "left")
		pen.Fill(theme.Quiet)
		limit := view.Number(float64(t.scale.Hi))
		pen.Text("−"+limit+" … "+limit, css(t.box.X), css(t.box.Y+t.box.H)+1.95*theme.Rem)
	}
	pen.Letter(theme.Font(theme.Mono, 0.74), "right")
	for slot := range int(h.answer.Filled) {
		row := h.heat.Key(slot, 0)
		pen.Fill(theme.Quiet)
		if h.position(slot) == h.v.c.position() {
			pen.Fill(theme.Mark)
		}
		pen.Text(h.fit(h.piece(slot)), css(row.X)-0.4*theme.Rem, css(row.Y)+css(row.H)/2+0.26*theme.Rem)
	}
}

// fit shortens a token's name to the room beside the keys.
func (h *blocksHeat) fit(name string) string {
	runes := []rune(name)
	if len(runes) <= 12 {
		return name
	}
	return string(runes[:11]) + "…"
}
