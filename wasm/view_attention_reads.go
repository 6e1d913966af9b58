//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// reads is the chosen token's row of a head as a list: the keys that weigh
// most, with bars and numbers.
type reads struct {
	c                 *client
	list              page.Element
	title, note, rest *page.TextCell
	rows              []*readRow
	weights           []float32 // scratch
	top               []view.KeyWeight
	room              int // rows that there is room for
	pointed           int // row that is pointed at, −1 for none
	stale             bool
}

// readRow is one line of the list.
type readRow struct {
	page.Element
	at, piece, weight *page.TextCell
	bar               page.Element
	length            string
	key               int
	pressed, shown    bool
}

const (
	mostReads  = 40   // rows at most
	readHeight = 1.35 // rem, as the style sheet has it
)

func newReads(c *client) *reads {
	r := &reads{
		c: c, list: page.ByID("reads"), title: page.NewTextCell(page.ByID("reads-title")),
		note: page.NewTextCell(page.ByID("reads-note")), rest: page.NewTextCell(page.ByID("reads-rest")), pointed: -1,
	}
	r.list.On("pointerover", func(event js.Value) { r.point(r.rowOf(event)) })
	r.list.On("pointerleave", func(jsEvent) { r.point(-1) })
	r.list.On("focusin", func(event js.Value) { r.point(r.rowOf(event)) })
	r.list.On("focusout", func(jsEvent) { r.point(-1) })
	r.list.On("click", func(event js.Value) {
		if i := r.rowOf(event); i >= 0 {
			at := r.cellOf(i)
			c.choosePlace(-1, -1, at.k)
			c.inspector.Keep(func() page.Reading { return c.weightReading(at.layer, at.head, at.q, at.k) })
		}
	})
	observer := page.Window.Get("ResizeObserver").New(js.FuncOf(func(js.Value, []js.Value) any {
		if room := r.measure(); room != r.room {
			r.room, r.stale = room, true
			c.wake()
		}
		return nil
	}))
	observer.Call("observe", r.list.Value)
	return r
}

// measure is the number of rows that there is room for; where the page scrolls that
// is a fixed one.
func (r *reads) measure() int {
	if pageScrolls() {
		return 12
	}
	return min(int(r.list.Get("clientHeight").Float()/(readHeight*r.c.theme.Rem)), mostReads)
}

// rowOf is the row that an event is on, −1 for none.
func (r *reads) rowOf(event js.Value) int {
	button := event.Get("target").Call("closest", "button")
	for i, row := range r.rows {
		if row.Equal(button) {
			return i
		}
	}
	return -1
}

func (r *reads) cellOf(row int) headPlace {
	return headPlace{r.c.layer(), r.c.head(), r.c.queryPosition(), r.rows[row].key}
}

func (r *reads) point(row int) {
	if row == r.pointed {
		return
	}
	r.pointed = row
	if row < 0 {
		r.c.inspector.Leave()
		return
	}
	at := r.cellOf(row)
	r.c.inspector.Point(func() page.Reading { return r.c.weightReading(at.layer, at.head, at.q, at.k) })
}

// pointedCell is the weight whose row is pointed at.
func (r *reads) pointedCell() (at headPlace, on bool) {
	if r.pointed < 0 || r.pointed >= len(r.top) {
		return at, false
	}
	return r.cellOf(r.pointed), true
}

func (r *reads) update(what change) { r.stale = r.stale || headChanged(what) }

func (r *reads) frame() {
	if !r.stale || r.room == 0 {
		return
	}
	r.stale = false
	c, say := r.c, r.c.words.Say
	layer, head, q := c.layer(), c.head(), c.queryPosition()
	var source weightSource
	r.weights, source = c.attentionRow(r.weights[:0], layer, head, q)
	var others float32
	r.top, others = view.TopKeys(r.top[:0], r.weights, r.room)
	r.title.Show(say("attention.reads", "Token", c.tokenName(q)))
	r.note.Show(r.noteFor(source, layer))
	for i, key := range r.top {
		if i == len(r.rows) {
			r.rows = append(r.rows, newReadRow(r.list))
		}
		r.rows[i].show(c, key, source, key.Key == c.at.key)
	}
	for _, row := range r.rows[len(r.top):] {
		row.hide()
	}
	rest := ""
	if n := len(r.weights) - len(r.top); n > 0 {
		rest = c.words.Count("attention.rest", n, "Sum", weightText(others, source))
	}
	r.rest.Show(rest)
}

// noteFor says how well the row is known.
func (r *reads) noteFor(source weightSource, layer int) string {
	c := r.c
	why, refused := c.trouble(wire.Query{What: wire.QueryFlow, Position: uint32(max(c.queryPosition(), 0)), Layer: uint16(layer)})
	switch {
	case source == weightExact:
		return c.words.Say("attention.reads_exact", "Dim", page.Decimal(int(c.shown.Model().HeadDim)), "Keys", page.Decimal(len(r.weights)))
	case source == weightUnknown && refused:
		return why
	case source == weightUnknown && !c.resting():
		return c.words.Say("attention.reads_none")
	case source == weightUnknown:
		return c.words.Say("attention.reads_waiting")
	case refused:
		return c.words.Say("attention.reads_only_about")
	case !c.resting():
		return c.words.Say("attention.reads_about")
	}
	return c.words.Say("attention.reads_asking")
}

func newReadRow(list page.Element) *readRow {
	button := page.Create("button", "")
	button.SetAttr("type", "button")
	at, piece, track, bar, weight := page.Create("span", "at"), page.Create("span", "piece"), page.Create("span", "track"), page.Create("i", ""), page.Create("span", "weight")
	button.Append(at, piece, track.Append(bar), weight)
	list.Append(page.Create("li", "").Append(button))
	return &readRow{Element: button, at: page.NewTextCell(at), piece: page.NewTextCell(piece), weight: page.NewTextCell(weight), bar: bar, shown: true}
}

func (r *readRow) show(c *client, key view.KeyWeight, source weightSource, pressed bool) {
	if !r.shown {
		r.shown = true
		r.SetHidden(false)
	}
	r.key = key.Key
	r.at.Show(page.Decimal(key.Key))
	r.piece.Show(session.Label(c.shown.Tokens()[key.Key].Bytes))
	r.weight.Show(weightText(key.Weight, source))
	if length := strconv.FormatFloat(float64(100*key.Weight), 'f', 1, 32) + "%"; length != r.length {
		r.length = length
		r.bar.SetStyle("width", length)
	}
	if pressed != r.pressed {
		r.pressed = pressed
		r.SetAttr("aria-pressed", page.BoolText(pressed))
	}
}

func (r *readRow) hide() {
	if r.shown {
		r.shown = false
		r.SetHidden(true)
	}
}
