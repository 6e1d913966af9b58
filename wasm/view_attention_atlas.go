//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// atlas is the picture of all heads. The pixels are one canvas, and what marks
// the chosen head, the one under the pointer and the edges is another above it.
type atlas struct {
	c    *client
	plot page.Element
	cell *page.TextCell // what the grid says to assistive technology
	says *page.TextCell // the line below
	say  func(string)

	pixels, marks, legend *page.Surface
	pen, legendPen        *page.Pen
	picture, colours      paint.Canvas
	tiles                 paint.Atlas
	seen                  view.SeenRows
	peek                  *peek

	pointed      headPlace // under the pointer
	hovered      bool
	missing      int     // first position whose row has to be asked for, −1 for none
	missingSince float64 // when it became missing
	asking       bool    // it was asked for
	timed        bool

	stalePixels, staleMarks, staleWords, staleLayout, staleLegend bool
	emptied                                                       bool // the canvas has another size and is empty
}

// headPlace is a weight in the atlas.
type headPlace struct{ layer, head, q, k int }

// Measures of the atlas.
const (
	atlasEdgeLeft = 1.7  // rem, for the numbers of the heads
	atlasEdgeTop  = 1.15 // rem, for the numbers of the layers
	atlasGap      = 2    // CSS pixels between tiles
	atlasShare    = 0.4  // of the view's height at most
	atlasLeast    = 5    // CSS pixels a tile's side at least
	edgeRem       = 0.72 // size of the numbers
)

// rowsPatience is how long a row may be missing before it is asked for: those of
// a running answer come by themselves.
const rowsPatience = 350 // milliseconds

func newAtlas(c *client, say func(string)) *atlas {
	a := &atlas{
		c: c, plot: page.ByID("atlas"), say: say, missing: -1,
		cell: page.NewTextCell(page.ByID("atlas-cell")), says: page.NewTextCell(page.ByID("atlas-says")),
	}
	resized := func() { c.changed(change{page: changedSize}) }
	canvases := a.plot.FindAll("canvas")
	a.pixels, a.marks = page.NewSurface(canvases[0], resized), page.NewSurface(canvases[1], resized)
	a.legend = page.NewSurface(page.ByID("atlas-legend"), resized)
	a.pen, a.legendPen = page.NewPen(a.marks), page.NewPen(a.legend)
	a.peek = newPeek(c, page.ByID("atlas-peek"))
	a.plot.On("pointermove", func(event js.Value) { a.pointAt(a.pixels.Point(event)) })
	a.plot.On("pointerleave", func(jsEvent) { a.leave() })
	a.plot.On("click", func(event js.Value) {
		a.pointAt(a.pixels.Point(event))
		if at := a.pointed; a.hovered {
			a.choose(at.layer, at.head)
			c.inspector.Keep(func() page.Reading { return c.headReading(at.layer, at.head, at.q, at.k) })
		}
	})
	a.plot.On("keydown", a.key)
	return a
}

// choose makes a head the one that the parts below show.
func (a *atlas) choose(layer, head int) {
	a.c.choosePlace(layer, head, a.c.at.key)
	a.say(a.line(a.c.layer(), a.c.head()))
}

// key moves the choice with the arrows; Enter keeps the head's reading.
func (a *atlas) key(event js.Value) {
	if event.Get("ctrlKey").Bool() || event.Get("metaKey").Bool() || event.Get("altKey").Bool() {
		return
	}
	m := a.c.shown.Model()
	layer, head := a.c.layer(), a.c.head()
	name := event.Get("key").String()
	switch right, down, ok := arrows(name); {
	case ok:
		layer, head = layer+right, head+down
	case name == "Home":
		layer = 0
	case name == "End":
		layer = int(m.Layers) - 1
	case name == "Enter":
		a.c.inspector.Keep(func() page.Reading { return a.c.headReading(layer, head, -1, -1) })
	default:
		return
	}
	event.Call("preventDefault")
	if layer >= 0 && layer < int(m.Layers) && head >= 0 && head < int(m.Heads) {
		a.choose(layer, head)
	}
}

// pointAt takes note of the pointer's place on the plot, in CSS pixels.
func (a *atlas) pointAt(x, y float64) {
	px, py := a.toTiles(x, y)
	layer, head, onTile := a.tiles.TileAt(px, py)
	if !onTile {
		a.leave()
		return
	}
	at := headPlace{layer, head, -1, -1}
	if _, _, q, k, ok := a.tiles.At(px, py); ok && k <= q {
		at.q, at.k = q, k
	}
	if a.hovered && at == a.pointed {
		return
	}
	if !a.hovered || at.layer != a.pointed.layer || at.head != a.pointed.head {
		a.staleMarks = true
		a.peek.show(layer, head, a.tileBox(layer, head), a.pixels.Width, a.pixels.Height)
	}
	a.hovered, a.pointed = true, at
	a.c.inspector.Point(func() page.Reading { return a.c.headReading(at.layer, at.head, at.q, at.k) })
	a.c.wake()
}

func (a *atlas) leave() {
	if a.hovered {
		a.hovered, a.staleMarks = false, true
		a.peek.hide()
		a.c.inspector.Leave()
		a.c.wake()
	}
}

// edges are the widths of the margins in device pixels.
func (a *atlas) edges() (left, top int) {
	unit := a.c.theme.Rem * a.pixels.Ratio
	return int(math.Round(atlasEdgeLeft * unit)), int(math.Round(atlasEdgeTop * unit))
}

// toTiles turns a place on the plot into a pixel of the tiles' picture.
func (a *atlas) toTiles(x, y float64) (px, py int) {
	left, top := a.edges()
	return int(math.Floor(x*a.pixels.Ratio)) - left, int(math.Floor(y*a.pixels.Ratio)) - top
}

// box is a rectangle in CSS pixels.
type box struct{ x, y, w, h float64 }

// tileBox is a tile's place on the plot.
func (a *atlas) tileBox(layer, head int) box {
	left, top := a.edges()
	r := a.tiles.Tile(layer, head)
	return box{
		float64(r.X+left) / a.pixels.Ratio, float64(r.Y+top) / a.pixels.Ratio,
		float64(r.W) / a.pixels.Ratio, float64(r.H) / a.pixels.Ratio,
	}
}

func (a *atlas) update(what change) {
	if what.has(session.ChangeModel) || what.saw(changedSize|changedSession|changedTheme) {
		a.staleLayout, a.stalePixels, a.staleMarks, a.staleLegend = true, true, true, true
	}
	if what.has(session.ChangeAttention | session.ChangeTokens) {
		a.stalePixels = true
	}
	if what.saw(changedPlace) {
		a.staleMarks = true
	}
	if what.saw(changedLanguage) {
		a.staleLegend = true
	}
	a.staleWords = a.staleWords || headChanged(what)
}

func (a *atlas) frame(t float64) (again bool) {
	a.askForRows(t)
	if a.pixels.Width == 0 {
		return false
	}
	if a.staleLayout {
		a.staleLayout, a.emptied = false, true
		a.layout()
	}
	if a.stalePixels {
		a.stalePixels = false
		a.paint()
	}
	if a.staleMarks {
		a.staleMarks = false
		a.draw()
		a.staleWords = true
	}
	if a.staleLegend {
		a.staleLegend = false
		a.drawLegend()
	}
	return false
}

// write writes what stands beside the canvases. It comes after all of the view's canvases.
func (a *atlas) write() {
	if a.staleWords {
		a.staleWords = false
		a.tell()
	}
	a.peek.frame()
}

// layout fits the tiles into the width, and gives the plot their height.
func (a *atlas) layout() {
	m := a.c.shown.Model()
	left, top := a.edges()
	ratio := a.pixels.Ratio
	gap := int(math.Max(1, math.Round(atlasGap*ratio*min(1, a.pixels.Width/600))))
	most := math.MaxInt16
	if panel := page.ByID("panel-attention"); !pageScrolls() {
		room := panel.Get("clientHeight").Float() * atlasShare * ratio
		most = int(max(room/float64(m.Heads)-float64(gap), atlasLeast*ratio))
	}
	_, h := a.tiles.Layout(int(m.Layers), int(m.Heads), a.pixels.DeviceWidth()-left, gap, most)
	a.plot.SetStyle("height", page.Pixels(float64(h+top)/ratio))
	a.plot.SetAttr("aria-colcount", page.Decimal(int(m.Layers)))
	a.plot.SetAttr("aria-rowcount", page.Decimal(int(m.Heads)))
}

// pageScrolls reports whether the window is so narrow that the page is one
// column, in which a view is as high as it likes.
func pageScrolls() bool {
	return page.Window.Call("matchMedia", "(max-width: 900px)").Get("matches").Bool()
}

// paint brings the tiles' pixels up to date with the rows and copies them to
// the page if any differs.
func (a *atlas) paint() {
	rows := sessionRows{a.c.shown}
	n := rows.known()
	a.tiles.Invalidate(a.seen.Update(n, func(q int) []uint8 { return rows.Row(q, 0, 0) }))
	if a.tiles.Paint(&a.picture, a.c.theme.Paint, rows, n) || a.emptied {
		a.emptied = false
		left, top := a.edges()
		a.pixels.Show(&a.picture, left, top)
		a.peek.stale = true
	}
}

// draw draws the numbers at the edges and the frames of the two heads.
func (a *atlas) draw() {
	p, t := a.pen, a.c.theme
	p.Begin(a.marks)
	m := a.c.shown.Model()
	layer, head := a.c.layer(), a.c.head()
	first := a.tileBox(0, 0)
	pitch := a.tileBox(min(1, int(m.Layers)-1), 0).x - first.x
	pointedLayer, pointedHead := layer, head
	if a.hovered {
		pointedLayer, pointedHead = a.pointed.layer, a.pointed.head
	}
	number := func(n, chosen, pointed int, align string, x, y float64) {
		weight := ""
		p.Fill(t.Quiet)
		if n == chosen || n == pointed {
			weight = "600 "
			p.Fill(t.Ink)
		}
		p.Letter(weight+t.Font(t.Mono, edgeRem), align)
		p.Text(page.Decimal(n), x, y)
	}
	const roomForNumber = 1.5 // rem
	for _, n := range view.Ticks(nil, 0, int(m.Layers), pitch, roomForNumber*t.Rem, pointedLayer, layer) {
		at := a.tileBox(n, 0)
		number(n, layer, pointedLayer, "center", at.x+at.w/2, first.y-0.35*t.Rem)
	}
	for _, n := range view.Ticks(nil, 0, int(m.Heads), pitch, 0.75*t.Rem, pointedHead, head) {
		at := a.tileBox(0, n)
		number(n, head, pointedHead, "right", first.x-0.5*t.Rem, at.y+at.h/2+0.26*t.Rem)
	}
	if a.hovered && (a.pointed.layer != layer || a.pointed.head != head) {
		at := a.tileBox(a.pointed.layer, a.pointed.head)
		p.Outline(t.Ink, 1)
		p.Frame(at.x-1.5, at.y-1.5, at.w+3, at.h+3)
	}
	at := a.tileBox(layer, head)
	p.Outline(t.Mark, 2)
	p.Frame(at.x-2, at.y-2, at.w+4, at.h+4)
}

// tell says the head under the pointer or the chosen one.
func (a *atlas) tell() {
	layer, head := a.c.layer(), a.c.head()
	a.cell.Show(a.line(layer, head))
	a.cell.SetAttr("aria-colindex", page.Decimal(layer+1))
	a.cell.SetAttr("aria-rowindex", page.Decimal(head+1))
	if a.hovered {
		layer, head = a.pointed.layer, a.pointed.head
	}
	text := a.line(layer, head)
	if a.asking {
		text = a.c.words.Say("attention.asking_rows")
	} else if first := a.c.shown.AttentionFloor(); first > 0 {
		text = a.c.words.Say("attention.bound", "Says", text, "N", page.Grouped(first))
	}
	a.says.Show(text)
}

// line says what the chosen token, or the last one before it whose row is here,
// reads most in a head.
func (a *atlas) line(layer, head int) string {
	c := a.c
	q, row, source := c.lastRow(layer, head)
	top, _ := view.TopKeys(nil, row, 1)
	if len(top) == 0 {
		return c.words.Say("attention.place", "Layer", page.Decimal(layer), "Head", page.Decimal(head))
	}
	return c.words.Say("attention.says", "Layer", page.Decimal(layer), "Head", page.Decimal(head),
		"Query", c.tokenName(q), "Key", c.tokenName(top[0].Key), "Weight", weightText(top[0].Weight, source))
}

// askForRows asks for rows that did not come by themselves: those of before
// the view was opened, and those of tokens between two that the server told of.
// An answer that is written at full speed is not held up for them: they take the
// engine about as long as reading the whole sequence again.
func (a *atlas) askForRows(t float64) {
	missing, ok := a.c.shown.MissingAttention()
	if !ok || a.c.shown.Recorded() {
		missing = -1
	}
	patient := !a.c.resting()
	if patient && a.c.play.atFullSpeed() {
		missing = -1
	}
	if missing != a.missing {
		a.missing, a.missingSince = missing, t
	}
	asking := missing >= 0 && (t-a.missingSince >= rowsPatience || !patient)
	if asking != a.asking {
		a.asking, a.staleWords = asking, true
	}
	switch {
	case asking:
		a.c.ask(wire.Query{What: wire.QueryAttention, Position: uint32(missing)})
	case missing >= 0 && !a.timed:
		a.timed = true
		page.After(rowsPatience, func() {
			a.timed = false
			a.c.wake()
		})
	}
}

// drawLegend draws the colours' scale with its range, and what grey and dots mean.
func (a *atlas) drawLegend() {
	s, p, t := a.legend, a.legendPen, a.c.theme
	if s.Width == 0 {
		return
	}
	p.Begin(s)
	scale := t.Paint.Attention()
	bar := 0.36 * s.Width
	top := 0.15 * t.Rem
	height := 0.5 * t.Rem
	a.colours.Resize(int(bar*s.Ratio), int(height*s.Ratio))
	scale.Paint(&a.colours, a.colours.Bounds())
	x := 0.8 * t.Rem
	s.Show(&a.colours, int(x*s.Ratio), int(top*s.Ratio))
	p.Outline(t.Line, 1)
	p.Frame(x-0.5, top-0.5, bar+1, height+1)
	p.Fill(t.Quiet)
	p.Letter(t.Font(t.Mono, 0.62), "center")
	free := 0.0 // right end of the last number
	for _, tick := range scale.Ticks() {
		at, half := x+float64(tick.At)*bar, p.Width(tick.Text)/2
		if at-half >= free {
			p.Text(tick.Text, at, s.Height-0.08*t.Rem)
			free = at + half + 0.3*t.Rem
		}
	}
	x += bar + 1.4*t.Rem
	swatch := func(key string, paintSwatch func(r paint.Rect)) {
		side := int(0.75 * t.Rem * s.Ratio)
		a.colours.Resize(side, side)
		a.colours.Clear(t.Paint.Paper)
		paintSwatch(a.colours.Bounds())
		s.Show(&a.colours, int(x*s.Ratio), int(0.3*t.Rem*s.Ratio))
		p.Frame(x-0.5, 0.3*t.Rem-0.5, 0.75*t.Rem+1, 0.75*t.Rem+1)
		p.Letter(t.Font(t.Sans, 0.76), "left")
		text := a.c.words.Say(key)
		p.Text(text, x+1.1*t.Rem, 0.95*t.Rem)
		x += 2.2*t.Rem + p.Width(text)
	}
	swatch("attention.masked", func(r paint.Rect) { a.colours.Fill(r, t.Paint.Masked) })
	swatch("attention.unknown", func(r paint.Rect) { a.colours.Dots(r, 4, 1, t.Paint.Fog) })
}

// peek is a larger picture of the head under the pointer, beside its tile.
type peek struct {
	c           *client
	place       page.Element
	name        *page.TextCell
	surface     *page.Surface
	picture     paint.Canvas
	matrix      paint.Matrix
	layer, head int
	shown       bool
	stale       bool
}

func newPeek(c *client, place page.Element) *peek {
	p := &peek{c: c, place: place, name: page.NewTextCell(place.Find("p"))}
	p.surface = page.NewSurface(place.Find("canvas"), func() { p.stale = true })
	return p
}

// show puts the picture of a head below its tile, or above it where there is no room.
func (p *peek) show(layer, head int, tile box, width, height float64) {
	p.layer, p.head, p.stale = layer, head, true
	own := p.place.Call("getBoundingClientRect")
	w, h := own.Get("width").Float(), own.Get("height").Float()
	x := min(max(tile.x+tile.w/2-w/2, 0), max(width-w, 0))
	y := tile.y + tile.h + 8
	if tile.y > height/2 {
		y = tile.y - 8 - h
	}
	p.place.SetStyle("left", page.Pixels(x))
	p.place.SetStyle("top", page.Pixels(y))
	if !p.shown {
		p.shown = true
		p.place.SetClass("shown", true)
	}
}

func (p *peek) hide() {
	p.shown = false
	p.place.SetClass("shown", false)
}

func (p *peek) frame() {
	if !p.shown || !p.stale || p.surface.Width == 0 {
		return
	}
	p.stale = false
	p.name.Show(p.c.words.Say("attention.place", "Layer", page.Decimal(p.layer), "Head", page.Decimal(p.head)))
	rows := &headRows{s: p.c.shown}
	n := max(len(p.c.shown.Tokens()), 1)
	all := paint.Window{To: n}
	p.surface.Ctx.Call("clearRect", 0, 0, p.surface.DeviceWidth(), p.surface.DeviceHeight())
	p.matrix.Layout(p.surface.DeviceWidth(), p.surface.DeviceHeight(), p.surface.DeviceWidth(), 0, all, all)
	p.matrix.Paint(&p.picture, p.c.theme.Paint, rows, p.layer, p.head, n)
	p.surface.Show(&p.picture, (p.surface.DeviceWidth()-p.picture.W)/2, (p.surface.DeviceHeight()-p.picture.H)/2)
}
