//go:build js && wasm

package main

import (
	"slices"

	"vitrine/visualizer/view"
)

// A reading is what the inspector says about one thing of a view: the number,
// how it came about, and which function computed it.
type reading struct {
	title string // what it is: "Attention weight"
	value string // the exact value, as large as it deserves
	shape string // shape and type of what the value is of: "9 × 64, float32"
	rows  []row  // the formula with its operands, and facts
	note  string // one sentence in plain words
	fn    string // the Go function that computed it, as the server names it; empty if none did
	by    string // the one that filled in the formula
}

// A row is one line of a reading. A row with a name is a fact in two columns.
type row struct {
	name  string
	parts []view.Part
}

// fact is a row with a name and a value.
func fact(name, value string) row { return row{name, []view.Part{{Text: value}}} }

// line is a row over the whole width.
func line(text string) row { return fact("", text) }

// formula is the rows of a formula with its operands.
func formula(lines []view.Line) []row {
	rows := make([]row, len(lines))
	for i, l := range lines {
		rows[i] = row{parts: l.Parts}
	}
	return rows
}

func (r reading) equal(o reading) bool {
	return r.title == o.title && r.value == o.value && r.shape == o.shape && r.note == o.note && r.fn == o.fn && r.by == o.by &&
		slices.EqualFunc(r.rows, o.rows, func(a, b row) bool { return a.name == b.name && slices.Equal(a.parts, b.parts) })
}

// inspector is the column at the right. Views give it functions instead of
// readings: it asks again whenever something changed, so that a number that is
// still on its way appears when it arrives, and a change of language is said.
type inspector struct {
	c       *client
	resting func() reading // what is shown when nothing is pointed at
	pointed func() reading // under the pointer; nil if nothing
	kept    func() reading // locked by a click; nil if nothing

	title, value, shape, note *textCell
	fn, by                    *textCell
	lines, lock               element
	fnRow, byRow              element
	cells                     []*rowCell
	last                      reading
	drawn, locked             bool // as the page shows it
}

func newInspector(c *client) *inspector {
	i := &inspector{
		c:     c,
		title: newTextCell(byID("reading-title")),
		value: newTextCell(byID("reading-value")),
		shape: newTextCell(byID("reading-shape")),
		note:  newTextCell(byID("reading-note")),
		lines: byID("reading-lines"),
		lock:  byID("reading-lock"),
		fnRow: byID("reading-func"),
		byRow: byID("reading-by"),
	}
	i.fn, i.by = newTextCell(i.fnRow.find("code")), newTextCell(i.byRow.find("code"))
	i.lock.onClick(i.release)
	i.fnRow.find("button").onClick(func() { c.source.open(i.last.fn) })
	i.byRow.find("button").onClick(func() { c.source.open(i.last.by) })
	return i
}

// point shows a reading while the pointer is on its thing. Nothing happens
// while another is kept.
func (i *inspector) point(at func() reading) {
	i.pointed = at
	i.c.wake()
}

// leave ends what point began.
func (i *inspector) leave() {
	if i.pointed != nil {
		i.pointed = nil
		i.c.wake()
	}
}

// keep locks a reading until [inspector.release].
func (i *inspector) keep(at func() reading) {
	i.kept = at
	i.c.wake()
}

// release lets go of what is kept or pointed at.
func (i *inspector) release() {
	i.kept, i.pointed = nil, nil
	i.c.wake()
}

// isKept reports whether a reading is locked.
func (i *inspector) isKept() bool { return i.kept != nil }

// frame asks for the reading that is due and writes what differs.
func (i *inspector) frame() {
	at := i.resting
	switch {
	case i.kept != nil:
		at = i.kept
	case i.pointed != nil:
		at = i.pointed
	}
	var r reading
	if at != nil {
		r = at()
	}
	if r.title == "" { // a heading says something even when there is nothing to read
		r.title = i.c.words.say("inspector.name")
	}
	if kept := i.kept != nil; kept != i.locked || !i.drawn {
		i.locked = kept
		i.lock.setHidden(!kept)
		i.lock.setAttr("aria-pressed", boolText(kept))
	}
	if i.drawn && r.equal(i.last) {
		return
	}
	i.last, i.drawn = r, true
	i.title.show(r.title)
	i.value.show(r.value)
	i.shape.show(r.shape)
	i.note.show(r.note)
	i.fn.show(r.fn)
	i.fnRow.setHidden(r.fn == "")
	i.by.show(r.by)
	i.byRow.setHidden(r.by == "")
	i.lines.setHidden(len(r.rows) == 0)
	i.showRows(r.rows)
}

// showRows writes the rows. The elements of rows that look alike are kept: while
// an answer is written, the reading of the newest token differs in its numbers only.
func (i *inspector) showRows(rows []row) {
	same := 0
	for same < min(len(rows), len(i.cells)) && i.cells[same].show(rows[same]) {
		same++
	}
	for _, cell := range i.cells[same:] {
		cell.remove()
	}
	i.cells = i.cells[:same]
	for _, row := range rows[same:] {
		cell := newRowCell(row)
		i.lines.append(cell.element)
		i.cells = append(i.cells, cell)
	}
}

// rowCell is a row in the page.
type rowCell struct {
	element
	roles []view.Role
	name  *textCell // nil for a row over the whole width
	parts []*textCell
}

func newRowCell(r row) *rowCell {
	cell, value := &rowCell{element: create("div", "")}, create("span", "")
	for _, part := range r.parts {
		p := newTextCell(create("span", roleClass(part.Role)))
		p.show(part.Text)
		value.append(p.element)
		cell.roles, cell.parts = append(cell.roles, part.Role), append(cell.parts, p)
	}
	if r.name != "" {
		cell.setClass("row", true)
		cell.name = newTextCell(create("span", ""))
		cell.name.show(r.name)
		cell.append(cell.name.element)
	}
	cell.append(value)
	return cell
}

// show writes a row into the cell, if it has the parts that the row needs.
func (cell *rowCell) show(r row) bool {
	if (r.name == "") != (cell.name == nil) || len(r.parts) != len(cell.parts) {
		return false
	}
	for i, part := range r.parts {
		if part.Role != cell.roles[i] {
			return false
		}
	}
	if cell.name != nil {
		cell.name.show(r.name)
	}
	for i, part := range r.parts {
		cell.parts[i].show(part.Text)
	}
	return true
}

// roleClass is the style sheet's name of an operand of attention.
func roleClass(role view.Role) string {
	switch role {
	case view.RoleQuery:
		return "q"
	case view.RoleKey:
		return "k"
	case view.RoleValue:
		return "v"
	}
	return ""
}

func boolText(v bool) string {
	if v {
		return "true"
	}
	return "false"
}
