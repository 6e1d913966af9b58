//go:build js && wasm

package page

import (
	"math"
	"syscall/js"

	"vitrine/visualizer/paint"
)

// Surface is a canvas whose pixels are the device's: its backing store has the
// size of the element in device pixels and follows it.
type Surface struct {
	Canvas Element
	Ctx    js.Value
	Width  float64 // of the element, in CSS pixels
	Height float64
	Ratio  float64 // device pixels a CSS pixel
	Unseen bool    // nothing of it is near the window, as far as [Surface.Sight] follows that

	pen    *Pen     // nil before [NewPen]
	pixels js.Value // Uint8ClampedArray over the picture last shown
	data   js.Value // ImageData over pixels
	dataW  int
	dataH  int
}

// NewSurface takes over a canvas element; resized is called after every change
// of its size or of the device's pixel ratio, and once at the start.
func NewSurface(canvas Element, resized func()) *Surface {
	s := &Surface{Canvas: canvas, Ctx: canvas.Call("getContext", "2d")}
	observer := Window.Get("ResizeObserver").New(js.FuncOf(func(js.Value, []js.Value) any {
		if s.measure() {
			resized()
		}
		return nil
	}))
	observer.Call("observe", canvas.Value)
	return s
}

// Sight has Unseen follow whether anything of the surface is in the window, or near it:
// what is not need not be drawn. came is called when it has come there.
func (s *Surface) Sight(came func()) {
	observer := Window.Get("IntersectionObserver").New(js.FuncOf(func(_ js.Value, args []js.Value) any {
		before := s.Unseen
		s.Unseen = !args[0].Index(args[0].Length() - 1).Get("isIntersecting").Bool()
		if before && !s.Unseen {
			came()
		}
		return nil
	}), map[string]any{"rootMargin": "50% 0px"})
	observer.Call("observe", s.Canvas.Value)
}

// measure brings the backing store to the element's size. It reports whether
// anything changed; the canvas is empty then.
func (s *Surface) measure() bool {
	box := s.Canvas.Call("getBoundingClientRect")
	width, height := box.Get("width").Float(), box.Get("height").Float()
	ratio := Window.Get("devicePixelRatio").Float()
	if width == s.Width && height == s.Height && ratio == s.Ratio {
		return false
	}
	s.Width, s.Height, s.Ratio = width, height, ratio
	s.Canvas.Set("width", s.DeviceWidth())
	s.Canvas.Set("height", s.DeviceHeight())
	if s.pen != nil { // a canvas forgets what it draws with
		s.pen.colour, s.pen.stroke, s.pen.font = "", "", ""
	}
	return true
}

// DeviceWidth is the width of the backing store in device pixels.
func (s *Surface) DeviceWidth() int { return int(math.Round(s.Width * s.Ratio)) }

// DeviceHeight is its height.
func (s *Surface) DeviceHeight() int { return int(math.Round(s.Height * s.Ratio)) }

// Show puts a picture on the surface, its pixel (0, 0) at device pixel (x, y):
// one copy out of Go's memory and one call.
func (s *Surface) Show(picture *paint.Canvas, x, y int) {
	if picture.W == 0 || picture.H == 0 {
		return
	}
	if s.dataW != picture.W || s.dataH != picture.H {
		s.pixels = Window.Get("Uint8ClampedArray").New(4 * picture.W * picture.H)
		s.data = Window.Get("ImageData").New(s.pixels, picture.W, picture.H)
		s.dataW, s.dataH = picture.W, picture.H
	}
	js.CopyBytesToJS(s.pixels, picture.Pix)
	s.Ctx.Call("putImageData", s.data, x, y)
}

// ShowParts puts those rectangles of a picture on the surface again that have changed
// since [Surface.Show] showed it at (0, 0). What was drawn over them is gone.
func (s *Surface) ShowParts(picture *paint.Canvas, parts []paint.Rect) {
	if s.dataW != picture.W || s.dataH != picture.H {
		return
	}
	js.CopyBytesToJS(s.pixels, picture.Pix)
	for _, r := range parts {
		s.Ctx.Call("putImageData", s.data, 0, 0, r.X, r.Y, r.W, r.H)
	}
}

// Point is the place of a pointer event on the surface, in CSS pixels.
func (s *Surface) Point(event js.Value) (x, y float64) {
	return event.Get("offsetX").Float(), event.Get("offsetY").Float()
}

// Pen draws lines and text on a surface in CSS pixels. Its methods are bound
// once: invoking a bound function costs a tenth of a call by name.
type Pen struct {
	ctx                                                        js.Value
	fillRectF, strokeRectF, fillTextF, clearRectF, measureF    js.Value
	BeginF, MoveF, LineF, StrokeF, fillF, ArcF, roundF, scaleF js.Value
	colour, stroke, font                                       string
}

// NewPen makes the pen of a surface.
func NewPen(s *Surface) *Pen {
	bind := func(name string) js.Value { return s.Ctx.Get(name).Call("bind", s.Ctx) }
	s.pen = &Pen{
		ctx:       s.Ctx,
		fillRectF: bind("fillRect"), strokeRectF: bind("strokeRect"), fillTextF: bind("fillText"),
		clearRectF: bind("clearRect"), measureF: bind("measureText"),
		BeginF: bind("beginPath"), MoveF: bind("moveTo"), LineF: bind("lineTo"), StrokeF: bind("stroke"),
		fillF: bind("fill"), ArcF: bind("arc"), roundF: bind("roundRect"), scaleF: bind("setTransform"),
	}
	return s.pen
}

// Begin empties the surface and sets the unit to CSS pixels.
func (p *Pen) Begin(s *Surface) {
	p.scaleF.Invoke(s.Ratio, 0, 0, s.Ratio, 0, 0)
	p.clearRectF.Invoke(0, 0, s.Width, s.Height)
}

// Fill sets the colour of areas and text.
func (p *Pen) Fill(colour string) {
	if p.colour != colour {
		p.colour = colour
		p.ctx.Set("fillStyle", colour)
	}
}

// Outline sets the colour and width of lines.
func (p *Pen) Outline(colour string, width float64) {
	if p.stroke != colour {
		p.stroke = colour
		p.ctx.Set("strokeStyle", colour)
	}
	p.ctx.Set("lineWidth", width)
}

// Dash sets the pattern of lines; 0 draws them through.
func (p *Pen) Dash(length float64) {
	pattern := []any{}
	if length > 0 {
		pattern = append(pattern, length, length)
	}
	p.ctx.Call("setLineDash", pattern)
}

// Letter sets the font, as CSS writes it, and the alignment ("left", "center", "right").
// Another font than before costs as much as ten texts, and has the browser bring the
// page's styles up to date, and lay it out where its texts changed: in a frame, canvases
// are drawn first.
func (p *Pen) Letter(font, align string) {
	if key := font + align; p.font != key {
		p.font = key
		p.ctx.Set("font", font)
		p.ctx.Set("textAlign", align)
	}
}

// Rect fills a rectangle.
func (p *Pen) Rect(x, y, w, h float64) { p.fillRectF.Invoke(x, y, w, h) }

// Frame draws its outline.
func (p *Pen) Frame(x, y, w, h float64) { p.strokeRectF.Invoke(x, y, w, h) }

// Text writes text; y is its baseline.
func (p *Pen) Text(text string, x, y float64) { p.fillTextF.Invoke(text, x, y) }

// TextUp writes text that reads upwards; x is its baseline.
func (p *Pen) TextUp(text string, x, y float64) {
	p.ctx.Call("save")
	p.ctx.Call("translate", x, y)
	p.ctx.Call("rotate", -math.Pi/2)
	p.Text(text, 0, 0)
	p.ctx.Call("restore")
}

// Width is how wide text is in the font that is set.
func (p *Pen) Width(text string) float64 { return p.measureF.Invoke(text).Get("width").Float() }

// Line draws a straight line.
func (p *Pen) Line(x0, y0, x1, y1 float64) {
	p.BeginF.Invoke()
	p.MoveF.Invoke(x0, y0)
	p.LineF.Invoke(x1, y1)
	p.StrokeF.Invoke()
}

// Disc fills a circle.
func (p *Pen) Disc(x, y, radius float64) {
	p.BeginF.Invoke()
	p.ArcF.Invoke(x, y, radius, 0, 2*math.Pi)
	p.fillF.Invoke()
}

// RoundRect fills a rectangle with rounded corners.
func (p *Pen) RoundRect(x, y, w, h, radius float64) {
	p.BeginF.Invoke()
	p.roundF.Invoke(x, y, w, h, radius)
	p.fillF.Invoke()
}

// RoundFrame draws its outline.
func (p *Pen) RoundFrame(x, y, w, h, radius float64) {
	p.BeginF.Invoke()
	p.roundF.Invoke(x, y, w, h, radius)
	p.StrokeF.Invoke()
}
