//go:build js && wasm

package main

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
)

// surface is a canvas whose pixels are the device's: its backing store has the
// size of the element in device pixels and follows it.
type surface struct {
	canvas element
	ctx    js.Value
	width  float64 // of the element, in CSS pixels
	height float64
	ratio  float64 // device pixels a CSS pixel

	pixels js.Value // Uint8ClampedArray over the picture last shown
	data   js.Value // ImageData over pixels
	dataW  int
	dataH  int
}

// newSurface takes over a canvas element; resized is called after every change
// of its size or of the device's pixel ratio, and once at the start.
func newSurface(canvas element, resized func()) *surface {
	s := &surface{canvas: canvas, ctx: canvas.Call("getContext", "2d")}
	observer := window.Get("ResizeObserver").New(js.FuncOf(func(js.Value, []js.Value) any {
		if s.measure() {
			resized()
		}
		return nil
	}))
	observer.Call("observe", canvas.Value)
	return s
}

// measure brings the backing store to the element's size. It reports whether
// anything changed; the canvas is empty then.
func (s *surface) measure() bool {
	box := s.canvas.Call("getBoundingClientRect")
	width, height := box.Get("width").Float(), box.Get("height").Float()
	ratio := window.Get("devicePixelRatio").Float()
	if width == s.width && height == s.height && ratio == s.ratio {
		return false
	}
	s.width, s.height, s.ratio = width, height, ratio
	s.canvas.Set("width", s.deviceWidth())
	s.canvas.Set("height", s.deviceHeight())
	return true
}

// deviceWidth is the width of the backing store in device pixels.
func (s *surface) deviceWidth() int { return int(math.Round(s.width * s.ratio)) }

// deviceHeight is its height.
func (s *surface) deviceHeight() int { return int(math.Round(s.height * s.ratio)) }

// show puts a picture on the surface, its pixel (0, 0) at device pixel (x, y):
// one copy out of Go's memory and one call.
func (s *surface) show(picture *paint.Canvas, x, y int) {
	if picture.W == 0 || picture.H == 0 {
		return
	}
	if s.dataW != picture.W || s.dataH != picture.H {
		s.pixels = window.Get("Uint8ClampedArray").New(4 * picture.W * picture.H)
		s.data = window.Get("ImageData").New(s.pixels, picture.W, picture.H)
		s.dataW, s.dataH = picture.W, picture.H
	}
	js.CopyBytesToJS(s.pixels, picture.Pix)
	s.ctx.Call("putImageData", s.data, x, y)
}

// point is the place of a pointer event on the surface, in CSS pixels.
func (s *surface) point(event js.Value) (x, y float64) {
	return event.Get("offsetX").Float(), event.Get("offsetY").Float()
}

// pen draws lines and text on a surface in CSS pixels. Its methods are bound
// once: invoking a bound function costs a tenth of a call by name.
type pen struct {
	ctx                                                        js.Value
	fillRectF, strokeRectF, fillTextF, clearRectF, measureF    js.Value
	beginF, moveF, lineF, strokeF, fillF, arcF, roundF, scaleF js.Value
	colour, stroke, font                                       string
}

func newPen(s *surface) *pen {
	bind := func(name string) js.Value { return s.ctx.Get(name).Call("bind", s.ctx) }
	return &pen{
		ctx:       s.ctx,
		fillRectF: bind("fillRect"), strokeRectF: bind("strokeRect"), fillTextF: bind("fillText"),
		clearRectF: bind("clearRect"), measureF: bind("measureText"),
		beginF: bind("beginPath"), moveF: bind("moveTo"), lineF: bind("lineTo"), strokeF: bind("stroke"),
		fillF: bind("fill"), arcF: bind("arc"), roundF: bind("roundRect"), scaleF: bind("setTransform"),
	}
}

// begin empties the surface and sets the unit to CSS pixels.
func (p *pen) begin(s *surface) {
	p.colour, p.stroke, p.font = "", "", "" // a resized canvas forgets them
	p.scaleF.Invoke(s.ratio, 0, 0, s.ratio, 0, 0)
	p.clearRectF.Invoke(0, 0, s.width, s.height)
}

// fill sets the colour of areas and text.
func (p *pen) fill(colour string) {
	if p.colour != colour {
		p.colour = colour
		p.ctx.Set("fillStyle", colour)
	}
}

// outline sets the colour and width of lines.
func (p *pen) outline(colour string, width float64) {
	if p.stroke != colour {
		p.stroke = colour
		p.ctx.Set("strokeStyle", colour)
	}
	p.ctx.Set("lineWidth", width)
}

// dash sets the pattern of lines; 0 draws them through.
func (p *pen) dash(length float64) {
	pattern := []any{}
	if length > 0 {
		pattern = append(pattern, length, length)
	}
	p.ctx.Call("setLineDash", pattern)
}

// letter sets the font, as CSS writes it, and the alignment ("left", "center", "right").
func (p *pen) letter(font, align string) {
	if key := font + align; p.font != key {
		p.font = key
		p.ctx.Set("font", font)
		p.ctx.Set("textAlign", align)
	}
}

func (p *pen) rect(x, y, w, h float64)        { p.fillRectF.Invoke(x, y, w, h) }
func (p *pen) frame(x, y, w, h float64)       { p.strokeRectF.Invoke(x, y, w, h) }
func (p *pen) text(text string, x, y float64) { p.fillTextF.Invoke(text, x, y) }

// textUp writes text that reads upwards; x is its baseline.
func (p *pen) textUp(text string, x, y float64) {
	p.ctx.Call("save")
	p.ctx.Call("translate", x, y)
	p.ctx.Call("rotate", -math.Pi/2)
	p.text(text, 0, 0)
	p.ctx.Call("restore")
}

func (p *pen) width(text string) float64 { return p.measureF.Invoke(text).Get("width").Float() }
func (p *pen) line(x0, y0, x1, y1 float64) {
	p.beginF.Invoke()
	p.moveF.Invoke(x0, y0)
	p.lineF.Invoke(x1, y1)
	p.strokeF.Invoke()
}

// disc fills a circle.
func (p *pen) disc(x, y, radius float64) {
	p.beginF.Invoke()
	p.arcF.Invoke(x, y, radius, 0, 2*math.Pi)
	p.fillF.Invoke()
}

// roundRect fills a rectangle with rounded corners.
func (p *pen) roundRect(x, y, w, h, radius float64) {
	p.beginF.Invoke()
	p.roundF.Invoke(x, y, w, h, radius)
	p.fillF.Invoke()
}

// roundFrame draws its outline.
func (p *pen) roundFrame(x, y, w, h, radius float64) {
	p.beginF.Invoke()
	p.roundF.Invoke(x, y, w, h, radius)
	p.strokeF.Invoke()
}
