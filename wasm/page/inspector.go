//go:build js && wasm

package page

import (
	"slices"

	"vitrine/visualizer/view"
)

// A Reading is what the inspector says about one thing of a view: the number,
// how it came about, and which function computed it.
type Reading struct {
	Title string // what it is: "Attention weight"
	Value string // the exact value, as large as it deserves
	Shape string // shape and type of what the value is of: "9 × 64, float32"
	Rows  []Row  // the formula with its operands, and facts
	Note  string // one sentence in plain words
	Fn    string // the Go function that computed it, as the server names it; empty if none did
	By    string // the one that filled in the formula
}

// A Row is one line of a reading. A row with a name is a fact in two columns.
type Row struct {
	Name  string
	Parts []view.Part
}

// Fact is a row with a name and a value.
func Fact(name, value string) Row { return Row{name, []view.Part{{Text: value}}} }

// Line is a row over the whole width.
func Line(text string) Row { return Fact("", text) }

// Formula is the rows of a formula with its operands.
func Formula(lines []view.Line) []Row {
	rows := make([]Row, len(lines))
	for i, l := range lines {
		rows[i] = Row{Parts: l.Parts}
	}
	return rows
}

// The methods that add to a reading row by row are calls of their own, and a
// client a good deal smaller for it than with a list of rows in every view.

// AddFact adds a row with a name, a message key, and a value.
//
//go:noinline
func (r *Reading) AddFact(w *Words, key, value string) {
	r.Rows = append(r.Rows, Fact(w.Say(key), value))
}

// AddLine adds a row over the whole width.
//
//go:noinline
func (r *Reading) AddLine(text string) { r.Rows = append(r.Rows, Line(text)) }

// AddFormula adds the rows of a formula.
//
//go:noinline
func (r *Reading) AddFormula(lines []view.Line) { r.Rows = append(r.Rows, Formula(lines)...) }

func (r Reading) equal(o Reading) bool {
	return r.Title == o.Title && r.Value == o.Value && r.Shape == o.Shape && r.Note == o.Note && r.Fn == o.Fn && r.By == o.By &&
		slices.EqualFunc(r.Rows, o.Rows, func(a, b Row) bool { return a.Name == b.Name && slices.Equal(a.Parts, b.Parts) })
}

// Inspector is the column at the right. Views give it functions instead of
// readings: it asks again whenever something changed, so that a number that is
// still on its way appears when it arrives, and a change of language is said.
type Inspector struct {
	words   *Words
	wake    func()          // a frame of the screen is wanted
	open    func(fn string) // the source of a function is asked for
	Resting func() Reading  // what is shown when nothing is pointed at
	pointed func() Reading  // under the pointer; nil if nothing
	kept    func() Reading  // locked by a click; nil if nothing

	title, value, shape, note *TextCell
	fn, by                    *TextCell
	lines, lock               Element
	fnRow, byRow              Element
	cells                     []*rowCell
	last                      Reading
	drawn, locked             bool // as the page shows it
}

// NewInspector finds the inspector in the
func NewInspector(w *Words, wake func(), open func(fn string)) *Inspector {
	i := &Inspector{
		words: w, wake: wake, open: open,
		title: NewTextCell(ByID("reading-title")),
		value: NewTextCell(ByID("reading-value")),
		shape: NewTextCell(ByID("reading-shape")),
		note:  NewTextCell(ByID("reading-note")),
		lines: ByID("reading-lines"),
		lock:  ByID("reading-lock"),
		fnRow: ByID("reading-func"),
		byRow: ByID("reading-by"),
	}
	i.fn, i.by = NewTextCell(i.fnRow.Find("code")), NewTextCell(i.byRow.Find("code"))
	i.lock.OnClick(i.Release)
	i.fnRow.Find("button").OnClick(func() { i.open(i.last.Fn) })
	i.byRow.Find("button").OnClick(func() { i.open(i.last.By) })
	return i
}

// Point shows a reading while the pointer is on its thing. Nothing happens
// while another is kept.
func (i *Inspector) Point(at func() Reading) {
	i.pointed = at
	i.wake()
}

// Leave ends what point began.
func (i *Inspector) Leave() {
	if i.pointed != nil {
		i.pointed = nil
		i.wake()
	}
}

// Keep locks a reading until [inspector.release].
func (i *Inspector) Keep(at func() Reading) {
	i.kept = at
	i.wake()
}

// Release lets go of what is kept or pointed at.
func (i *Inspector) Release() {
	i.kept, i.pointed = nil, nil
	i.wake()
}

// IsKept reports whether a reading is locked.
func (i *Inspector) IsKept() bool { return i.kept != nil }

// Frame asks for the reading that is due and writes what differs.
func (i *Inspector) Frame() {
	at := i.Resting
	switch {
	case i.kept != nil:
		at = i.kept
	case i.pointed != nil:
		at = i.pointed
	}
	var r Reading
	if at != nil {
		r = at()
	}
	if r.Title == "" { // a heading says something even when there is nothing to read
		r.Title = i.words.Say("inspector.name")
	}
	if kept := i.kept != nil; kept != i.locked || !i.drawn {
		i.locked = kept
		i.lock.SetHidden(!kept)
		i.lock.SetAttr("aria-pressed", BoolText(kept))
	}
	if i.drawn && r.equal(i.last) {
		return
	}
	i.last, i.drawn = r, true
	i.title.Show(r.Title)
	i.value.Show(r.Value)
	i.shape.Show(r.Shape)
	i.note.Show(r.Note)
	i.fn.Show(r.Fn)
	i.fnRow.SetHidden(r.Fn == "")
	i.by.Show(r.By)
	i.byRow.SetHidden(r.By == "")
	i.lines.SetHidden(len(r.Rows) == 0)
	i.showRows(r.Rows)
}

// showRows writes the rows. The elements of rows that look alike are kept: while
// an answer is written, the reading of the newest token differs in its numbers only.
func (i *Inspector) showRows(rows []Row) {
	same := 0
	for same < min(len(rows), len(i.cells)) && i.cells[same].show(rows[same]) {
		same++
	}
	for _, cell := range i.cells[same:] {
		cell.Remove()
	}
	i.cells = i.cells[:same]
	for _, row := range rows[same:] {
		cell := newRowCell(row)
		i.lines.Append(cell.Element)
		i.cells = append(i.cells, cell)
	}
}

// rowCell is a row in the
type rowCell struct {
	Element
	roles []view.Role
	name  *TextCell // nil for a row over the whole width
	parts []*TextCell
}

func newRowCell(r Row) *rowCell {
	cell, value := &rowCell{Element: Create("div", "")}, Create("span", "")
	for _, part := range r.Parts {
		p := NewTextCell(Create("span", roleClass(part.Role)))
		p.Show(part.Text)
		value.Append(p.Element)
		cell.roles, cell.parts = append(cell.roles, part.Role), append(cell.parts, p)
	}
	if r.Name != "" {
		cell.SetClass("row", true)
		cell.name = NewTextCell(Create("span", ""))
		cell.name.Show(r.Name)
		cell.Append(cell.name.Element)
	}
	cell.Append(value)
	return cell
}

// show writes a row into the cell, if it has the parts that the row needs.
func (cell *rowCell) show(r Row) bool {
	if (r.Name == "") != (cell.name == nil) || len(r.Parts) != len(cell.parts) {
		return false
	}
	for i, part := range r.Parts {
		if part.Role != cell.roles[i] {
			return false
		}
	}
	if cell.name != nil {
		cell.name.Show(r.Name)
	}
	for i, part := range r.Parts {
		cell.parts[i].Show(part.Text)
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

// BoolText writes an attribute's value.
func BoolText(v bool) string {
	if v {
		return "true"
	}
	return "false"
}
