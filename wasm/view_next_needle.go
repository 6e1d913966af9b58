//go:build js && wasm

package main

import (
	"math"
	"slices"
	"strconv"
	"syscall/js"

	"vitrine/engine/sampler"
	"vitrine/visualizer/paint"
	"vitrine/visualizer/view"
	"vitrine/wasm/page"
	"vitrine/wasm/resample"
)

// nextNeedle shows the draw: the cumulative distribution as steps, one a
// candidate, and the uniform number as a needle that falls on one of them.
type nextNeedle struct {
	v       *nextView
	element page.Element
	*page.Surface
	pen     *page.Pen
	picture *paint.Canvas
	curve   paint.Curve
	says    *page.TextCell
	steps   resample.Ladder
	of      *resample.Outcome // that steps are of
	cursor  int               // step under the pointer or the keys, −1 for none
}

// needleSteps is how many steps the curve has at most; where more tokens are
// left, the last step is all others together.
const needleSteps = 256

func newNextNeedle(v *nextView) *nextNeedle {
	n := &nextNeedle{
		v: v, element: page.ByID("next-needle"), picture: paint.NewCanvas(0, 0), says: page.NewTextCell(page.ByID("next-needle-says")), cursor: -1,
	}
	n.Surface = page.NewSurface(n.element.Find("canvas"), func() { v.c.changed(change{page: changedSize}) })
	n.pen = page.NewPen(n.Surface)
	n.element.On("pointermove", func(event js.Value) {
		x, y := n.Point(event)
		step, ok := n.curve.At(int(x*n.Ratio), int(y*n.Ratio))
		if !ok {
			step = -1
		}
		n.moveTo(step)
	})
	n.element.On("pointerleave", func(jsEvent) { n.moveTo(-1) })
	n.element.On("blur", func(jsEvent) { n.moveTo(-1) })
	n.element.On("click", func(jsEvent) { n.lock() })
	n.element.On("keydown", func(event js.Value) {
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
		n.v.c.inspector.Leave()
		n.v.c.wake()
		return
	}
	n.v.c.inspector.Point(n.reading(step))
}

// lock keeps the reading of the step that is pointed at, or of the draw itself.
func (n *nextNeedle) lock() {
	switch {
	case n.cursor < 0 || n.cursor >= len(n.steps.Tokens):
		n.v.c.inspector.Keep(func() page.Reading { return n.v.stages.reading(sampler.Draw) })
	case n.steps.Tokens[n.cursor] >= 0:
		n.v.choose(n.steps.Tokens[n.cursor])
	default:
		n.v.c.inspector.Keep(n.reading(n.cursor))
	}
}

// reading is what the inspector says about a step.
func (n *nextNeedle) reading(step int) func() page.Reading {
	if id := n.steps.Tokens[step]; id >= 0 {
		return func() page.Reading { return n.v.tokenReading(id) }
	}
	rest, share := n.steps.Rest, 1.0
	if step > 0 {
		share = 1 - float64(n.steps.Cumulative[step-1])
	}
	return func() page.Reading {
		return page.Reading{
			Title: n.v.c.words.Say("next.step"), Value: view.Percent(share),
			Note: n.v.c.words.Count("next.needle_rest", rest), Fn: resample.Func(sampler.Draw),
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
	o, say := n.v.outcome, n.v.c.words.Say
	text := ""
	switch {
	case o == nil:
	case o.Total == 0:
		text = say("next.needle_greedy")
	default:
		w := o.Why(o.Token)
		text = say("next.needle_says", "U", strconv.FormatFloat(o.Draw, 'f', 6, 64), "Seed", strconv.FormatUint(o.Seed, 10),
			"N", page.Decimal(o.Position), "Piece", n.v.piece(o.Token), "Lo", view.Number(w.Lo), "Hi", view.Number(w.Hi))
		if n.steps.Rest > 0 {
			text += " " + n.v.c.words.Count("next.needle_rest", n.steps.Rest)
		}
	}
	n.says.Show(text)
	n.element.SetAttr("aria-label", n.v.c.words.Say("next.needle"))
}

// paint draws the curve and writes its axis and the names of its first steps.
func (n *nextNeedle) paint() {
	theme := n.v.c.theme
	n.pen.Begin(n.Surface)
	if len(n.steps.Tokens) == 0 || n.Width == 0 {
		return
	}
	device := func(rem float64) int { return int(math.Round(rem * theme.Rem * n.Ratio)) }
	box := paint.Rect{X: device(needleLeft), Y: device(needleTop)}
	box.W, box.H = n.DeviceWidth()-box.X-1, n.DeviceHeight()-box.Y-device(needleBottom)
	if box.Empty() {
		return
	}
	n.picture.Resize(n.DeviceWidth(), n.DeviceHeight())
	n.picture.Clear(theme.Paint.Paper)
	n.curve.Layout(box, len(n.steps.Tokens), len(n.steps.Tokens) > linearSteps)
	n.curve.Paint(n.picture, theme.Paint, n.steps.Cumulative, float32(n.of.Draw), max(1, device(0.1)))
	if n.cursor >= 0 {
		n.picture.Frame(n.curve.Step(n.cursor), max(1, device(0.07)), theme.Paint.Ink)
	}
	n.Surface.Show(n.picture, 0, 0)

	pen := n.pen
	left, top := float64(box.X)/n.Ratio, float64(box.Y)/n.Ratio
	width, height := float64(box.W)/n.Ratio, float64(box.H)/n.Ratio
	pen.Letter(theme.Font(theme.Mono, 0.72), "right")
	pen.Fill(theme.Quiet)
	for _, share := range []float64{0, 0.5, 1} {
		if math.Abs(n.of.Draw-share) < 0.08 {
			continue // u itself is more to the point
		}
		pen.Text(strconv.FormatFloat(share, 'g', -1, 64), left-0.4*theme.Rem, top+height*(1-share)+0.25*theme.Rem)
	}
	pen.Fill(theme.Mark)
	pen.Text(strconv.FormatFloat(n.of.Draw, 'f', 3, 64), left-0.4*theme.Rem, top+height*(1-n.of.Draw)+0.25*theme.Rem)

	// The token that is drawn has its name whatever room its step has; the others have
	// theirs where they are as wide as it and clear of that one.
	pen.Letter(theme.Font(theme.Mono, 0.76), "center")
	line := min(top+height+1.05*theme.Rem, n.Height-2)
	middle := func(i int) (x, w float64) {
		step := n.curve.Step(i)
		w = float64(step.W) / n.Ratio
		return float64(step.X)/n.Ratio + w/2, w
	}
	from, to := 0.0, 0.0 // of the drawn token's name
	if i := slices.Index(n.steps.Tokens, n.of.Token); i >= 0 {
		label := n.v.piece(n.of.Token)
		half := pen.Width(label) / 2
		x, _ := middle(i)
		x = max(min(x, left+width-half), half)
		pen.Text(label, x, line)
		from, to = x-half-0.5*theme.Rem, x+half+0.5*theme.Rem
	}
	pen.Fill(theme.Quiet)
	for i, id := range n.steps.Tokens {
		label := "…"
		if id >= 0 {
			label = n.v.piece(id)
		}
		x, w := middle(i)
		half := pen.Width(label) / 2
		if id == n.of.Token || 2*half+0.5*theme.Rem > w || x+half > from && x-half < to {
			continue
		}
		pen.Text(label, x, line)
	}
}

// linearSteps is up to how many steps each is as wide as the others; beyond,
// the first ones get more room.
const linearSteps = 12
