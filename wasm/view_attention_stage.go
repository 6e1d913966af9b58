//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// flowStage is the box of one operation.
type flowStage struct {
	p                  *flowPart
	name               string
	about              string // message key
	slot, box, button  page.Element
	shape, norm, limit *page.TextCell
	plot               page.Element
	cell               *page.TextCell // what the grid says to assistive technology

	surface *page.Surface
	pen     *page.Pen
	picture paint.Canvas
	strip   paint.Strip
	values  *wire.Stage // nil while there is none
	scale   paint.Scale

	isOpen  bool
	closing js.Value // timer of the way back
	pointed int      // number under the pointer, −1 for none
	cursor  int      // number that the arrow keys are at, −1 before they were used
	stale   bool
}

// Measures of an open box.
const (
	stageEdge   = 2.3  // rem, for the numbers of the heads
	stageFoot   = 1.7  // rem, for the scale
	stageWide   = 0.64 // of the diagram
	stageHigh   = 0.82
	stageLeastW = 26.0 // rem
	stageLeastH = 14.0
	closeAfter  = 270  // milliseconds, the style sheet's --pace
	stripShare  = 0.98 // of a strip's numbers lie within its range
	wholeShape  = 2    // dimensions of a shape whose rows are heads
	cursorPad   = 1.5  // CSS pixels around the number under the cursor
)

func newFlowStage(p *flowPart, box page.Element) *flowStage {
	s := &flowStage{
		p: p, name: box.Attr("data-stage"), box: box, slot: page.Element{Value: box.Get("parentElement")}, button: box.Find("button"),
		shape: page.NewTextCell(box.Find(".shape")), norm: page.NewTextCell(box.Find(".norm")), limit: page.NewTextCell(box.Find(".range")),
		plot: box.Find(".plot"), cell: page.NewTextCell(box.Find("[role=gridcell]")),
		about: box.Find(".about [data-t]").Attr("data-t"), pointed: -1, cursor: -1, closing: js.Undefined(),
	}
	s.surface = page.NewSurface(s.plot.Find("canvas"), func() {
		s.stale = true
		p.c.wake()
	})
	s.pen = page.NewPen(s.surface)
	s.slot.SetHidden(s.name == "attn_post_norm" || s.name == "ffn_post_norm") // until a model has them
	s.button.OnClick(func() { p.open(s) })
	s.plot.On("pointermove", func(event js.Value) { s.pointAt(s.surface.Point(event)) })
	s.plot.On("pointerleave", func(jsEvent) { s.point(-1) })
	s.plot.On("click", func(event js.Value) {
		if !s.isOpen {
			p.open(s)
			return
		}
		s.pointAt(s.surface.Point(event))
		s.keep(s.pointed)
	})
	s.plot.On("keydown", s.key)
	box.On("keydown", func(event js.Value) {
		if s.isOpen && event.Get("key").String() == "Escape" && !p.c.inspector.IsKept() {
			event.Call("preventDefault")
			p.open(s)
			s.button.Focus()
		}
	})
	return s
}

// label is the box's name as it stands on it.
func (s *flowStage) label() string { return s.button.Find(".name").Get("innerText").String() }

// take shows a flow's values of this operation; a model that lacks it has no box.
func (s *flowStage) take(flow *wire.Flow) {
	s.values = view.StageOf(flow, s.name)
	s.slot.SetHidden(s.values == nil)
	if s.values == nil {
		return
	}
	s.shape.Show(strings.ReplaceAll(view.ShapeText(s.values.Shape), " ", ""))
	s.norm.Show("‖" + brief(s.values.Norm, 3) + "‖")
	s.cursor = min(s.cursor, len(s.values.Values)-1)
	s.plot.SetAttr("aria-label", s.p.c.words.Say("attention.flow_strip", "Stage", s.label()))
	s.stale = true
}

// index writes the place of number i: "17", or "3, 17" where rows are heads.
func (s *flowStage) index(i int) string {
	text := ""
	for axis, n := range view.Coordinates(s.values.Shape, i) {
		if axis > 0 {
			text += ", "
		}
		text += page.Decimal(n)
	}
	return text
}

// weightAt is the place of number i in the attention of the flow's layer, where the
// operation has a number a key.
func (s *flowStage) weightAt(i int) (layer, head, q, k int, ok bool) {
	if s.values == nil || s.name != "scores" && s.name != "probs" {
		return 0, 0, 0, 0, false
	}
	at := view.Coordinates(s.values.Shape, i)
	if len(at) != 2 {
		return 0, 0, 0, 0, false
	}
	return int(s.p.shown.Layer), at[0], int(s.p.shown.Position), at[1], true
}

// pointedWeight is [flowStage.weightAt] of the number under the pointer.
func (s *flowStage) pointedWeight() (layer, head, q, k int, ok bool) {
	if s.pointed < 0 || s.p.shown == nil {
		return 0, 0, 0, 0, false
	}
	return s.weightAt(s.pointed)
}

func (s *flowStage) pointAt(x, y float64) {
	i, ok := s.strip.At(int(x*s.surface.Ratio), int(y*s.surface.Ratio))
	if !ok || s.values == nil || i >= len(s.values.Values) {
		i = -1
	}
	s.point(i)
}

// point shows number i in the inspector while it is pointed at, −1 for none.
func (s *flowStage) point(i int) {
	if i == s.pointed {
		return
	}
	s.pointed = i
	if i < 0 {
		s.p.c.inspector.Leave()
	} else {
		s.p.c.inspector.Point(func() page.Reading { return s.p.reading(s, i) })
	}
	s.stale = s.stale || s.isOpen
	s.p.c.wake()
}

func (s *flowStage) keep(i int) {
	if i >= 0 {
		s.cursor = i
		s.stale = true
		s.p.c.inspector.Keep(func() page.Reading { return s.p.reading(s, i) })
	}
}

// key moves over the numbers of an open box.
func (s *flowStage) key(event js.Value) {
	if !s.isOpen || s.values == nil || event.Get("ctrlKey").Bool() || event.Get("metaKey").Bool() || event.Get("altKey").Bool() {
		return
	}
	to, last := s.cursor, len(s.values.Values)-1
	name := event.Get("key").String()
	switch right, down, ok := arrows(name); {
	case ok && s.cursor < 0:
		to = 0
	case ok:
		to += right + down*s.strip.Columns()
	case name == "Home":
		to = 0
	case name == "End":
		to = last
	case name == "Enter":
		s.keep(s.cursor)
		event.Call("preventDefault")
		return
	default:
		return
	}
	event.Call("preventDefault")
	if to < 0 || to > last {
		return
	}
	s.cursor, s.stale = to, true
	text := s.p.c.words.Say("attention.flow_number", "Stage", s.label(), "Index", s.index(to), "Value", page.Exact(s.values.Values[to]))
	s.cell.Show(text)
	s.p.say(text)
	s.p.c.inspector.Point(func() page.Reading { return s.p.reading(s, to) })
	s.p.c.wake()
}

// open lets the box grow over its neighbours from where it stands; in a narrow
// window, where boxes follow one another, it grows in the line.
func (s *flowStage) open() {
	page.CancelTimer(s.closing)
	s.isOpen = true
	if !pageScrolls() {
		s.place(s.slotBox())
	}
	s.box.SetClass("open", true)
	s.button.SetAttr("aria-expanded", "true")
	s.plot.SetAttr("tabindex", "0")
	s.stale = true
	if pageScrolls() {
		return
	}
	s.box.Call("getBoundingClientRect") // the way begins where it stands now
	s.box.SetClass("moving", !s.p.c.still)
	s.place(s.openBox())
}

// close lets the box shrink back into its slot.
func (s *flowStage) close() {
	s.isOpen, s.stale = false, true
	s.button.SetAttr("aria-expanded", "false")
	s.plot.Call("removeAttribute", "tabindex")
	finish := func() {
		s.box.SetClass("open", false)
		s.box.SetClass("moving", false)
		for _, property := range []string{"left", "top", "width", "height"} {
			s.box.Get("style").Call("removeProperty", property)
		}
		s.stale = true
		s.p.c.wake()
	}
	if s.p.c.still || pageScrolls() {
		finish()
		return
	}
	s.place(s.slotBox())
	s.closing = page.After(closeAfter, finish)
}

func (s *flowStage) place(at box) {
	s.box.SetStyle("left", page.Pixels(at.x))
	s.box.SetStyle("top", page.Pixels(at.y))
	s.box.SetStyle("width", page.Pixels(at.w))
	s.box.SetStyle("height", page.Pixels(at.h))
}

// slotBox is where the box stands in the diagram when it is closed.
func (s *flowStage) slotBox() box { return relative(s.slot, s.p.place) }

// openBox is where it stands when it is open: around its slot, within the diagram.
func (s *flowStage) openBox() box {
	slot := s.slotBox()
	all := s.p.place.Call("getBoundingClientRect")
	width, height := all.Get("width").Float(), all.Get("height").Float()
	rem := s.p.c.theme.Rem
	w := min(max(stageWide*width, stageLeastW*rem), width)
	h := min(max(stageHigh*height, stageLeastH*rem), height)
	return box{
		min(max(slot.x+slot.w/2-w/2, 0), width-w), min(max(slot.y+slot.h/2-h/2, 0), height-h), w, h,
	}
}

// relative is the place of an element within another, in CSS pixels.
func relative(e, within page.Element) box {
	a, b := e.Call("getBoundingClientRect"), within.Call("getBoundingClientRect")
	return box{
		a.Get("left").Float() - b.Get("left").Float(), a.Get("top").Float() - b.Get("top").Float(),
		a.Get("width").Float(), a.Get("height").Float(),
	}
}

func (s *flowStage) frame() {
	if !s.stale || s.surface.Width == 0 {
		return
	}
	s.stale = false
	s.pen.Begin(s.surface)
	if s.values == nil || s.p.shown == nil {
		s.limit.Show("")
		return
	}
	t := s.p.c.theme
	if s.name == "probs" {
		s.scale = t.Paint.Attention()
		s.limit.Show(s.p.c.words.Say("attention.range_weights"))
	} else {
		s.scale = t.Paint.Signed(paint.AbsQuantile(s.values.Values, stripShare))
		s.limit.Show(s.p.c.words.Say("attention.range_signed", "Limit", brief(s.scale.Hi, 2)))
	}
	s.paint()
	if s.isOpen {
		s.drawEdges()
	}
}

// paint paints the strip: a row a head where there are heads.
func (s *flowStage) paint() {
	room, gap := paint.Rect{W: s.surface.DeviceWidth(), H: s.surface.DeviceHeight()}, 0
	if s.isOpen {
		unit := s.p.c.theme.Rem * s.surface.Ratio
		room.X, room.Y, gap = int(stageEdge*unit), int(math.Ceil(2*s.surface.Ratio)), int(math.Round(s.surface.Ratio))
		room.W -= room.X
		room.H -= room.Y + int(stageFoot*unit)
	}
	columns := view.FillColumns(len(s.values.Values), room.W, room.H)
	if len(s.values.Shape) == wholeShape {
		columns = int(s.values.Shape[1])
	}
	if s.picture.Resize(s.surface.DeviceWidth(), s.surface.DeviceHeight()); s.picture.W == 0 {
		return
	}
	s.picture.Clear(paint.Color{})
	s.strip.Layout(room, len(s.values.Values), columns, gap)
	s.strip.Paint(&s.picture, s.p.c.theme.Paint, s.values.Values, s.scale)
	if s.isOpen {
		s.scale.Paint(&s.picture, s.scaleBar())
	}
	s.surface.Show(&s.picture, 0, 0)
}

// drawEdges draws what an open box has besides: the heads' numbers, the scale
// with its range, and the number under the cursor.
func (s *flowStage) drawEdges() {
	p, t := s.pen, s.p.c.theme
	css := func(r paint.Rect) box {
		k := s.surface.Ratio
		return box{float64(r.X) / k, float64(r.Y) / k, float64(r.W) / k, float64(r.H) / k}
	}
	p.Fill(t.Quiet)
	p.Letter(t.Font(t.Mono, 0.7), "right")
	columns := s.strip.Columns()
	rows := (len(s.values.Values) + columns - 1) / columns
	first := css(s.strip.Cell(0))
	pitch := first.h
	if rows > 1 {
		pitch = css(s.strip.Cell(columns)).y - first.y
	}
	for _, row := range view.Ticks(nil, 0, rows, pitch, 0.85*t.Rem) {
		at := css(s.strip.Cell(row * columns))
		label := row * columns // the row's first number
		if len(s.values.Shape) == wholeShape {
			label = row // the head
		}
		p.Text(page.Decimal(label), at.x-0.3*t.Rem, max(at.y+at.h/2+0.25*t.Rem, 0.6*t.Rem))
	}
	s.drawScale(css(s.scaleBar()))
	for _, i := range []int{s.cursor, s.pointed} {
		if at := css(s.strip.Cell(i)); at.w > 0 {
			p.Outline(t.Ink, 1)
			if i == s.cursor {
				p.Outline(t.Mark, 2)
			}
			p.Frame(at.x-cursorPad, at.y-cursorPad, at.w+2*cursorPad, at.h+2*cursorPad)
		}
	}
}

// scaleBar is where an open box has the colours of its scale, in device pixels.
func (s *flowStage) scaleBar() paint.Rect {
	unit := s.p.c.theme.Rem * s.surface.Ratio
	return paint.Rect{
		X: s.strip.Cell(0).X, Y: s.surface.DeviceHeight() - int(1.35*unit),
		W: int(0.36 * float64(s.surface.DeviceWidth())), H: int(0.45 * unit),
	}
}

// drawScale draws the range of the scale under its colours.
func (s *flowStage) drawScale(bar box) {
	p, t := s.pen, s.p.c.theme
	p.Fill(t.Quiet)
	p.Letter(t.Font(t.Mono, 0.66), "center")
	for _, tick := range s.scale.Ticks() {
		p.Text(tick.Text, bar.x+float64(tick.At)*bar.w, s.surface.Height-0.12*t.Rem)
	}
}

// brief writes a number in as many digits as a box has room for.
func brief(v float32, digits int) string {
	if v >= 1000 {
		return strconv.FormatFloat(float64(v), 'f', 0, 32)
	}
	return strconv.FormatFloat(float64(v), 'g', digits, 32)
}
