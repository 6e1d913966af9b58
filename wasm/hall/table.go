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
	colour page.Element
	shown  string // what the rows say, so that they are written when they change
}

func newTable(c *client) *table {
	t := &table{
		c: c, title: page.NewTextCell(page.ByID("chosen-title")), says: page.NewTextCell(page.ByID("chosen-says")),
		rows: page.ByID("table"), cancel: page.ByID("cancel"), colour: page.ByID("colour"),
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
	t.cancel.SetDisabled(live == nil || live.Finished())
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
	var key strings.Builder
	key.WriteString(page.Decimal(int(q.ID)) + " " + page.Decimal(len(pieces)))
	for _, b := range q.Table {
		key.WriteString(" " + page.Decimal(int(b)) + "×" + page.Decimal(int(c.moment.Blocks[min(int(b), len(c.moment.Blocks)-1)].Refs)))
	}
	t.write(key.String(), func() {
		for i, b := range q.Table {
			block := int(b)
			if block >= len(c.moment.Blocks) {
				continue
			}
			row := page.Create("div", "")
			refs := ""
			if n := c.moment.Blocks[block].Refs; n > 1 {
				refs = "×" + page.Decimal(int(n))
			}
			text := page.Create("span", "text")
			first := min(i*size, len(pieces))
			t.tokens(text, pieces[first:min(first+size, len(pieces))], first, int(q.Prompt))
			row.Append(page.Create("span", "index").With(page.Decimal(i)), page.Create("span", "to").With("→"),
				page.Create("b", "").With(page.Decimal(block)), page.Create("span", "refs").With(refs), text)
			row.On("pointerenter", func(jsEvent) { c.grid.moveTo(block) })
			row.On("pointerleave", func(jsEvent) { c.grid.moveTo(-1) })
			row.OnClick(func() { c.inspector.Keep(func() page.Reading { return c.blockReading(block) }) })
			t.rows.Append(row)
		}
	})
}

// write fills the rows if they are to say something else.
func (t *table) write(key string, fill func()) {
	if key == t.shown {
		return
	}
	t.shown = key
	t.rows.Clear()
	fill()
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
