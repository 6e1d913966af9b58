//go:build js && wasm

package main

import (
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// blocksTable is this chat's block table: logical block → physical block, with
// the tokens in each.
type blocksTable struct {
	v      *blocksView
	list   element
	rows   []*blockRow
	cursor int // row, −1 for none
	marked int // block whose row was last brought in sight
}

// blockRow is one line of the table.
type blockRow struct {
	element
	index, block, filled, text *textCell
	bar                        element
	width, label, class        string
	shown                      bool
}

func newBlocksTable(v *blocksView) *blocksTable {
	t := &blocksTable{v: v, list: byID("blocks-table"), cursor: -1, marked: -1}
	t.list.on("click", func(event js.Value) {
		if i, ok := t.rowAt(event); ok {
			t.cursor = i
			v.choose(t.block(i))
		}
	})
	t.list.on("pointerover", func(event js.Value) {
		if i, ok := t.rowAt(event); ok {
			block := t.block(i)
			v.c.inspector.point(func() reading { return v.blockReading(block) })
		}
	})
	t.list.on("pointerleave", func(jsEvent) { v.c.inspector.leave() })
	t.list.on("keydown", func(event js.Value) { t.key(event) })
	return t
}

func (t *blocksTable) rowAt(event js.Value) (row int, ok bool) {
	at := event.Get("target").Call("closest", "[data-row]")
	if at.IsNull() {
		return 0, false
	}
	row, err := strconv.Atoi(attrOf(at, "data-row"))
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
			row.setHidden(!there)
		}
		if !there {
			continue
		}
		t.showRow(row, &table[i], int(table[i].Block) == chosen)
		if int(table[i].Block) == chosen {
			t.list.setAttr("aria-activedescendant", "block-row-"+decimal(i))
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
		element: create("div", ""), bar: create("i", ""), index: newTextCell(create("span", "index")),
		block: newTextCell(create("b", "")), filled: newTextCell(create("span", "filled")), text: newTextCell(create("span", "text")), shown: true,
	}
	row.setAttr("role", "option")
	row.setAttr("id", "block-row-"+decimal(i))
	row.setAttr("data-row", decimal(i))
	row.append(row.index.element, create("span", "to").with("→"), row.block.element,
		create("span", "gauge").append(row.bar), row.filled.element, row.text.element)
	t.list.append(row.element)
	return row
}

func (t *blocksTable) showRow(row *blockRow, b *wire.BlockChange, chosen bool) {
	size := int(t.v.c.shown.Model().BlockSize)
	index, block, filled := decimal(int(b.Index)), decimal(int(b.Block)), decimal(int(b.Filled))
	text := t.tokens(int(b.Index)*size, size)
	row.index.show(index)
	row.block.show(block)
	row.filled.show(filled + "/" + decimal(size))
	row.text.show(text)
	if width := strconv.Itoa(100*int(b.Filled)/max(size, 1)) + "%"; width != row.width {
		row.width = width
		row.bar.setStyle("width", width)
	}
	class := ""
	if chosen {
		class = "chosen"
	}
	if class != row.class || row.label == "" {
		row.class = class
		row.Set("className", class)
		row.setAttr("aria-selected", boolText(chosen))
	}
	label := t.v.c.words.say("blocks.row", "Index", index, "N", block, "Filled", filled, "Size", decimal(size), "Text", text)
	if label != row.label {
		row.label = label
		row.setAttr("aria-label", label)
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
