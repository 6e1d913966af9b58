//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"
	"unicode/utf8"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// spine is the timeline along the bottom: one cell a token, a bar as high as
// the probability that the token was drawn with. It is one canvas, drawn where it is
// in sight, and to assistive technology a slider over the tokens.
type spine struct {
	c       *client
	element page.Element
	empty   page.Element
	*page.Surface
	pen *page.Pen

	ids     []int32   // the tokens that are laid out
	labels  []string  // of each of them
	lefts   []float64 // left edge of each cell in the strip, and the right edge of the last
	offset  float64   // how far the strip is scrolled, in CSS pixels
	aim     float64   // where it is scrolling to
	shown   int       // the token that was last brought in sight
	pointed int       // token under the pointer here or in the chat, −1 for none
	hovered bool      // the pointer is here
	narrow  float64   // width of a Latin letter
	wide    float64   // width of a Han character
	dirty   bool
	drag    bool // the overview is being dragged
	filled  bool // the word that there are no tokens is out of sight
}

func newSpine(c *client) *spine {
	s := &spine{c: c, element: page.ByID("timeline"), pointed: -1, shown: -1, dirty: true}
	s.empty = s.element.Find(".empty")
	s.Surface = page.NewSurface(s.element.Find("canvas"), func() { c.changed(change{page: changedSize}) })
	s.pen = page.NewPen(s.Surface)
	s.element.On("pointermove", func(event js.Value) {
		x, y := s.Point(event)
		if s.drag {
			s.scrollOverview(x)
			return
		}
		s.hovered = true
		s.pointAt(s.tokenAt(x, y))
	})
	s.element.On("pointerleave", func(jsEvent) {
		s.hovered = false
		s.pointAt(-1)
	})
	s.element.On("pointerdown", func(event js.Value) {
		x, y := s.Point(event)
		if s.overflows() && y >= s.Height-overviewHeight {
			s.drag = true
			s.element.Call("setPointerCapture", event.Get("pointerId"))
			s.scrollOverview(x)
			return
		}
		if position := s.tokenAt(x, y); position >= 0 {
			c.keepToken(position)
		}
	})
	s.element.On("pointerup", func(jsEvent) { s.drag = false })
	s.element.Call("addEventListener", "wheel", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if !s.overflows() {
			return nil
		}
		args[0].Call("preventDefault")
		s.scrollTo(s.aim + args[0].Get("deltaX").Float() + args[0].Get("deltaY").Float())
		s.c.wake()
		return nil
	}), map[string]any{"passive": false})
	return s
}

// Measures of the timeline, in CSS pixels unless said otherwise.
const (
	cellPad        = 7.0  // beside a label
	cellLeast      = 16.0 // narrowest cell
	cellGap        = 2.0
	stripPad       = 14.0 // before the first and after the last cell
	labelRem       = 0.8  // size of the labels
	overviewHeight = 15.0
)

// update measures tokens that came and drops those that went.
func (s *spine) update(what change) {
	if what.saw(changedSession | changedTheme | changedSize | changedLanguage) {
		s.ids, s.labels, s.lefts = nil, nil, nil
	}
	if what.has(session.ChangeTokens|session.ChangeState) || what.saw(changedSession|changedTheme|changedSize|changedToken|changedLanguage) {
		s.measureCells()
		s.bringInSight(what.saw(changedSession | changedSize))
		s.tell()
		s.dirty = true
	}
}

// measureCells lays the cells out, from the first token that differs on.
func (s *spine) measureCells() {
	tokens := s.c.shown.Tokens()
	if len(s.labels) == 0 {
		s.pen.Letter(s.c.theme.Font(s.c.theme.Mono, labelRem), "center")
		s.narrow, s.wide = s.pen.Width("0000000000")/10, s.pen.Width("汉汉汉汉")/4
	}
	same := 0
	for same < min(len(s.labels), len(tokens)) && s.ids[same] == tokens[same].ID {
		same++
	}
	s.ids, s.labels, s.lefts = s.ids[:same], s.labels[:same], s.lefts[:min(same, len(s.lefts))]
	x := stripPad
	if same > 0 {
		x = s.lefts[same-1] + s.cellWidth(s.labels[same-1])
	}
	for _, t := range tokens[same:] {
		label := session.Label(t.Bytes)
		s.ids, s.labels, s.lefts = append(s.ids, t.ID), append(s.labels, label), append(s.lefts, x)
		x += s.cellWidth(label)
	}
	s.lefts = append(s.lefts, x)
	if s.c.hasNext() {
		s.lefts = append(s.lefts, x+s.cellWidth(s.c.words.Say("spine.next")))
	}
}

// cellWidth is the width of a cell with the gap after it.
func (s *spine) cellWidth(label string) float64 {
	return max(s.labelWidth(label)+2*cellPad, cellLeast) + cellGap
}

// labelWidth is the width of a label in the monospaced face: Han characters
// and emoji take their own measure.
func (s *spine) labelWidth(label string) float64 {
	if len(label) == utf8.RuneCountInString(label) {
		return float64(len(label)) * s.narrow
	}
	w := 0.0
	for _, r := range label {
		if r >= 0x1100 && r != '⏎' && r != '⇥' {
			w += s.wide
		} else {
			w += s.narrow
		}
	}
	return w
}

// cells is the number of cells: the tokens, and one for the token to come.
func (s *spine) cells() int { return len(s.lefts) - 1 }

func (s *spine) length() float64 {
	if len(s.lefts) == 0 {
		return 0
	}
	return s.lefts[len(s.lefts)-1] + stripPad
}

func (s *spine) overflows() bool { return s.length() > s.Width }

func (s *spine) scrollTo(x float64) {
	s.aim = min(max(x, 0), max(s.length()-s.Width, 0))
	s.dirty = true
}

// scrollOverview scrolls so that the place of the whole strip under x is in the middle.
func (s *spine) scrollOverview(x float64) {
	s.scrollTo((x-stripPad)/(s.Width-2*stripPad)*s.length() - s.Width/2)
	s.offset = s.aim // the hand leads; nothing follows later
	s.c.wake()
}

// bringInSight scrolls to the chosen token when it is another one.
func (s *spine) bringInSight(jump bool) {
	i := s.c.at.token
	if i < 0 || i >= s.cells() {
		s.shown = -1
		s.scrollTo(s.aim)
		return
	}
	switch {
	case s.c.following:
		s.shown = i
		s.scrollTo(s.length())
		// Tokens that come as fast as they are written would keep it gliding, and
		// the whole strip drawn anew, sixty times a second.
		jump = jump || s.c.play.atFullSpeed()
	case i != s.shown || jump:
		s.shown = i
		margin := min(120, s.Width/4)
		left, right := s.lefts[i], s.lefts[i+1]
		switch {
		case left-margin < s.aim:
			s.scrollTo(left - margin)
		case right+margin > s.aim+s.Width:
			s.scrollTo(right + margin - s.Width)
		default:
			s.scrollTo(s.aim)
		}
	}
	if jump || s.c.still {
		s.offset = s.aim
	}
}

// tokenAt is the cell at a point, −1 for none.
func (s *spine) tokenAt(x, y float64) int {
	if s.overflows() && y >= s.Height-overviewHeight {
		return -1
	}
	x += s.offset
	for i := range s.cells() {
		if s.lefts[i] <= x && x < s.lefts[i+1] {
			return i
		}
	}
	return -1
}

// pointAt marks a token as pointed at, here or in another part of the page.
func (s *spine) pointAt(position int) {
	if s.pointed == position {
		return
	}
	s.pointed = position
	s.dirty = true
	if position >= 0 {
		s.c.inspector.Point(func() page.Reading { return s.c.tokenReading(position) })
	} else {
		s.c.inspector.Leave()
	}
	s.c.wake()
}

// tell says the chosen token to assistive technology.
func (s *spine) tell() {
	tokens := s.c.shown.Tokens()
	if some := len(tokens) > 0; some != s.filled {
		s.filled = some
		s.empty.SetHidden(some)
	}
	s.element.SetAttr("aria-valuemax", page.Decimal(max(s.cells()-1, 0)))
	i := s.c.at.token
	if i < 0 || len(tokens) == 0 {
		s.element.SetAttr("aria-valuenow", "0")
		s.element.SetAttr("aria-valuetext", s.c.words.Say("spine.empty"))
		return
	}
	s.element.SetAttr("aria-valuenow", page.Decimal(i))
	if i >= len(tokens) {
		s.element.SetAttr("aria-valuetext", s.c.words.Say("spine.value_next"))
		return
	}
	s.element.SetAttr("aria-valuetext", s.c.words.Say("spine.value", "N", page.Decimal(i+1), "Count", page.Decimal(len(tokens)),
		"Piece", s.labels[i], "Kind", s.kind(tokens[i])))
}

// kind says how a token came into the sequence.
func (s *spine) kind(t wire.Token) string {
	prob := strconv.FormatFloat(float64(t.Prob), 'f', 3, 32)
	switch {
	case t.Flags&wire.FlagForced != 0:
		return s.c.words.Say("spine.forced", "Prob", prob)
	case t.Flags&wire.FlagDrawn != 0:
		return s.c.words.Say("spine.drawn", "Prob", prob)
	case t.Flags&wire.FlagSpecial != 0:
		return s.c.words.Say("spine.special")
	}
	return s.c.words.Say("spine.given")
}

// frame draws the timeline if anything differs, and moves it towards its aim.
func (s *spine) frame() (again bool) {
	if s.offset != s.aim {
		s.offset += (s.aim - s.offset) * 0.28
		if d := s.aim - s.offset; s.c.still || -0.5 < d && d < 0.5 {
			s.offset = s.aim
		}
		s.dirty = true
	}
	if s.dirty && s.Width > 0 {
		s.dirty = false
		s.draw()
	}
	return s.offset != s.aim
}
