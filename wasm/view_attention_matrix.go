//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/wasm/page"
)

// matrix is the picture of one head: queries down, keys across, with the
// tokens' texts at both edges.
type matrix struct {
	c             *client
	plot          page.Element
	cell          *page.TextCell // what the grid says to assistive technology
	say           func(string)
	pixels, marks *page.Surface
	pen           *page.Pen
	picture       paint.Canvas
	heat          paint.Matrix
	window        paint.Window // the positions in sight, on both axes
	whole         bool         // the window is the whole sequence

	pointed headPlace
	hovered bool
	stale   bool // the pixels, and with them the marks
	marked  bool // the marks alone
}

// Measures of the matrix.
const (
	matrixLabels = 5.2  // rem, for the texts at the left
	matrixFoot   = 3.7  // rem, for the texts at the bottom
	matrixTop    = 0.4  // rem, so that the first row's text is whole
	labelsRem    = 0.74 // size of the texts
	labelPitch   = 0.82 // rem from one text to the next at least
	leastGapped  = 7.0  // CSS pixels of a cell that leaves a gap to the next
	leastWindow  = 8    // positions in sight when zoomed in
)

func newMatrix(c *client, say func(string)) *matrix {
	m := &matrix{c: c, plot: page.ByID("matrix"), say: say, cell: page.NewTextCell(page.ByID("matrix-cell")), whole: true}
	resized := func() { c.changed(change{page: changedSize}) }
	canvases := m.plot.FindAll("canvas")
	m.pixels, m.marks = page.NewSurface(canvases[0], resized), page.NewSurface(canvases[1], resized)
	m.pen = page.NewPen(m.marks)
	m.plot.On("pointermove", func(event js.Value) { m.pointAt(m.pixels.Point(event)) })
	m.plot.On("pointerleave", func(jsEvent) { m.leave() })
	m.plot.On("click", func(event js.Value) {
		m.pointAt(m.pixels.Point(event))
		if m.hovered {
			m.keep(m.pointed)
		}
	})
	m.plot.On("keydown", m.key)
	m.plot.Call("addEventListener", "wheel", js.FuncOf(func(_ js.Value, args []js.Value) any {
		if event := args[0]; event.Get("ctrlKey").Bool() || !pageScrolls() {
			event.Call("preventDefault")
			m.zoomAt(event)
		}
		return nil
	}), map[string]any{"passive": false})
	return m
}

// keep locks a weight in the inspector and chooses its query and key.
func (m *matrix) keep(at headPlace) {
	c := m.c
	c.chooseToken(at.q)
	c.choosePlace(-1, -1, min(at.k, at.q))
	c.inspector.Keep(func() page.Reading { return c.weightReading(at.layer, at.head, at.q, at.k) })
}

// key moves over the cells: up and down from token to token, left and right
// from key to key.
func (m *matrix) key(event js.Value) {
	if event.Get("ctrlKey").Bool() || event.Get("metaKey").Bool() || event.Get("altKey").Bool() {
		return
	}
	c := m.c
	q, k := c.queryPosition(), c.at.key
	if k < 0 {
		k = q
	}
	name := event.Get("key").String()
	switch right, down, ok := arrows(name); {
	case ok && down != 0:
		if q+down >= 0 && q+down < len(c.shown.Tokens()) {
			c.chooseToken(q + down)
		}
	case ok:
		c.choosePlace(-1, -1, min(max(k+right, 0), q))
	case name == "Home":
		c.choosePlace(-1, -1, 0)
	case name == "End":
		c.choosePlace(-1, -1, q)
	case name == "Enter":
		m.keep(headPlace{c.layer(), c.head(), q, k})
	case name == "+" || name == "=":
		m.zoom(0.7, float64(q-m.window.From)/float64(max(m.window.Len(), 1)))
	case name == "-":
		m.zoom(1/0.7, float64(q-m.window.From)/float64(max(m.window.Len(), 1)))
	case name == "0":
		m.zoom(math.Inf(1), 0)
	default:
		return
	}
	event.Call("preventDefault")
	q = c.queryPosition()
	k = min(max(c.at.key, 0), q)
	m.bringInSight(q)
	m.say(m.line(q, k))
	c.inspector.Point(func() page.Reading { return c.weightReading(c.layer(), c.head(), q, k) })
}

// zoomAt zooms with the wheel around the pointer.
func (m *matrix) zoomAt(event js.Value) {
	x, y := m.pixels.Point(event)
	px, py := m.toCells(x, y)
	if m.picture.W == 0 || m.picture.H == 0 {
		return
	}
	factor := math.Exp(event.Get("deltaY").Float() / 400)
	along := (float64(px)/float64(m.picture.W) + float64(py)/float64(m.picture.H)) / 2
	m.zoom(factor, min(max(along, 0), 1))
}

// zoom shows factor times as many positions around the place at of the window.
func (m *matrix) zoom(factor, at float64) {
	room := m.room()
	m.window = m.window.Zoom(at, factor, min(leastWindow, room), room)
	m.whole = m.window.Len() >= room
	m.stale = true
	m.c.wake()
}

// bringInSight moves the window to a position.
func (m *matrix) bringInSight(position int) {
	switch {
	case m.whole:
	case position < m.window.From:
		m.window = m.window.Pan(position-m.window.From, m.room())
		m.stale = true
	case position >= m.window.To:
		m.window = m.window.Pan(position-m.window.To+1, m.room())
		m.stale = true
	}
}

// side is the side of the square that there is for the cells, in device pixels.
func (m *matrix) side() int {
	left, top := m.origin()
	foot := int(matrixFoot * m.c.theme.Rem * m.pixels.Ratio)
	return max(min(m.pixels.DeviceWidth()-left, m.pixels.DeviceHeight()-top-foot), 0)
}

// room is the number of positions that the whole matrix has room for: those there
// are and a few more, so that it does not change with every token.
func (m *matrix) room() int {
	n := max(len(m.c.shown.Tokens()), leastWindow)
	if side := m.side(); m.isEven(n) {
		return max(side/min(side/n, m.largestCell()), n)
	}
	step := 1
	for step*16 < n {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// isEven reports whether so many positions have cells that are large enough to
// be all equal, with a gap between them.
func (m *matrix) isEven(positions int) bool {
	return float64(m.side()/max(positions, 1)) >= leastGapped*m.pixels.Ratio
}

func (m *matrix) largestCell() int { return int(2.6 * m.c.theme.Rem * m.pixels.Ratio) }

// pointAt takes note of the pointer's place on the plot, in CSS pixels.
func (m *matrix) pointAt(x, y float64) {
	q, k, ok := m.heat.At(m.toCells(x, y))
	if tokens := len(m.c.shown.Tokens()); !ok || q >= tokens || k >= tokens {
		m.leave()
		return
	}
	at := headPlace{m.c.layer(), m.c.head(), q, k}
	if m.hovered && at == m.pointed {
		return
	}
	m.hovered, m.pointed, m.marked = true, at, true
	m.c.inspector.Point(func() page.Reading { return m.c.weightReading(at.layer, at.head, at.q, at.k) })
	m.c.wake()
}

func (m *matrix) leave() {
	if m.hovered {
		m.hovered, m.marked = false, true
		m.c.inspector.Leave()
		m.c.wake()
	}
}

// pointedCell is the weight under the pointer.
func (m *matrix) pointedCell() (at headPlace, on bool) { return m.pointed, m.hovered }

// origin is the place of the picture on the plot, in device pixels.
func (m *matrix) origin() (x, y int) {
	unit := m.c.theme.Rem * m.pixels.Ratio
	return int(math.Round(matrixLabels * unit)), int(math.Round(matrixTop * unit))
}

func (m *matrix) toCells(x, y float64) (px, py int) {
	left, top := m.origin()
	return int(math.Floor(x*m.pixels.Ratio)) - left, int(math.Floor(y*m.pixels.Ratio)) - top
}

// cssBox turns a rectangle of the picture into its place on the plot.
func (m *matrix) cssBox(r paint.Rect) box {
	left, top := m.origin()
	s := m.pixels.Ratio
	return box{float64(r.X+left) / s, float64(r.Y+top) / s, float64(r.W) / s, float64(r.H) / s}
}

func (m *matrix) update(what change) {
	m.stale = m.stale || headChanged(what)
	if what.has(session.ChangeTokens) || what.saw(changedToken) {
		m.bringInSight(m.c.queryPosition())
	}
	if what.saw(changedSession) {
		m.whole = true
	}
}

func (m *matrix) frame() {
	if m.pixels.Width == 0 {
		return
	}
	if m.stale {
		m.stale, m.marked = false, true
		m.paint()
	}
	if m.marked {
		m.marked = false
		m.draw()
		m.tell()
	}
}

func (m *matrix) paint() {
	room := m.room()
	if m.whole || m.window.To > room || m.window.Len() == 0 {
		m.window, m.whole = paint.Window{To: room}, true
	}
	rows := &headRows{s: m.c.shown}
	layer, head := m.c.layer(), m.c.head()
	left, top := m.origin()
	if side := m.side(); m.isEven(m.window.Len()) {
		m.heat.Layout(side, side, m.largestCell(), int(math.Round(m.pixels.Ratio)), m.window, m.window)
	} else {
		m.heat.LayoutFilled(side, m.window, m.window)
	}
	m.heat.Paint(&m.picture, m.c.theme.Paint, rows, layer, head, len(m.c.shown.Tokens()))
	m.pixels.Ctx.Call("clearRect", 0, 0, m.pixels.DeviceWidth(), m.pixels.DeviceHeight())
	m.pixels.Show(&m.picture, left, top)
}

// draw draws the texts at the edges, the chosen token's row, and the cells that
// are chosen and pointed at.
func (m *matrix) draw() {
	p, t, c := m.pen, m.c.theme, m.c
	p.Begin(m.marks)
	to := min(m.window.To, len(c.shown.Tokens()))
	if m.window.From >= to || m.picture.W == 0 {
		return
	}
	q, k := c.queryPosition(), c.at.key
	pointedQ, pointedK := q, k
	if m.hovered {
		pointedQ, pointedK = m.pointed.q, m.pointed.k
	}
	pitch := float64(m.picture.H) / m.pixels.Ratio / float64(m.window.Len())
	all := m.cssBox(m.picture.Bounds())
	queries := view.Ticks(nil, m.window.From, to, pitch, labelPitch*t.Rem, pointedQ, q)
	keys := view.Ticks(nil, m.window.From, to, pitch, labelPitch*t.Rem, pointedK, k)
	for _, chosen := range []bool{false, true} { // a change of the font costs as much as ten labels
		for _, i := range queries {
			if (i == q) == chosen {
				at := m.cssBox(m.heat.Row(i))
				m.letter(chosen, i == pointedQ, t.Q)
				p.Text(m.label(i, matrixLabels), at.x-0.45*t.Rem, at.y+at.h/2+0.26*t.Rem)
			}
		}
		for _, i := range keys {
			if (i == k) == chosen {
				at := m.cssBox(m.heat.Column(i))
				m.letter(chosen, i == pointedK, t.K)
				p.TextUp(m.label(i, matrixFoot), at.x+at.w/2+0.26*t.Rem, all.y+all.h+0.4*t.Rem)
			}
		}
	}
	p.Letter(t.Font(t.Sans, labelsRem), "right")
	p.Fill(t.Q)
	p.Text(c.words.Say("attention.axis_query"), all.x-0.45*t.Rem, all.y+all.h+1.3*t.Rem)
	p.Fill(t.K)
	p.Text(c.words.Say("attention.axis_key"), all.x-0.45*t.Rem, all.y+all.h+2.4*t.Rem)
	if row := m.cssBox(m.heat.Row(q)); row.w > 0 {
		end := m.cssBox(m.heat.Cell(q, min(q, m.window.To-1)))
		p.Outline(t.Q, 1.5)
		p.Frame(row.x-1, row.y-1, max(end.x+end.w-row.x, 1)+2, row.h+2)
	}
	if k >= 0 && k <= q {
		m.frameCell(q, k, t.Mark, 2)
	}
	if m.hovered {
		m.frameCell(m.pointed.q, m.pointed.k, t.Ink, 1)
	}
}

// letter sets the pen for a token's text: in the colour of queries or keys where
// it is chosen, in ink where it is pointed at.
func (m *matrix) letter(chosen, pointed bool, colour string) {
	t, weight := m.c.theme, ""
	m.pen.Fill(t.Quiet)
	if pointed {
		m.pen.Fill(t.Ink)
	}
	if chosen {
		m.pen.Fill(colour)
		weight = "600 "
	}
	m.pen.Letter(weight+t.Font(t.Mono, labelsRem), "right")
}

// label is a token's text, cut to so many rem less the space around it.
func (m *matrix) label(position int, rem float64) string {
	const space, column = 0.6, 0.61 // of a rem, and of a letter's height
	return view.Clip(session.Label(m.c.shown.Tokens()[position].Bytes), int((rem-space)/(labelsRem*column)))
}

// tell says the cell under the cursor to assistive technology.
func (m *matrix) tell() {
	c := m.c
	q, k := c.queryPosition(), c.at.key
	m.plot.SetAttr("aria-rowcount", page.Decimal(len(c.shown.Tokens())))
	m.plot.SetAttr("aria-colcount", page.Decimal(len(c.shown.Tokens())))
	m.cell.SetAttr("aria-rowindex", page.Decimal(q+1))
	m.cell.SetAttr("aria-colindex", page.Decimal(max(k, 0)+1))
	m.cell.Show(m.line(q, max(k, 0)))
}

// line says a weight in words.
func (m *matrix) line(q, k int) string {
	c := m.c
	if k > q {
		return c.words.Say("attention.cell_masked", "Query", c.tokenName(q), "Key", c.tokenName(k))
	}
	return c.words.Say("attention.cell", "Query", c.tokenName(q), "Key", c.tokenName(k),
		"Weight", weightText(c.attentionWeight(c.layer(), c.head(), q, k)))
}

// frameCell outlines a cell; one of a pixel gets an outline that can be seen.
func (m *matrix) frameCell(q, k int, colour string, width float64) {
	r := m.heat.Cell(q, k)
	if r.Empty() {
		return
	}
	at := m.cssBox(r)
	space := max((5-at.w)/2, 1)
	m.pen.Outline(colour, width)
	m.pen.Frame(at.x-space, at.y-space, at.w+2*space, at.h+2*space)
}
