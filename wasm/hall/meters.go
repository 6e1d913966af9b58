//go:build js && wasm

package main

import (
	"bytes"
	"math"
	"syscall/js"

	"vitrine/visualizer/hall"
	"vitrine/visualizer/paint"
	"vitrine/wasm/page"
)

// jsEvent is an event that its handler does not look at.
type jsEvent = js.Value

// meters are the figures at the right, each with its curve over the latest records.
type meters struct {
	c     *client
	list  []*meter
	stale bool
}

type meter struct {
	kind    hall.Meter
	note    string
	name    string
	value   *page.TextCell
	surface *page.Surface
	picture *paint.Canvas
	shown   []byte // the pixels on the surface; nil if they are to be shown anew
}

// meterRecords is over how many records a curve goes.
const meterRecords = 240

func newMeters(c *client) *meters {
	m := &meters{c: c}
	names := [hall.NumMeters]string{"hall.m_rate", "hall.m_first", "hall.m_between", "hall.m_held", "hall.m_waste", "hall.m_hits", "hall.m_running", "hall.m_waiting", "hall.m_preempted",
		"hall.m_copied", "hall.m_evicted", "hall.m_accepted", "hall.m_length"}
	notes := [hall.NumMeters]string{"hall.n_rate", "hall.n_first", "hall.n_between", "hall.n_held", "hall.n_waste", "hall.n_hits", "hall.n_running", "hall.n_waiting", "hall.n_preempted",
		"hall.n_copied", "hall.n_evicted", "hall.n_accepted", "hall.n_length"}
	for i, row := range page.ByID("meters").FindAll(".meter") {
		one := &meter{
			kind: hall.Meter(i), name: names[i], note: notes[i], value: page.NewTextCell(row.Find("b")),
			picture: paint.NewCanvas(0, 0),
		}
		one.surface = page.NewSurface(row.Find("canvas"), func() {
			one.shown = nil
			c.redraw()
		})
		one.surface.Sight(c.redraw)
		reading := func() page.Reading { return m.reading(one) }
		row.On("pointerenter", func(jsEvent) { c.inspector.Point(reading) })
		row.On("pointerleave", func(jsEvent) { c.inspector.Leave() })
		row.On("focus", func(jsEvent) { c.inspector.Point(reading) })
		row.On("blur", func(jsEvent) { c.inspector.Leave() })
		row.OnClick(func() { c.inspector.Keep(reading) })
		m.list = append(m.list, one)
	}
	return m
}

func (m *meters) reading(one *meter) page.Reading {
	c := m.c
	r := page.Reading{Title: c.words.Say(one.name), Value: "—", Note: c.words.Say(one.note), Fn: one.kind.Func()}
	if v, ok := one.kind.Of(&c.moment.Meters, c.hall.Config().Blocks); ok {
		r.Value = one.kind.Text(v)
		if lines := one.kind.Formula(r.Title, &c.moment.Meters, c.hall.Config().Blocks); lines != nil {
			r.AddFormula(lines)
			r.By = hall.FuncFormula
		}
	}
	return r
}

func (m *meters) frame() {
	if !m.stale {
		return
	}
	m.stale = false
	c := m.c
	records := c.hall.Records()
	blocks := c.hall.Config().Blocks
	last := len(records)
	from := max(0, last-meterRecords)
	for _, one := range m.list {
		text := "—"
		if v, ok := one.kind.Of(&c.moment.Meters, blocks); ok {
			text = one.kind.Text(v)
		}
		one.value.Show(text)
		s := one.surface
		if s.Width == 0 || s.Unseen {
			continue
		}
		points, most := make([]paint.XY, 0, last-from), 0.0
		for i := from; i < last; i++ {
			if v, ok := one.kind.Of(&records[i].Meters, blocks); ok {
				points = append(points, paint.XY{X: float64(i - from), Y: v})
				most = max(most, v)
			}
		}
		one.picture.Resize(s.DeviceWidth(), s.DeviceHeight())
		theme := c.theme.Paint
		one.picture.Clear(transparent)
		line := max(1, math.Round(s.Ratio))
		plot := paint.Lines{Box: one.picture.Bounds().Inset(int(line)), MaxX: float64(max(last-from-1, meterRecords/4)), MaxY: most}
		plot.Area(one.picture, points, theme.Soft)
		plot.Paint(one.picture, points, line, 0, theme.Accent)
		if !c.live && c.at >= from {
			x, _ := plot.Pixel(paint.XY{X: float64(c.at - from)})
			one.picture.Fill(paint.Rect{X: int(x), Y: 0, W: int(line), H: one.picture.H}, theme.Hot)
		}
		if !bytes.Equal(one.picture.Pix, one.shown) { // some stand still for long
			one.shown = append(one.shown[:0], one.picture.Pix...)
			s.Show(one.picture, 0, 0)
		}
	}
}

// transparent is no colour: what lies behind is seen.
var transparent paint.Color
