//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// atlas is the picture of all heads. The pixels are one canvas, and what marks
// the chosen head, the one under the pointer and the edges is another above it.
type atlas struct {
	c    *client
	plot element
	cell *textCell // what the grid says to assistive technology
	says *textCell // the line below
	say  func(string)

	pixels, marks, legend *surface
	pen, legendPen        *pen
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
		c: c, plot: byID("atlas"), say: say, missing: -1,
		cell: newTextCell(byID("atlas-cell")), says: newTextCell(byID("atlas-says")),
	}
	resized := func() { c.changed(change{page: changedSize}) }
	canvases := a.plot.findAll("canvas")
	a.pixels, a.marks = newSurface(canvases[0], resized), newSurface(canvases[1], resized)
	a.legend = newSurface(byID("atlas-legend"), resized)
	a.pen, a.legendPen = newPen(a.marks), newPen(a.legend)
	a.peek = newPeek(c, byID("atlas-peek"))
	a.plot.on("pointermove", func(event js.Value) { a.pointAt(a.pixels.point(event)) })
	a.plot.on("pointerleave", func(jsEvent) { a.leave() })
	a.plot.on("click", func(event js.Value) {
		a.pointAt(a.pixels.point(event))
		if a.hovered {
			a.choose(a.pointed.layer, a.pointed.head)
		}
	})
	a.plot.on("keydown", a.key)
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
		a.c.inspector.keep(func() reading { return a.c.headReading(layer, head, -1, -1) })
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
		a.peek.show(layer, head, a.tileBox(layer, head), a.pixels.width, a.pixels.height)
	}
	a.hovered, a.pointed = true, at
	a.c.inspector.point(func() reading { return a.c.headReading(at.layer, at.head, at.q, at.k) })
	a.c.wake()
}

func (a *atlas) leave() {
	if a.hovered {
		a.hovered, a.staleMarks = false, true
		a.peek.hide()
		a.c.inspector.leave()
		a.c.wake()
	}
}

// edges are the widths of the margins in device pixels.
func (a *atlas) edges() (left, top int) {
	unit := a.c.theme.rem * a.pixels.ratio
	return int(math.Round(atlasEdgeLeft * unit)), int(math.Round(atlasEdgeTop * unit))
}

// toTiles turns a place on the plot into a pixel of the tiles' picture.
func (a *atlas) toTiles(x, y float64) (px, py int) {
	left, top := a.edges()
	return int(math.Floor(x*a.pixels.ratio)) - left, int(math.Floor(y*a.pixels.ratio)) - top
}

// box is a rectangle in CSS pixels.
type box struct{ x, y, w, h float64 }

// tileBox is a tile's place on the plot.
func (a *atlas) tileBox(layer, head int) box {
	left, top := a.edges()
	r := a.tiles.Tile(layer, head)
	return box{
		float64(r.X+left) / a.pixels.ratio, float64(r.Y+top) / a.pixels.ratio,
		float64(r.W) / a.pixels.ratio, float64(r.H) / a.pixels.ratio,
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
	if a.pixels.width == 0 {
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
	if a.staleWords {
		a.staleWords = false
		a.tell()
	}
	if a.staleLegend {
		a.staleLegend = false
		a.drawLegend()
	}
	a.peek.frame()
	return false
}

// layout fits the tiles into the width, and gives the plot their height.
func (a *atlas) layout() {
	m := a.c.shown.Model()
	left, top := a.edges()
	ratio := a.pixels.ratio
	gap := int(math.Max(1, math.Round(atlasGap*ratio*min(1, a.pixels.width/600))))
	most := math.MaxInt16
	if panel := byID("panel-attention"); !pageScrolls() {
		room := panel.Get("clientHeight").Float() * atlasShare * ratio
		most = int(max(room/float64(m.Heads)-float64(gap), atlasLeast*ratio))
	}
	_, h := a.tiles.Layout(int(m.Layers), int(m.Heads), a.pixels.deviceWidth()-left, gap, most)
	a.plot.setStyle("height", px(float64(h+top)/ratio))
	a.plot.setAttr("aria-colcount", decimal(int(m.Layers)))
	a.plot.setAttr("aria-rowcount", decimal(int(m.Heads)))
}

// pageScrolls reports whether the window is so narrow that the page is one
// column, in which a view is as high as it likes.
func pageScrolls() bool {
	return window.Call("matchMedia", "(max-width: 900px)").Get("matches").Bool()
}

// paint brings the tiles' pixels up to date with the rows and copies them to
// the page if any differs.
func (a *atlas) paint() {
	rows := sessionRows{a.c.shown}
	n := rows.known()
	a.tiles.Invalidate(a.seen.Update(n, func(q int) []uint8 { return rows.Row(q, 0, 0) }))
	if a.tiles.Paint(&a.picture, a.c.theme.paint, rows, n) || a.emptied {
		a.emptied = false
		left, top := a.edges()
		a.pixels.show(&a.picture, left, top)
		a.peek.stale = true
	}
}

// draw draws the numbers at the edges and the frames of the two heads.
func (a *atlas) draw() {
	p, t := a.pen, a.c.theme
	p.begin(a.marks)
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
		p.fill(t.quiet)
		if n == chosen || n == pointed {
			weight = "600 "
			p.fill(t.ink)
		}
		p.letter(weight+t.font(t.mono, edgeRem), align)
		p.text(decimal(n), x, y)
	}
	const roomForNumber = 1.5 // rem
	for _, n := range view.Ticks(nil, 0, int(m.Layers), pitch, roomForNumber*t.rem, pointedLayer, layer) {
		at := a.tileBox(n, 0)
		number(n, layer, pointedLayer, "center", at.x+at.w/2, first.y-0.35*t.rem)
	}
	for _, n := range view.Ticks(nil, 0, int(m.Heads), pitch, 0.75*t.rem, pointedHead, head) {
		at := a.tileBox(0, n)
		number(n, head, pointedHead, "right", first.x-0.5*t.rem, at.y+at.h/2+0.26*t.rem)
	}
	if a.hovered && (a.pointed.layer != layer || a.pointed.head != head) {
		at := a.tileBox(a.pointed.layer, a.pointed.head)
		p.outline(t.ink, 1)
		p.frame(at.x-1.5, at.y-1.5, at.w+3, at.h+3)
	}
	at := a.tileBox(layer, head)
	p.outline(t.mark, 2)
	p.frame(at.x-2, at.y-2, at.w+4, at.h+4)
}

// tell says the head under the pointer or the chosen one.
func (a *atlas) tell() {
	layer, head := a.c.layer(), a.c.head()
	a.cell.show(a.line(layer, head))
	a.cell.setAttr("aria-colindex", decimal(layer+1))
	a.cell.setAttr("aria-rowindex", decimal(head+1))
	if a.hovered {
		layer, head = a.pointed.layer, a.pointed.head
	}
	text := a.line(layer, head)
	if a.asking {
		text = a.c.words.say("attention.asking_rows")
	}
	a.says.show(text)
}

// line says what the chosen token, or the last one before it whose row is here,
// reads most in a head.
func (a *atlas) line(layer, head int) string {
	c := a.c
	q, row, source := c.lastRow(layer, head)
	top, _ := view.TopKeys(nil, row, 1)
	if len(top) == 0 {
		return c.words.say("attention.place", "Layer", decimal(layer), "Head", decimal(head))
	}
	return c.words.say("attention.says", "Layer", decimal(layer), "Head", decimal(head),
		"Query", c.tokenName(q), "Key", c.tokenName(top[0].Key), "Weight", weightText(top[0].Weight, source))
}

// askForRows asks for rows that did not come by themselves: those of before
// the view was opened, and those that the server dropped because the page was slow.
func (a *atlas) askForRows(t float64) {
	missing, ok := a.c.shown.MissingAttention()
	if !ok || a.c.shown.Recorded() {
		missing = -1
	}
	if missing != a.missing {
		a.missing, a.missingSince = missing, t
	}
	asking := missing >= 0 && (t-a.missingSince >= rowsPatience || a.c.resting())
	if asking != a.asking {
		a.asking, a.staleWords = asking, true
	}
	switch {
	case asking:
		a.c.ask(wire.Query{What: wire.QueryAttention, Position: uint32(missing)})
	case missing >= 0 && !a.timed:
		a.timed = true
		after(rowsPatience, func() {
			a.timed = false
			a.c.wake()
		})
	}
}

// drawLegend draws the colours' scale with its range, and what grey and dots mean.
func (a *atlas) drawLegend() {
	s, p, t := a.legend, a.legendPen, a.c.theme
	if s.width == 0 {
		return
	}
	p.begin(s)
	scale := t.paint.Attention()
	bar := 0.36 * s.width
	top := 0.15 * t.rem
	height := 0.5 * t.rem
	a.colours.Resize(int(bar*s.ratio), int(height*s.ratio))
	scale.Paint(&a.colours, a.colours.Bounds())
	x := 0.8 * t.rem
	s.show(&a.colours, int(x*s.ratio), int(top*s.ratio))
	p.outline(t.line, 1)
	p.frame(x-0.5, top-0.5, bar+1, height+1)
	p.fill(t.quiet)
	p.letter(t.font(t.mono, 0.62), "center")
	free := 0.0 // right end of the last number
	for _, tick := range scale.Ticks() {
		at, half := x+float64(tick.At)*bar, p.width(tick.Text)/2
		if at-half >= free {
			p.text(tick.Text, at, s.height-0.08*t.rem)
			free = at + half + 0.3*t.rem
		}
	}
	x += bar + 1.4*t.rem
	swatch := func(key string, paintSwatch func(r paint.Rect)) {
		side := int(0.75 * t.rem * s.ratio)
		a.colours.Resize(side, side)
		a.colours.Clear(t.paint.Paper)
		paintSwatch(a.colours.Bounds())
		s.show(&a.colours, int(x*s.ratio), int(0.3*t.rem*s.ratio))
		p.frame(x-0.5, 0.3*t.rem-0.5, 0.75*t.rem+1, 0.75*t.rem+1)
		p.letter(t.font(t.sans, 0.76), "left")
		text := a.c.words.say(key)
		p.text(text, x+1.1*t.rem, 0.95*t.rem)
		x += 2.2*t.rem + p.width(text)
	}
	swatch("attention.masked", func(r paint.Rect) { a.colours.Fill(r, t.paint.Masked) })
	swatch("attention.unknown", func(r paint.Rect) { a.colours.Dots(r, 4, 1, t.paint.Fog) })
}

// peek is a larger picture of the head under the pointer, beside its tile.
type peek struct {
	c           *client
	place       element
	name        *textCell
	surface     *surface
	picture     paint.Canvas
	matrix      paint.Matrix
	layer, head int
	shown       bool
	stale       bool
}

func newPeek(c *client, place element) *peek {
	p := &peek{c: c, place: place, name: newTextCell(place.find("p"))}
	p.surface = newSurface(place.find("canvas"), func() { p.stale = true })
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
	p.place.setStyle("left", px(x))
	p.place.setStyle("top", px(y))
	if !p.shown {
		p.shown = true
		p.place.setClass("shown", true)
	}
}

func (p *peek) hide() {
	p.shown = false
	p.place.setClass("shown", false)
}

func (p *peek) frame() {
	if !p.shown || !p.stale || p.surface.width == 0 {
		return
	}
	p.stale = false
	p.name.show(p.c.words.say("attention.place", "Layer", decimal(p.layer), "Head", decimal(p.head)))
	rows := &headRows{s: p.c.shown}
	n := max(len(p.c.shown.Tokens()), 1)
	all := paint.Window{To: n}
	p.surface.ctx.Call("clearRect", 0, 0, p.surface.deviceWidth(), p.surface.deviceHeight())
	p.matrix.Layout(p.surface.deviceWidth(), p.surface.deviceHeight(), p.surface.deviceWidth(), 0, all, all)
	p.matrix.Paint(&p.picture, p.c.theme.paint, rows, p.layer, p.head, n)
	p.surface.show(&p.picture, (p.surface.deviceWidth()-p.picture.W)/2, (p.surface.deviceHeight()-p.picture.H)/2)
}
