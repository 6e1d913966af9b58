//go:build js && wasm

package main

import (
	"math"
	"strconv"
	"strings"

	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// params are the sampling parameters as the sliders and fields have them.
type params struct {
	c       *client
	now     wire.Params
	touched bool // the person set something since the page was opened
	fields  []*paramField
	seed    page.Element
	order   page.Element
	pastEnd page.Element
}

// paramField is one number with its slider.
type paramField struct {
	label           string // message key of its name
	slide, number   page.Element
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
	p := &params{c: c, seed: page.ByID("param-seed"), order: page.ByID("param-order"), pastEnd: page.ByID("param-ignore-eos")}
	for _, row := range page.ByID("params").FindAll("[data-param]") {
		id := row.Attr("data-param")
		f := &paramField{
			label:    row.Find("[data-t]").Attr("data-t"),
			slide:    page.ByID("slide-" + id),
			number:   page.ByID("param-" + id),
			at:       paramPlaces[id],
			least:    bound(row.Find("[type=number]").Attr("min"), math.Inf(-1)),
			greatest: bound(row.Find("[type=number]").Attr("max"), math.Inf(1)),
		}
		f.usual, _ = strconv.ParseFloat(f.number.Attr("value"), 64)
		f.put(&p.now, f.usual)
		f.show(f.usual, true)
		p.fields = append(p.fields, f)
		f.slide.On("input", func(jsEvent) {
			v, _ := strconv.ParseFloat(f.slide.FieldValue(), 64)
			f.put(&p.now, v)
			f.show(v, false)
			p.touch()
		})
		f.number.On("input", func(jsEvent) { p.typed(f) })
	}
	p.seed.On("input", func(jsEvent) {
		p.readSeed()
		p.touch()
	})
	page.ByID("seed-keep").OnClick(p.keepSeed)
	p.order.On("change", func(jsEvent) {
		order, _ := strconv.Atoi(p.order.FieldValue())
		p.now.Order = uint8(order)
		p.touch()
	})
	p.pastEnd.On("change", func(jsEvent) {
		p.now.IgnoreEOS = p.pastEnd.Get("checked").Bool()
		p.touch()
	})
	page.ByID("params-reset").OnClick(p.reset)
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
	v, err := strconv.ParseFloat(strings.TrimSpace(f.number.FieldValue()), 64)
	if err != nil || math.IsNaN(v) || v < f.least || v > f.greatest || math.Abs(v) > math.MaxInt32 {
		f.number.SetAttr("aria-invalid", "true")
		f.number.SetAttr("title", p.limits(f))
		return
	}
	f.put(&p.now, v)
	f.show(v, true)
	p.touch()
}

// limits says in words what a field takes.
func (p *params) limits(f *paramField) string {
	name, least := p.c.words.Say(f.label), strconv.FormatFloat(f.least, 'g', -1, 64)
	if math.IsInf(f.greatest, 1) {
		return p.c.words.Say("params.invalid", "Name", name, "Least", least)
	}
	return p.c.words.Say("params.invalid_range", "Name", name, "Least", least,
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
	f.slide.SetValue(strconv.FormatFloat(v, 'g', -1, 64))
	if !typed || f.number.FieldValue() == "" {
		f.number.SetValue(strconv.FormatFloat(v, 'g', -1, 64))
	}
	f.number.Call("removeAttribute", "aria-invalid")
	f.number.Call("removeAttribute", "title")
}

// set takes parameters from elsewhere: a link, or the server's session.
func (p *params) set(to wire.Params) {
	p.now = to
	for _, f := range p.fields {
		v := f.get(&p.now)
		f.number.SetValue("")
		f.show(v, false)
	}
	p.seed.SetValue("")
	if to.HasSeed {
		p.seed.SetValue(strconv.FormatUint(to.Seed, 10))
	}
	p.order.SetValue(strconv.Itoa(int(to.Order)))
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
	text := strings.TrimSpace(p.seed.FieldValue())
	seed, err := strconv.ParseUint(text, 10, 64)
	p.seed.SetFlag("aria-invalid", false)
	switch {
	case text == "":
		p.now.Seed, p.now.HasSeed = 0, false
	case err != nil:
		p.seed.SetAttr("aria-invalid", "true")
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
	p.seed.SetValue(strconv.FormatUint(state.Seed, 10))
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
