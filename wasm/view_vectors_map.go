//go:build js && wasm

package main

import (
	"math"
	"syscall/js"
	"unicode/utf8"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// vectorMap shows the sequence's vectors in two dimensions. When the layer
// changes the points move there.
type vectorMap struct {
	v *vectorsView
	c *client
	*page.Surface
	pen     *page.Pen
	outline js.Value // strokeText, bound
	says    *page.TextCell

	scatter paint.Scatter
	picture paint.Canvas
	of      *wire.Projection // that scatter holds
	at      float64          // the layer at which the points are, between two while they move
	time    float64          // of the last frame, in milliseconds; 0 when nothing moves
	labels  []mapLabel
	order   []int // scratch
	places  []paint.Label
	narrow  float64 // width of a Latin letter of the labels
	wide    float64 // of a Han character
	pointed int     // −1 for none
	stale   bool    // labels and words
	dirty   bool
}

// mapLabel is a text beside its point, in CSS pixels from it.
type mapLabel struct {
	point  int
	text   string
	dx, dy float64
}

func newVectorMap(v *vectorsView) *vectorMap {
	m := &vectorMap{v: v, c: v.c, says: page.NewTextCell(page.ByID("map-says")), pointed: -1}
	m.Surface = page.NewSurface(page.ByID("map-canvas"), func() { v.c.changed(change{page: changedSize}) })
	m.pen = page.NewPen(m.Surface)
	m.outline = m.Ctx.Get("strokeText").Call("bind", m.Ctx)
	m.Canvas.On("pointermove", func(event js.Value) { m.point(m.pointAt(event)) })
	m.Canvas.On("pointerleave", func(jsEvent) { m.point(-1) })
	m.Canvas.On("click", func(event js.Value) {
		if i := m.pointAt(event); i >= 0 {
			m.c.chooseToken(i)
			m.c.inspector.Keep(func() page.Reading { return m.reading(i) })
		}
	})
	m.Canvas.On("keydown", func(event js.Value) {
		if event.Get("key").String() == "Enter" {
			event.Call("preventDefault")
			at := m.c.position()
			m.c.inspector.Keep(func() page.Reading { return m.reading(at) })
		}
	})
	m.Canvas.On("focus", func(jsEvent) {
		m.c.inspector.Point(func() page.Reading { return m.reading(m.c.position()) })
	})
	m.Canvas.On("blur", func(jsEvent) { m.c.inspector.Leave() })
	return m
}

// mapReach is how near to a point the pointer has to be, in CSS pixels.
const mapReach = 14

// pointAt is the token whose point is under the pointer, −1 for none.
func (m *vectorMap) pointAt(event js.Value) int {
	x, y := m.Surface.Point(event)
	if i, ok := m.scatter.At(int(x*m.Ratio), int(y*m.Ratio), mapReach*m.Ratio); ok {
		return i
	}
	return -1
}

// point marks a token as pointed at, here and in the spine.
func (m *vectorMap) point(i int) {
	if i == m.pointed {
		return
	}
	m.pointed, m.dirty = i, true
	m.c.spine.pointAt(i)
	if i >= 0 {
		m.c.inspector.Point(func() page.Reading { return m.reading(i) })
	}
	m.c.wake()
}

func (m *vectorMap) update(what change) {
	p, ok := m.c.shown.Projection()
	if !ok {
		p = nil
	}
	if p != m.of {
		m.of = p
		if p != nil {
			m.scatter.Set(p.XY, int(p.Layers)+1, int(p.Count))
		} else {
			m.scatter.Set(nil, 0, 0)
		}
		m.pointed = -1
	}
	if m.c.still || what.saw(changedSession) {
		m.at = float64(m.v.layer())
	}
	if what.saw(changedTheme | changedSize | changedLanguage) {
		m.narrow = 0
	}
	m.stale, m.dirty = true, true
}

// mapPace is the time in which a point covers all but 1/e of its way, in
// milliseconds.
const mapPace = 95

func (m *vectorMap) frame(t float64) (again bool) {
	if m.stale {
		m.stale = false
		m.measure()
		m.tell()
	}
	if goal := float64(m.v.layer()); m.at != goal {
		elapsed := 16.0
		if m.time > 0 {
			elapsed = min(t-m.time, 100)
		}
		m.at += (goal - m.at) * (1 - math.Exp(-elapsed/mapPace))
		if math.Abs(goal-m.at) < 0.004 {
			m.at = goal
		}
		m.time, m.dirty, again = t, true, m.at != goal
	}
	if !again {
		m.time = 0
	}
	if m.dirty && m.Width > 0 {
		m.dirty = false
		m.draw()
	}
	return again
}

// Measures of the map.
const (
	mapLabelRem = 0.78
	mapPad      = 26  // CSS pixels around the points
	mapLabels   = 160 // at most
)

// measure lays the map out and finds places for the labels where the points
// will be when they have arrived; until then labels keep their distance to them.
func (m *vectorMap) measure() {
	if m.Width == 0 || m.of == nil {
		m.labels = m.labels[:0]
		return
	}
	if m.narrow == 0 {
		m.pen.Letter(m.c.theme.Font(m.c.theme.Mono, mapLabelRem), "center")
		m.narrow, m.wide = m.pen.Width("0000000000")/10, m.pen.Width("汉汉汉汉")/4
	}
	m.scatter.Layout(m.DeviceWidth(), m.DeviceHeight(), int(mapPad*m.Ratio))
	m.scatter.Place(float64(m.v.layer()))
	m.order = m.order[:0]
	count, chosen := int(m.of.Count), m.c.position()
	if chosen < count {
		m.order = append(m.order, chosen)
	}
	for i := count - 1; i >= 0 && len(m.order) < mapLabels; i-- {
		if i != chosen {
			m.order = append(m.order, i)
		}
	}
	height := mapLabelRem * 1.25 * m.c.theme.Rem
	m.places = m.scatter.Labels(m.places[:0], m.order, int(7*m.Ratio), func(i int) (w, h int) {
		return int(m.labelWidth(m.v.piece(i))*m.Ratio) + 2, int(height * m.Ratio)
	})
	m.labels = m.labels[:0]
	for _, place := range m.places {
		x, y, _, _ := m.scatter.Point(place.Point)
		m.labels = append(m.labels, mapLabel{
			point: place.Point, text: m.v.piece(place.Point),
			dx: (float64(place.Box.X) + float64(place.Box.W)/2 - x) / m.Ratio,
			dy: (float64(place.Box.Y) + float64(place.Box.H)*0.76 - y) / m.Ratio,
		})
	}
}

// labelWidth is the width of a label in CSS pixels, without asking the canvas.
func (m *vectorMap) labelWidth(text string) float64 {
	if len(text) == utf8.RuneCountInString(text) {
		return float64(len(text)) * m.narrow
	}
	w := 0.0
	for _, r := range text {
		if r >= 0x1100 && r != '⏎' && r != '⇥' {
			w += m.wide
		} else {
			w += m.narrow
		}
	}
	return w
}

// mark says how a token's point is drawn: kinds differ by shape and size, too.
func (m *vectorMap) mark(i int) paint.Mark {
	tokens, t := m.c.shown.Tokens(), m.c.theme.Paint
	if i >= len(tokens) {
		return paint.Mark{}
	}
	radius := 4.2
	switch n := len(tokens); {
	case n > 600:
		radius = 2
	case n > 200:
		radius = 3
	}
	radius *= m.Ratio
	mark := paint.Mark{Color: t.Dim, Radius: 0.62 * radius}
	switch flags := tokens[i].Flags; {
	case flags&wire.FlagForced != 0:
		mark = paint.Mark{Color: t.Hot, Shape: paint.ShapeDiamond, Radius: radius}
	case flags&wire.FlagDrawn != 0:
		mark = paint.Mark{Color: t.Accent, Radius: radius}
	case flags&wire.FlagSpecial != 0:
		mark = paint.Mark{Color: t.Dim, Shape: paint.ShapeDiamond, Radius: 0.7 * radius}
	}
	if i == m.c.position() {
		mark.Trail, mark.Radius = true, max(mark.Radius, 0.9*radius)
	}
	return mark
}

func (m *vectorMap) draw() {
	p, t := m.pen, m.c.theme
	p.Begin(m.Surface)
	if m.of == nil {
		return
	}
	m.scatter.Place(m.at)
	m.scatter.Paint(&m.picture, t.Paint, m.mark)
	m.Show(&m.picture, 0, 0)
	m.Ctx.Set("lineJoin", "round")
	chosen := m.c.position()
	for _, label := range m.labels {
		x, y, _, ok := m.scatter.Point(label.point)
		if !ok {
			continue
		}
		weight, ink := "", t.Quiet
		if label.point == chosen {
			weight, ink = "600 ", t.Ink
		}
		p.Letter(weight+t.Font(t.Mono, mapLabelRem), "center")
		p.Outline(t.Paper, 3)
		m.outline.Invoke(label.text, x/m.Ratio+label.dx, y/m.Ratio+label.dy)
		p.Fill(ink)
		p.Text(label.text, x/m.Ratio+label.dx, y/m.Ratio+label.dy)
	}
	m.drawRing(chosen, 9, 2.5)
	if m.pointed >= 0 && m.pointed != chosen {
		m.drawRing(m.pointed, 8, 1.5)
		m.drawPointed()
	}
}

// drawRing marks a point.
func (m *vectorMap) drawRing(i int, radius, width float64) {
	if x, y, _, ok := m.scatter.Point(i); ok {
		p := m.pen
		p.Outline(m.c.theme.Mark, width)
		p.BeginF.Invoke()
		p.ArcF.Invoke(x/m.Ratio, y/m.Ratio, radius, 0, 2*math.Pi)
		p.StrokeF.Invoke()
	}
}

// drawPointed prints the label of the point under the pointer on a piece of
// paper, whether or not it found a place among the others.
func (m *vectorMap) drawPointed() {
	x, y, _, ok := m.scatter.Point(m.pointed)
	if !ok {
		return
	}
	p, t := m.pen, m.c.theme
	text := m.v.piece(m.pointed)
	w, h := m.labelWidth(text)+10, 1.5*mapLabelRem*t.Rem
	left := min(max(x/m.Ratio-w/2, 1), m.Width-w-1)
	top := y/m.Ratio - 12 - h
	if top < 1 {
		top = y/m.Ratio + 12
	}
	p.Fill(t.Raised)
	p.RoundRect(left, top, w, h, 4)
	p.Outline(t.Mark, 1)
	p.RoundFrame(left, top, w, h, 4)
	p.Fill(t.Ink)
	p.Letter(t.Font(t.Mono, mapLabelRem), "center")
	p.Text(text, left+w/2, top+h*0.7)
}

// missing says why there is no projection.
func (m *vectorMap) missing() string {
	if words, refused := m.c.trouble(wire.Query{What: wire.QueryProjection}); refused {
		return words
	}
	if m.v.writing() {
		return m.c.words.Say("vectors.wait_map")
	}
	return m.c.words.Say("vectors.asking")
}

// tell says in words what the map shows, or why it shows nothing.
func (m *vectorMap) tell() {
	say, query := m.c.words.Say, wire.Query{What: wire.QueryProjection}
	if m.of == nil || m.v.layer() >= len(m.of.Explained) {
		words := m.missing()
		m.says.Show(words)
		m.Canvas.SetAttr("aria-label", words)
		return
	}
	layer := m.v.layer()
	share, width := view.Percent(float64(m.of.Explained[layer])), page.Grouped(int(m.c.shown.Model().Width))
	words := say("vectors.map_says", "Share", share, "Width", width)
	if late := len(m.c.shown.Tokens()) - int(m.of.Count); late > 0 {
		words = m.c.words.Sentences(words, m.c.words.Count("vectors.map_late", late))
		if problem, refused := m.c.trouble(query); refused {
			words = m.c.words.Sentences(words, problem)
		}
	}
	m.says.Show(words)
	x, y, _ := m.place(m.c.position())
	m.Canvas.SetAttr("aria-label", say("vectors.map_label", "Count", page.Decimal(int(m.of.Count)), "Layer", page.Decimal(layer), "Share", share,
		"Piece", m.v.piece(m.c.position()), "X", view.Number(float64(x)), "Y", view.Number(float64(y))))
}

// place is where the map has a token at the layer that is shown.
func (m *vectorMap) place(i int) (x, y float32, ok bool) {
	if m.of == nil || i < 0 || i >= int(m.of.Count) {
		return 0, 0, false
	}
	xy := m.of.Layer(m.v.layer())
	if 2*i+1 >= len(xy) {
		return 0, 0, false
	}
	return xy[2*i], xy[2*i+1], true
}

// reading is what the inspector says about a token's point.
func (m *vectorMap) reading(i int) page.Reading {
	say, tokens := m.c.words.Say, m.c.shown.Tokens()
	if i < 0 || i >= len(tokens) {
		return page.Reading{}
	}
	r := page.Reading{Title: say("vectors.point_title", "N", page.Decimal(i)), Value: session.Label(tokens[i].Bytes)}
	x, y, ok := m.place(i)
	layer, width := m.v.layer(), int(m.c.shown.Model().Width)
	norm, measured := float32(0), false
	if m.of != nil {
		norm, measured = m.of.Norm(layer, i)
	}
	if !ok || !measured {
		r.Note = say("vectors.point_none")
		return r
	}
	r.Shape = say("vectors.point_shape", "Width", page.Grouped(width), "Layer", page.Decimal(layer))
	r.Rows = []page.Row{page.Fact("x", page.Exact(x)), page.Fact("y", page.Exact(y)), page.Fact(say("vectors.point_norm"), page.Exact(norm))}
	r.Rows = append(r.Rows, page.Formula(view.ProjectedLines(norm, width, x, y))...)
	r.Rows = append(r.Rows, page.Fact(say("vectors.point_share"), view.Percent(float64(m.of.Explained[layer]))))
	r.Note, r.Fn, r.By = say("vectors.point_note"), view.FuncProject, view.FuncProjectedLines
	return r
}
