//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"syscall/js"

	"vitrine/engine/sampler"
	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/wasm/resample"
)

// nextNeedle shows the draw: the cumulative distribution as steps, one a
// candidate, and the uniform number as a needle that falls on one of them.
type nextNeedle struct {
	v       *nextView
	element element
	*surface
	pen     *pen
	picture *paint.Canvas
	curve   paint.Curve
	says    *textCell
	steps   resample.Ladder
	of      *resample.Outcome // that steps are of
	cursor  int               // step under the pointer or the keys, −1 for none
}

// needleSteps is how many steps the curve has at most; where more tokens are
// left, the last step is all others together.
const needleSteps = 256

func newNextNeedle(v *nextView) *nextNeedle {
	n := &nextNeedle{
		v: v, element: byID("next-needle"), picture: paint.NewCanvas(0, 0), says: newTextCell(byID("next-needle-says")), cursor: -1,
	}
	n.surface = newSurface(n.element.find("canvas"), func() { v.c.changed(change{page: changedSize}) })
	n.pen = newPen(n.surface)
	n.element.on("pointermove", func(event js.Value) {
		x, y := n.point(event)
		step, ok := n.curve.At(int(x*n.ratio), int(y*n.ratio))
		if !ok {
			step = -1
		}
		n.moveTo(step)
	})
	n.element.on("pointerleave", func(jsEvent) { n.moveTo(-1) })
	n.element.on("blur", func(jsEvent) { n.moveTo(-1) })
	n.element.on("click", func(jsEvent) { n.lock() })
	n.element.on("keydown", func(event js.Value) {
		last := len(n.steps.Tokens) - 1
		switch event.Get("key").String() {
		case "ArrowRight":
			n.moveTo(min(n.cursor+1, last))
		case "ArrowLeft":
			n.moveTo(max(n.cursor-1, 0))
		case "Home":
			n.moveTo(0)
		case "End":
			n.moveTo(last)
		case "Enter", " ":
			n.lock()
		default:
			return
		}
		event.Call("preventDefault")
	})
	return n
}

// moveTo points at a step; −1 points at none.
func (n *nextNeedle) moveTo(step int) {
	if step >= len(n.steps.Tokens) || step == n.cursor {
		return
	}
	n.cursor = step
	n.v.redraw = true
	if step < 0 {
		n.v.c.inspector.leave()
		n.v.c.wake()
		return
	}
	n.v.c.inspector.point(n.reading(step))
}

// lock keeps the reading of the step that is pointed at, or of the draw itself.
func (n *nextNeedle) lock() {
	switch {
	case n.cursor < 0 || n.cursor >= len(n.steps.Tokens):
		n.v.c.inspector.keep(func() reading { return n.v.stages.reading(sampler.Draw) })
	case n.steps.Tokens[n.cursor] >= 0:
		n.v.choose(n.steps.Tokens[n.cursor])
	default:
		n.v.c.inspector.keep(n.reading(n.cursor))
	}
}

// reading is what the inspector says about a step.
func (n *nextNeedle) reading(step int) func() reading {
	if id := n.steps.Tokens[step]; id >= 0 {
		return func() reading { return n.v.tokenReading(id) }
	}
	rest, share := n.steps.Rest, 1.0
	if step > 0 {
		share = 1 - float64(n.steps.Cumulative[step-1])
	}
	return func() reading {
		return reading{
			title: n.v.c.words.say("next.step"), value: view.Percent(share),
			note: n.v.c.words.count("next.needle_rest", rest), fn: resample.Func(sampler.Draw),
		}
	}
}

// Room around the curve, in rem.
const (
	needleLeft   = 2.6 // for the numbers of the axis
	needleBottom = 1.5 // for the names of the first steps
	needleTop    = 0.6
)

func (n *nextNeedle) show() {
	o := n.v.outcome
	if o != n.of {
		n.of, n.steps, n.cursor = o, resample.Ladder{}, -1
		if o != nil && o.Total > 0 {
			n.steps = resample.Steps(&o.Report, needleSteps)
		}
	}
	n.tell()
	n.paint()
}

// tell says in words what the picture shows.
func (n *nextNeedle) tell() {
	o, say := n.v.outcome, n.v.c.words.say
	text := ""
	switch {
	case o == nil:
	case o.Total == 0:
		text = say("next.needle_greedy")
	default:
		w := o.Why(o.Token)
		text = say("next.needle_says", "U", strconv.FormatFloat(o.Draw, 'f', 6, 64), "Seed", strconv.FormatUint(o.Seed, 10),
			"N", decimal(o.Position), "Piece", n.v.piece(o.Token), "Lo", view.Number(w.Lo), "Hi", view.Number(w.Hi))
		if n.steps.Rest > 0 {
			text += " " + n.v.c.words.count("next.needle_rest", n.steps.Rest)
		}
	}
	n.says.show(text)
	n.element.setAttr("aria-label", n.v.c.words.say("next.needle"))
}

// paint draws the curve and writes its axis and the names of its first steps.
func (n *nextNeedle) paint() {
	theme := n.v.c.theme
	n.pen.begin(n.surface)
	if len(n.steps.Tokens) == 0 || n.width == 0 {
		return
	}
	device := func(rem float64) int { return int(math.Round(rem * theme.rem * n.ratio)) }
	box := paint.Rect{X: device(needleLeft), Y: device(needleTop)}
	box.W, box.H = n.deviceWidth()-box.X-1, n.deviceHeight()-box.Y-device(needleBottom)
	if box.Empty() {
		return
	}
	n.picture.Resize(n.deviceWidth(), n.deviceHeight())
	n.picture.Clear(theme.paint.Paper)
	n.curve.Layout(box, len(n.steps.Tokens), len(n.steps.Tokens) > linearSteps)
	n.curve.Paint(n.picture, theme.paint, n.steps.Cumulative, float32(n.of.Draw), max(1, device(0.1)))
	if n.cursor >= 0 {
		n.picture.Frame(n.curve.Step(n.cursor), max(1, device(0.07)), theme.paint.Ink)
	}
	n.surface.show(n.picture, 0, 0)

	pen := n.pen
	left, top := float64(box.X)/n.ratio, float64(box.Y)/n.ratio
	width, height := float64(box.W)/n.ratio, float64(box.H)/n.ratio
	pen.letter(theme.font(theme.mono, 0.72), "right")
	pen.fill(theme.quiet)
	for _, share := range []float64{0, 0.5, 1} {
		pen.text(strconv.FormatFloat(share, 'g', -1, 64), left-0.4*theme.rem, top+height*(1-share)+0.25*theme.rem)
	}
	u := strconv.FormatFloat(n.of.Draw, 'f', 3, 64)
	if at := n.of.Draw; math.Abs(at) > 0.08 && math.Abs(at-0.5) > 0.08 && math.Abs(at-1) > 0.08 {
		pen.fill(theme.mark)
		pen.text(u, left-0.4*theme.rem, top+height*(1-at)+0.25*theme.rem)
	}
	pen.letter(theme.font(theme.mono, 0.76), "center")
	for i, id := range n.steps.Tokens {
		step := n.curve.Step(i)
		label := "…"
		if id >= 0 {
			label = n.v.piece(id)
		}
		w := float64(step.W) / n.ratio
		if pen.width(label)+0.5*theme.rem > w {
			continue
		}
		pen.fill(theme.quiet)
		if id == n.of.Token {
			pen.fill(theme.mark)
		}
		pen.text(label, float64(step.X)/n.ratio+w/2, min(top+height+1.05*theme.rem, n.height-2))
		if float64(step.X)/n.ratio > left+width {
			break
		}
	}
}

// linearSteps is up to how many steps each is as wide as the others; beyond,
// the first ones get more room.
const linearSteps = 12
