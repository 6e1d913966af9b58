//go:build js && wasm

package main

import (
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// blocksTable is this chat's block table: logical block → physical block, with
// the tokens in each.
type blocksTable struct {
	v      *blocksView
	list   page.Element
	rows   []*blockRow
	cursor int // row, −1 for none
	marked int // block whose row was last brought in sight
}

// blockRow is one line of the table.
type blockRow struct {
	page.Element
	index, block, filled, text *page.TextCell
	bar                        page.Element
	width, label, class        string
	shown                      bool
}

func newBlocksTable(v *blocksView) *blocksTable {
	t := &blocksTable{v: v, list: page.ByID("blocks-table"), cursor: -1, marked: -1}
	t.list.On("click", func(event js.Value) {
		if i, ok := t.rowAt(event); ok {
			t.cursor = i
			v.choose(t.block(i))
		}
	})
	t.list.On("pointerover", func(event js.Value) {
		if i, ok := t.rowAt(event); ok {
			block := t.block(i)
			v.c.inspector.Point(func() page.Reading { return v.blockReading(block) })
		}
	})
	t.list.On("pointerleave", func(jsEvent) { v.c.inspector.Leave() })
	t.list.On("keydown", func(event js.Value) { t.key(event) })
	return t
}

func (t *blocksTable) rowAt(event js.Value) (row int, ok bool) {
	at := event.Get("target").Call("closest", "[data-row]")
	if at.IsNull() {
		return 0, false
	}
	row, err := strconv.Atoi(page.AttrOf(at, "data-row"))
	return row, err == nil && row < len(t.v.c.shown.Pool().Table)
}

// block is the physical block of a row.
func (t *blocksTable) block(row int) int { return int(t.v.c.shown.Pool().Table[row].Block) }

// key moves through the table; the block under the cursor is chosen at once.
func (t *blocksTable) key(event js.Value) {
	table := t.v.c.shown.Pool().Table
	to := t.cursor
	switch event.Get("key").String() {
	case "ArrowDown":
		to++
	case "ArrowUp":
		to--
	case "Home":
		to = 0
	case "End":
		to = len(table) - 1
	default:
		return
	}
	event.Call("preventDefault")
	if len(table) == 0 {
		return
	}
	t.cursor = min(max(to, 0), len(table)-1)
	t.v.choose(t.block(t.cursor))
	t.v.c.wake()
}

func (t *blocksTable) show() {
	table := t.v.c.shown.Pool().Table
	for len(t.rows) < len(table) {
		t.rows = append(t.rows, t.newRow(len(t.rows)))
	}
	chosen := t.v.chosen()
	t.list.Call("removeAttribute", "aria-activedescendant")
	for i, row := range t.rows {
		there := i < len(table)
		if row.shown != there {
			row.shown = there
			row.SetHidden(!there)
		}
		if !there {
			continue
		}
		t.showRow(row, &table[i], int(table[i].Block) == chosen)
		if int(table[i].Block) == chosen {
			t.list.SetAttr("aria-activedescendant", "block-row-"+page.Decimal(i))
			if t.marked != chosen {
				t.marked, t.cursor = chosen, i
				t.scrollTo(row)
			}
		}
	}
}

// scrollTo brings a row in sight within the list; the page stays where it is.
func (t *blocksTable) scrollTo(row *blockRow) {
	top, height := row.Get("offsetTop").Float()-t.list.Get("offsetTop").Float(), row.Get("offsetHeight").Float()
	from, room := t.list.Get("scrollTop").Float(), t.list.Get("clientHeight").Float()
	switch {
	case top < from:
		t.list.Set("scrollTop", top)
	case top+height > from+room:
		t.list.Set("scrollTop", top+height-room)
	}
}

func (t *blocksTable) newRow(i int) *blockRow {
	row := &blockRow{
		Element: page.Create("div", ""), bar: page.Create("i", ""), index: page.NewTextCell(page.Create("span", "index")),
		block: page.NewTextCell(page.Create("b", "")), filled: page.NewTextCell(page.Create("span", "filled")), text: page.NewTextCell(page.Create("span", "text")), shown: true,
	}
	row.SetAttr("role", "option")
	row.SetAttr("id", "block-row-"+page.Decimal(i))
	row.SetAttr("data-row", page.Decimal(i))
	row.Append(row.index.Element, page.Create("span", "to").With("→"), row.block.Element,
		page.Create("span", "gauge").Append(row.bar), row.filled.Element, row.text.Element)
	t.list.Append(row.Element)
	return row
}

func (t *blocksTable) showRow(row *blockRow, b *wire.BlockChange, chosen bool) {
	size := int(t.v.c.shown.Model().BlockSize)
	index, block, filled := page.Decimal(int(b.Index)), page.Decimal(int(b.Block)), page.Decimal(int(b.Filled))
	text := t.tokens(int(b.Index)*size, size)
	row.index.Show(index)
	row.block.Show(block)
	row.filled.Show(filled + "/" + page.Decimal(size))
	row.text.Show(text)
	if width := strconv.Itoa(100*int(b.Filled)/max(size, 1)) + "%"; width != row.width {
		row.width = width
		row.bar.SetStyle("width", width)
	}
	class := ""
	if chosen {
		class = "chosen"
	}
	if class != row.class || row.label == "" {
		row.class = class
		row.Set("className", class)
		row.SetAttr("aria-selected", page.BoolText(chosen))
	}
	label := t.v.c.words.Say("blocks.row", "Index", index, "N", block, "Filled", filled, "Size", page.Decimal(size), "Text", text)
	if label != row.label {
		row.label = label
		row.SetAttr("aria-label", label)
	}
}

// tokens is what count tokens from a position on stand for.
func (t *blocksTable) tokens(from, count int) string {
	tokens := t.v.c.shown.Tokens()
	var text strings.Builder
	for i := from; i < min(from+count, len(tokens)); i++ {
		if i > from {
			text.WriteByte(' ')
		}
		text.WriteString(session.Label(tokens[i].Bytes))
	}
	return text.String()
}
