//go:build js && wasm

package main

import (
	"strconv"
	"strings"

	"vitrine/visualizer/wire"
	"vitrine/wasm/link"
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
	*link.Number
	slide, number page.Element // number says what the sampler takes: its min, max and step
	usual         float64      // where the page starts
}

func newParams(c *client) *params {
	p := &params{c: c, seed: page.ByID("param-seed"), order: page.ByID("param-order"), pastEnd: page.ByID("param-ignore-eos")}
	for _, row := range page.ByID("params").FindAll("[data-param]") {
		id := row.Attr("data-param")
		f := &paramField{
			Number: numberOf(id),
			slide:  page.ByID("slide-" + id),
			number: page.ByID("param-" + id),
		}
		f.usual, _ = strconv.ParseFloat(f.number.Attr("value"), 64)
		f.Put(&p.now, f.usual)
		f.show(f.usual, true)
		p.fields = append(p.fields, f)
		f.slide.On("input", func(jsEvent) {
			v, _ := strconv.ParseFloat(f.slide.FieldValue(), 64)
			f.Put(&p.now, v)
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

// numberOf is the parameter that the markup names id.
func numberOf(id string) *link.Number {
	if id == "max-tokens" {
		id = "n"
	}
	for i := range link.Numbers {
		if link.Numbers[i].Name == id {
			return &link.Numbers[i]
		}
	}
	panic("the page has no parameter " + id)
}

// touch tells everyone that the parameters changed by hand.
func (p *params) touch() {
	p.touched = true
	p.c.changed(change{page: changedParams})
}

// typed takes what stands in a number field, if the sampler takes it.
func (p *params) typed(f *paramField) {
	if f.check() {
		v, _ := strconv.ParseFloat(f.number.FieldValue(), 64)
		f.Put(&p.now, v)
		f.show(v, true)
		p.touch()
	}
}

// check marks a number that the sampler does not take, and reports whether it
// takes it. The markup has beside the field what would be right.
func (f *paramField) check() bool {
	right := f.number.Call("checkValidity").Bool()
	markWrong(f.number, !right)
	return right
}

// markWrong marks a field whose content cannot be used: what would be right
// then stands beside it, and nothing is sent.
func markWrong(field page.Element, wrong bool) {
	field.SetAttr("aria-invalid", strconv.FormatBool(wrong))
}

// right reports whether all parameters can be used; the first that cannot gets
// the focus.
func (p *params) right() bool {
	wrong := page.ByID("params").Find(wrongField)
	if wrong.IsNull() {
		return true
	}
	page.ByID("more-params").Set("open", true)
	wrong.Focus()
	return false
}

const wrongField = `[aria-invalid="true"]`

// show writes the value beside the control that it came from.
func (f *paramField) show(v float64, typed bool) {
	f.slide.SetValue(strconv.FormatFloat(v, 'g', -1, 64))
	if !typed || f.number.FieldValue() == "" {
		f.number.SetValue(strconv.FormatFloat(v, 'g', -1, 64))
	}
	f.check()
}

// set takes parameters from elsewhere: a link, which may not say how long an answer is,
// or the server's session.
func (p *params) set(to wire.Params) {
	if to.MaxTokens == 0 {
		n := p.field("n")
		n.Put(&to, n.usual)
	}
	p.now = to
	for _, f := range p.fields {
		v := f.Get(&p.now)
		f.number.SetValue("")
		f.show(v, false)
	}
	p.seed.SetValue("")
	markWrong(p.seed, false)
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
		f.Put(&to, f.usual)
	}
	p.touched = true
	p.set(to)
}

func (p *params) readSeed() {
	text := strings.TrimSpace(p.seed.FieldValue())
	seed, err := strconv.ParseUint(text, 10, 64)
	markWrong(p.seed, text != "" && err != nil)
	switch {
	case text == "":
		p.now.Seed, p.now.HasSeed = 0, false
	case err == nil:
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
	if !p.touched && !link.SameNumbers(&state.Params, &p.now) {
		p.set(state.Params)
	}
}
