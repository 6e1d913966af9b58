//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// timeGrid is the picture of a step: a row for each operation of a layer, a
// column for each layer, and a bar as high as the time that it took.
type timeGrid struct {
	v       *timeView
	element page.Element
	*page.Surface
	pen     *page.Pen
	scale   *page.TextCell
	picture *paint.Canvas
	bars    paint.BarGrid
	values  []float32 // by operation, layer
	top     float32   // that a full bar stands for
	row     int       // under the pointer or the keys, −1 for none
	layer   int
	dirty   bool
	said    string // the element's name, as it was last told
}

func newTimeGrid(v *timeView) *timeGrid {
	g := &timeGrid{v: v, element: page.ByID("time-grid"), scale: page.NewTextCell(page.ByID("time-scale")), picture: paint.NewCanvas(0, 0), row: -1}
	g.Surface = page.NewSurface(g.element.Find("canvas"), func() { v.c.changed(change{page: changedSize}) })
	g.pen = page.NewPen(g.Surface)
	g.element.On("pointermove", func(event js.Value) {
		x, y := g.Point(event)
		row, layer, ok := g.bars.At(int(x*g.Ratio), int(y*g.Ratio))
		g.moveTo(row, layer, ok)
	})
	leave := func(jsEvent) { g.moveTo(0, 0, false) }
	g.element.On("pointerleave", leave)
	g.element.On("blur", leave)
	g.element.OnClick(g.lock)
	g.element.On("keydown", func(event js.Value) {
		row, layer := g.row, g.layer
		switch event.Get("key").String() {
		case "ArrowRight":
			layer++
		case "ArrowLeft":
			layer--
		case "ArrowDown":
			row++
		case "ArrowUp":
			row--
		case "Home":
			row, layer = 0, 0
		case "Enter", " ":
			g.lock()
			event.Call("preventDefault")
			return
		default:
			return
		}
		event.Call("preventDefault")
		if g.row < 0 {
			row, layer = 0, 0
		}
		g.moveTo(min(max(row, 0), g.rows()-1), min(max(layer, 0), g.v.mean.Layers-1), true)
	})
	return g
}

// rows is the number of operations of a layer.
func (g *timeGrid) rows() int { return len(g.v.mean.Inner) }

// moveTo points at a bar, or at none.
func (g *timeGrid) moveTo(row, layer int, on bool) {
	if !on || row >= g.rows() || layer >= g.v.mean.Layers {
		row, layer = -1, 0
	}
	if row == g.row && layer == g.layer {
		return
	}
	g.row, g.layer, g.dirty = row, layer, true
	if row < 0 {
		g.v.c.inspector.Leave()
	} else {
		op := g.v.mean.Inner[row]
		g.v.c.inspector.Point(func() page.Reading { return g.reading(op, layer) })
	}
	g.v.c.wake()
}

func (g *timeGrid) lock() {
	if g.row >= 0 && g.row < g.rows() {
		op, layer := g.v.mean.Inner[g.row], g.layer
		g.v.c.inspector.Keep(func() page.Reading { return g.reading(op, layer) })
	}
}

// reading is what the inspector says about a bar.
func (g *timeGrid) reading(op wire.Operation, layer int) page.Reading {
	item := view.TimeItem(op)
	title := g.v.c.words.Say("time.read_layer", "Operation", g.v.word(item), "Layer", page.Decimal(layer))
	return g.v.timeReading(item, title, g.v.mean.At(op, layer))
}

// show takes over the view's mean.
func (g *timeGrid) show() {
	mean := &g.v.mean
	g.values = g.values[:0]
	for _, op := range mean.Inner {
		for layer := range mean.Layers {
			g.values = append(g.values, mean.At(op, layer))
		}
	}
	g.top = view.FullBar(g.values)
	g.scale.Show(g.v.c.words.Say("time.scale", "Top", view.Micros(g.top)))
	g.dirty = true
}

func (g *timeGrid) frame() {
	if !g.dirty || g.Width == 0 {
		return
	}
	g.dirty = false
	g.paint()
	g.tell()
}

// tell says in words what is shown.
func (g *timeGrid) tell() {
	say := g.v.c.words.Say
	label := say("time.grid_says", "Operations", page.Decimal(g.rows()), "Layers", page.Decimal(g.v.mean.Layers), "Top", view.Micros(g.top))
	if g.row >= 0 && g.row < g.rows() {
		op := g.v.mean.Inner[g.row]
		label = say("time.cell_says", "Operation", g.v.word(view.TimeItem(op)), "Layer", page.Decimal(g.layer), "Micros", view.Micros(g.v.mean.At(op, g.layer)))
	}
	if label != g.said {
		g.said = label
		g.element.SetAttr("aria-label", label)
	}
}

// Sizes of the picture, in rem.
const (
	timeBottom = 1.3  // for the layers' numbers
	timeSpace  = 0.35 // above the highest bar of a row
	timeLetter = 0.78
)

func (g *timeGrid) paint() {
	theme := g.v.c.theme
	g.pen.Begin(g.Surface)
	device := func(css float64) int { return int(math.Round(css * g.Ratio)) }
	g.pen.Letter(theme.Font(theme.Sans, timeLetter), "right")
	left := 0.0
	for _, op := range g.v.mean.Inner {
		left = max(left, g.pen.Width(g.v.word(view.TimeItem(op))))
	}
	left += 0.7 * theme.Rem
	box := paint.Rect{X: device(left), W: g.DeviceWidth() - device(left), H: g.DeviceHeight() - device(timeBottom*theme.Rem)}
	box = g.bars.Layout(box, g.rows(), g.v.mean.Layers, max(1, device(1)), device(timeSpace*theme.Rem))
	if box.Empty() {
		return
	}
	colors := make([]paint.Color, g.rows())
	for i, op := range g.v.mean.Inner {
		colors[i] = theme.Paint.Dim
		if view.ReadsWeights(view.TimeItem(op)) {
			colors[i] = theme.Paint.Accent
		}
	}
	g.picture.Resize(g.DeviceWidth(), g.DeviceHeight())
	g.picture.Clear(theme.Paint.Paper)
	g.bars.Paint(g.picture, theme.Paint, g.values, g.top, colors...)
	if g.row >= 0 {
		g.picture.Frame(g.bars.Cell(g.row, g.layer).Inset(-max(2, device(2))), max(1, device(1.5)), theme.Paint.Hot)
	}
	g.Surface.Show(g.picture, 0, 0)
	css := func(device int) float64 { return float64(device) / g.Ratio }
	for i, op := range g.v.mean.Inner {
		cell := g.bars.Cell(i, 0)
		g.pen.Fill(theme.Quiet)
		if i == g.row {
			g.pen.Fill(theme.Ink)
		}
		g.pen.Text(g.v.word(view.TimeItem(op)), left-0.7*theme.Rem, css(cell.Y+cell.H)-1)
	}
	g.pen.Letter(theme.Font(theme.Mono, 0.74), "center")
	g.pen.Fill(theme.Quiet)
	last := g.v.mean.Layers - 1
	for _, layer := range []int{0, last / 2, last} {
		cell := g.bars.Cell(0, layer)
		g.pen.Text(page.Decimal(layer), css(cell.X)+css(cell.W)/2, g.Height-0.2*theme.Rem)
	}
}
