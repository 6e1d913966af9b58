//go:build js && wasm

package main

import (
	"strconv"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// vectorsView shows where the tokens are at a layer: the chosen token's vector
// as a strip, all of them on a map, how long they are, and what is near in the
// vocabulary. The layer is the page's; the slider here counts one further, to the
// vector after the final norm.
type vectorsView struct {
	c      *client
	slider page.Element
	run    page.Element
	says   *page.TextCell
	chart  *vectorMap
	strip  *vectorStrip
	near   *nearTokens
	norms  *vectorNorms

	playing bool
	timer   js.Value
	touched float64 // when something last changed, as [now] has it
	asking  bool    // a look at what to ask is due
	stale   bool    // the controls do not show the layer
}

func newVectorsView(c *client) *vectorsView {
	v := &vectorsView{c: c, slider: page.ByID("vector-layer"), run: page.ByID("vector-run"), says: page.NewTextCell(page.ByID("vector-layer-says"))}
	v.chart, v.strip, v.near, v.norms = newVectorMap(v), newVectorStrip(v), newNearTokens(v), newVectorNorms(v)
	v.run.OnClick(v.toggle)
	v.slider.On("input", func(jsEvent) {
		v.halt()
		if layer, err := strconv.Atoi(v.slider.FieldValue()); err == nil {
			v.chooseLayer(layer)
		}
	})
	return v
}

func (v *vectorsView) name() string      { return "vectors" }
func (v *vectorsView) needs() wire.Views { return 0 }
func (v *vectorsView) ready() bool {
	return len(v.c.shown.Tokens()) > 0 && v.c.shown.Remote() == nil
}

// layers is how many layers the model has.
func (v *vectorsView) layers() int { return int(v.c.shown.Model().Layers) }

// layer is the layer that is shown, 0 … layers.
func (v *vectorsView) layer() int { return min(v.c.at.layer, v.layers()) }

func (v *vectorsView) chooseLayer(layer int) {
	v.c.choosePlace(min(max(layer, 0), v.layers()), -1, v.c.at.key)
}

// writing reports whether the view leaves the engine in peace: every question
// runs a position through the model again, and would slow the answer down that
// the reader waits for.
func (v *vectorsView) writing() bool { return v.c.replay == nil && v.c.play.running() }

// busy is writing, but for a token that the reader chose.
func (v *vectorsView) busy() bool { return v.writing() && v.c.following }

// vectorQuery asks for the chosen token's vector.
func (v *vectorsView) vectorQuery() wire.Query {
	return wire.Query{What: wire.QueryVector, Position: uint32(max(v.c.position(), 0)), Layer: uint16(v.layer())}
}

// piece is what the token at a position stands for, to be read.
func (v *vectorsView) piece(position int) string {
	tokens := v.c.shown.Tokens()
	if position < 0 || position >= len(tokens) {
		return ""
	}
	return session.Label(tokens[position].Bytes)
}

func (v *vectorsView) update(what change) {
	v.stale = true
	v.run.SetHidden(v.c.still)
	if v.c.still && v.playing {
		v.halt()
	}
	v.near.update(what)
	v.touched = page.Now()
	v.askSoon(calm)
	v.chart.update(what)
	v.strip.update(what)
	v.norms.update(what)
}

// calm is how long nothing has to change before the view asks, in milliseconds:
// a layer or token that is passed on the way to another is not asked about, and a
// question does not slip in before an answer that is about to be written.
const calm = 120

func (v *vectorsView) askSoon(milliseconds float64) {
	if v.asking {
		return
	}
	v.asking = true
	page.After(int(milliseconds)+1, func() {
		v.asking = false
		if left := v.touched + calm - page.Now(); left > 0 {
			v.askSoon(left)
		} else {
			v.ask()
		}
	})
}

// ask asks for what is not there yet.
func (v *vectorsView) ask() {
	if v.c.tabs.name() != v.name() || v.c.position() < 0 {
		return
	}
	if !v.busy() {
		v.c.ask(v.vectorQuery())
		v.c.ask(wire.Query{What: wire.QueryNeighbours, Token: v.near.of()})
	}
	if !v.writing() {
		v.c.ask(wire.Query{What: wire.QueryProjection})
	}
}

func (v *vectorsView) frame(t float64) (again bool) {
	if v.stale {
		v.stale = false
		v.showLayer()
	}
	v.strip.frame()
	v.near.frame()
	v.norms.frame()
	return v.chart.frame(t)
}

// showLayer brings the slider and its words to the layer.
func (v *vectorsView) showLayer() {
	layer, layers := v.layer(), v.layers()
	v.slider.SetAttr("max", page.Decimal(max(layers, 1)))
	if v.slider.FieldValue() != page.Decimal(layer) {
		v.slider.SetValue(page.Decimal(layer))
	}
	key := "vectors.at_layer"
	switch layer {
	case 0:
		key = "vectors.at_embedding"
	case layers:
		key = "vectors.at_norm"
	}
	words := v.c.words.Say(key, "N", page.Decimal(layer), "Layers", page.Decimal(layers))
	v.says.Show(words)
	v.slider.SetAttr("aria-valuetext", words)
	v.run.SetFlag("data-running", v.playing)
	if v.playing {
		v.c.words.Name(v.run, "vectors.pause")
	} else {
		v.c.words.Name(v.run, "vectors.run")
	}
}

// layerPause is how long each layer stands while they play, the motion to it
// included, in milliseconds.
const layerPause = 620

func (v *vectorsView) toggle() {
	if v.playing {
		v.halt()
		return
	}
	v.playing = true
	if v.layer() == v.layers() {
		v.chooseLayer(0)
	} else {
		v.chooseLayer(v.layer() + 1)
	}
	v.timer = page.After(layerPause, v.tick)
}

// tick goes one layer on, as long as the view is open.
func (v *vectorsView) tick() {
	if !v.playing {
		return
	}
	if v.c.tabs.name() != v.name() || v.layer() >= v.layers() {
		v.halt()
		return
	}
	v.chooseLayer(v.layer() + 1)
	v.timer = page.After(layerPause, v.tick)
}

func (v *vectorsView) halt() {
	page.CancelTimer(v.timer)
	v.playing, v.stale = false, true
	v.c.wake()
}
