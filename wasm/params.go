//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"strings"

	"vitrine/visualizer/wire"
)

// params are the sampling parameters as the sliders and fields have them.
type params struct {
	c       *client
	now     wire.Params
	touched bool // the person set something since the page was opened
	fields  []*paramField
	seed    element
	order   element
	pastEnd element
}

// paramField is one number with its slider.
type paramField struct {
	label           string // message key of its name
	slide, number   element
	least, greatest float64 // what the sampler takes; ±Inf where there is no bound
	usual           float64 // where the page starts
	at              func(*wire.Params) any
}

// paramPlaces names the field of the parameters behind each slider of the markup.
var paramPlaces = map[string]func(*wire.Params) any{
	"temperature":        func(p *wire.Params) any { return &p.Temperature },
	"top-k":              func(p *wire.Params) any { return &p.TopK },
	"top-p":              func(p *wire.Params) any { return &p.TopP },
	"min-p":              func(p *wire.Params) any { return &p.MinP },
	"repetition-penalty": func(p *wire.Params) any { return &p.RepetitionPenalty },
	"presence-penalty":   func(p *wire.Params) any { return &p.PresencePenalty },
	"frequency-penalty":  func(p *wire.Params) any { return &p.FrequencyPenalty },
	"max-tokens":         func(p *wire.Params) any { return &p.MaxTokens },
}

func newParams(c *client) *params {
	p := &params{c: c, seed: byID("param-seed"), order: byID("param-order"), pastEnd: byID("param-ignore-eos")}
	for _, row := range byID("params").findAll("[data-param]") {
		id := row.attr("data-param")
		f := &paramField{
			label:    row.find("[data-t]").attr("data-t"),
			slide:    byID("slide-" + id),
			number:   byID("param-" + id),
			at:       paramPlaces[id],
			least:    bound(row.find("[type=number]").attr("min"), math.Inf(-1)),
			greatest: bound(row.find("[type=number]").attr("max"), math.Inf(1)),
		}
		f.usual, _ = strconv.ParseFloat(f.number.attr("value"), 64)
		f.put(&p.now, f.usual)
		f.show(f.usual, true)
		p.fields = append(p.fields, f)
		f.slide.on("input", func(jsEvent) {
			v, _ := strconv.ParseFloat(f.slide.value(), 64)
			f.put(&p.now, v)
			f.show(v, false)
			p.touch()
		})
		f.number.on("input", func(jsEvent) { p.typed(f) })
	}
	p.seed.on("input", func(jsEvent) {
		p.readSeed()
		p.touch()
	})
	byID("seed-keep").onClick(p.keepSeed)
	p.order.on("change", func(jsEvent) {
		order, _ := strconv.Atoi(p.order.value())
		p.now.Order = uint8(order)
		p.touch()
	})
	p.pastEnd.on("change", func(jsEvent) {
		p.now.IgnoreEOS = p.pastEnd.Get("checked").Bool()
		p.touch()
	})
	byID("params-reset").onClick(p.reset)
	return p
}

func bound(text string, none float64) float64 {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	return none
}

// touch tells everyone that the parameters changed by hand.
func (p *params) touch() {
	p.touched = true
	p.c.changed(change{page: changedParams})
}

// typed takes what stands in a number field, if the sampler takes it.
func (p *params) typed(f *paramField) {
	v, err := strconv.ParseFloat(strings.TrimSpace(f.number.value()), 64)
	if err != nil || math.IsNaN(v) || v < f.least || v > f.greatest || math.Abs(v) > math.MaxInt32 {
		f.number.setAttr("aria-invalid", "true")
		f.number.setAttr("title", p.limits(f))
		return
	}
	f.put(&p.now, v)
	f.show(v, true)
	p.touch()
}

// limits says in words what a field takes.
func (p *params) limits(f *paramField) string {
	name, least := p.c.words.say(f.label), strconv.FormatFloat(f.least, 'g', -1, 64)
	if math.IsInf(f.greatest, 1) {
		return p.c.words.say("params.invalid", "Name", name, "Least", least)
	}
	return p.c.words.say("params.invalid_range", "Name", name, "Least", least,
		"Greatest", strconv.FormatFloat(f.greatest, 'g', -1, 64))
}

// put sets the parameter.
func (f *paramField) put(p *wire.Params, v float64) {
	switch at := f.at(p).(type) {
	case *float32:
		*at = float32(v)
	case *int32:
		*at = int32(v)
	case *uint32:
		*at = uint32(max(v, 0))
	}
}

// get reads the parameter, rounded to what a float32 holds in decimal.
func (f *paramField) get(p *wire.Params) float64 {
	switch at := f.at(p).(type) {
	case *float32:
		v, _ := strconv.ParseFloat(strconv.FormatFloat(float64(*at), 'g', -1, 32), 64)
		return v
	case *int32:
		return float64(*at)
	case *uint32:
		return float64(*at)
	}
	return math.NaN()
}

// show writes the value beside the control that it came from.
func (f *paramField) show(v float64, typed bool) {
	f.slide.setValue(strconv.FormatFloat(v, 'g', -1, 64))
	if !typed || f.number.value() == "" {
		f.number.setValue(strconv.FormatFloat(v, 'g', -1, 64))
	}
	f.number.Call("removeAttribute", "aria-invalid")
	f.number.Call("removeAttribute", "title")
}

// set takes parameters from elsewhere: a link, or the server's session.
func (p *params) set(to wire.Params) {
	p.now = to
	for _, f := range p.fields {
		v := f.get(&p.now)
		f.number.setValue("")
		f.show(v, false)
	}
	p.seed.setValue("")
	if to.HasSeed {
		p.seed.setValue(strconv.FormatUint(to.Seed, 10))
	}
	p.order.setValue(strconv.Itoa(int(to.Order)))
	p.pastEnd.Set("checked", to.IgnoreEOS)
	p.c.changed(change{page: changedParams})
}

// reset goes back to where the page starts.
func (p *params) reset() {
	var to wire.Params
	for _, f := range p.fields {
		f.put(&to, f.usual)
	}
	p.touched = true
	p.set(to)
}

func (p *params) readSeed() {
	text := strings.TrimSpace(p.seed.value())
	seed, err := strconv.ParseUint(text, 10, 64)
	p.seed.setFlag("aria-invalid", false)
	switch {
	case text == "":
		p.now.Seed, p.now.HasSeed = 0, false
	case err != nil:
		p.seed.setAttr("aria-invalid", "true")
	default:
		p.now.Seed, p.now.HasSeed = seed, true
	}
}

// keepSeed puts the seed of the answer that is shown into the field.
func (p *params) keepSeed() {
	state := p.c.shown.State()
	if len(p.c.shown.Tokens()) == 0 {
		return
	}
	p.seed.setValue(strconv.FormatUint(state.Seed, 10))
	p.readSeed()
	p.touch()
}

// adopt takes the parameters of a session that the page joins, unless the
// person has set some here.
func (p *params) adopt(state *wire.State) {
	if !p.touched && !paramsEqual(&state.Params, &p.now) {
		p.set(state.Params)
	}
}

// paramsEqual compares what the page has fields for.
func paramsEqual(a, b *wire.Params) bool {
	return a.Temperature == b.Temperature && a.TopP == b.TopP && a.MinP == b.MinP && a.TopK == b.TopK &&
		a.PresencePenalty == b.PresencePenalty && a.FrequencyPenalty == b.FrequencyPenalty &&
		a.RepetitionPenalty == b.RepetitionPenalty && a.Seed == b.Seed && a.HasSeed == b.HasSeed &&
		a.MaxTokens == b.MaxTokens && a.Order == b.Order && a.IgnoreEOS == b.IgnoreEOS
}
