//go:build js && wasm

package main

import (
	"strings"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// table shows the chosen request: its block table, and the tokens that each
// block holds.
type table struct {
	c      *client
	title  *page.TextCell
	says   *page.TextCell
	rows   page.Element
	cancel page.Element
	off    bool // the request cannot be cancelled, as it is shown
	colour page.Element
	shown  string // what stands in the place of the rows, so that it is written when it changes
	list   []*tableRow
}

func newTable(c *client) *table {
	t := &table{
		c: c, title: page.NewTextCell(page.ByID("chosen-title")), says: page.NewTextCell(page.ByID("chosen-says")),
		rows: page.ByID("table"), cancel: page.ByID("cancel"), off: true, colour: page.ByID("colour"),
	}
	t.cancel.OnClick(func() {
		if c.chosen != 0 {
			c.send(&wire.HallCancel{Request: c.chosen})
		}
	})
	t.colour.On("change", func(jsEvent) {
		c.by = hall.ByRequest
		if t.colour.FieldValue() == "reader" {
			c.by = hall.ByReader
		}
		c.changed()
	})
	return t
}

func (t *table) show() {
	c, w := t.c, t.c.words
	q := c.moment.Request(c.chosen)
	live := c.hall.Now().Request(c.chosen)
	if off := live == nil || live.Finished(); off != t.off {
		t.off = off
		t.cancel.SetDisabled(off)
	}
	if q == nil {
		t.title.Show(w.Say("hall.chosen"))
		t.says.Show(w.Say("hall.chosen_none"))
		t.write("none", func() {})
		return
	}
	t.title.Show(w.Say("hall.chosen_title", "N", q.Name(), "Title", q.Title))
	says := w.Say("hall.chosen_says", "State", c.stateName(q.State), "Tokens", page.Decimal(int(q.Tokens)), "Computed", page.Decimal(int(q.Computed)),
		"Cached", page.Decimal(int(q.Cached)), "Preempted", page.Decimal(int(q.Preempted)), "Reader", c.readerName(q.Reader))
	if q.Outputs > 1 {
		says += " · " + w.Say("hall.output_of", "I", page.Decimal(int(q.Index)+1), "N", page.Decimal(int(q.Outputs)))
	}
	t.says.Show(says)
	pieces := hall.Texts(c.hall.Pieces(q.ID))
	pieces = pieces[:min(len(pieces), int(q.Tokens))]
	size := int(c.hall.Config().BlockSize)
	if len(q.Table) == 0 { // its tokens are there all the same
		t.write(w.Lang+"empty"+page.Decimal(int(q.ID))+page.Decimal(len(pieces)), func() {
			row, text := page.Create("div", "whole"), page.Create("span", "text")
			t.tokens(text, pieces, 0, int(q.Prompt))
			t.rows.Append(page.Create("p", "small quiet").With(w.Say("hall.table_none")), row.Append(text))
		})
		return
	}
	t.write("rows", func() {})
	n := 0
	for i, b := range q.Table {
		block := int(b)
		if block >= len(c.moment.Blocks) {
			continue
		}
		first := min(i*size, len(pieces))
		t.row(n).show(q, i, block, int(c.moment.Blocks[block].Refs), pieces[first:min(first+size, len(pieces))], first)
		n++
	}
	for _, row := range t.list[n:] {
		row.element.Remove()
	}
	t.list = t.list[:n]
}

// write fills the table if it is to say something else than rows of blocks, or begins
// with those.
func (t *table) write(key string, fill func()) {
	if key == t.shown {
		return
	}
	t.shown = key
	t.rows.Clear()
	t.list = nil
	fill()
}

// tableRow is a line of the block table. While an answer grows its last line changes,
// and no other is written again.
type tableRow struct {
	t              *table
	element        page.Element
	index, b, refs page.Element
	text           page.Element
	block          int
	shown          string
}

// row is the n-th line, which is made if there are only those before it.
func (t *table) row(n int) *tableRow {
	if n < len(t.list) {
		return t.list[n]
	}
	c := t.c
	r := &tableRow{
		t: t, element: page.Create("div", ""), index: page.Create("span", "index"), b: page.Create("b", ""),
		refs: page.Create("span", "refs"), text: page.Create("span", "text"),
	}
	r.element.Append(r.index, page.Create("span", "to").With("→"), r.b, r.refs, r.text)
	r.element.On("pointerenter", func(jsEvent) { c.grid.moveTo(r.block) })
	r.element.On("pointerleave", func(jsEvent) { c.grid.moveTo(-1) })
	r.element.OnClick(func() {
		block := r.block
		c.inspector.Keep(func() page.Reading { return c.blockReading(block) })
	})
	t.rows.Append(r.element)
	t.list = append(t.list, r)
	return r
}

// show writes which block the index-th is, how many hold it, and the tokens in it.
func (r *tableRow) show(q *hall.Request, index, block, refs int, pieces []string, first int) {
	r.block = block
	key := page.Decimal(int(q.ID)) + " " + page.Decimal(index) + " " + page.Decimal(block) + " " + page.Decimal(refs) + " " + page.Decimal(first) + " " + page.Decimal(len(pieces))
	if key == r.shown {
		return
	}
	r.shown = key
	r.index.SetText(page.Decimal(index))
	r.b.SetText(page.Decimal(block))
	held := ""
	if refs > 1 {
		held = "×" + page.Decimal(refs)
	}
	r.refs.SetText(held)
	r.text.Clear()
	r.t.tokens(r.text, pieces, first, int(q.Prompt))
}

// tokens writes tokens, those that were drawn told apart from those given.
func (t *table) tokens(to page.Element, pieces []string, first, prompt int) {
	for i, piece := range pieces {
		class := ""
		if first+i >= prompt {
			class = "drawn"
		}
		if piece == "" { // it goes on with a character that is written before it
			class, piece = class+" part", "·"
		}
		to.Append(page.Create("i", class).With(strings.ReplaceAll(piece, "\n", "⏎")))
	}
}
