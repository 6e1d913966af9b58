//go:build js && wasm

package main

import "strconv"

// A view may have controls of its own for the parameters. They are the same
// parameters as the chat's: what one control sets, the others show.

// field is the parameter that the markup names id.
func (p *params) field(id string) *paramField {
	for _, f := range p.fields {
		if f.Number == numberOf(id) {
			return f
		}
	}
	panic("the page has no field for " + id)
}

// slide sets a parameter to where a view's slider stands.
func (p *params) slide(f *paramField, v float64) {
	f.Put(&p.now, v)
	f.show(v, false)
	p.touch()
}

// typeSeed takes what was typed as the seed elsewhere; it reports whether it is one.
func (p *params) typeSeed(text string) bool {
	p.seed.SetValue(text)
	p.readSeed()
	p.touch()
	return !p.seedWrong()
}

func (p *params) seedWrong() bool { return p.seed.Attr("aria-invalid") == "true" }

// seedText is what a view's field for the seed shows: the seed of the next draw, or what
// was typed where that is none, for then nothing is sent before it is put right.
func (p *params) seedText() (text string, wrong bool) {
	seed := p.c.shown.State().Seed
	switch {
	case p.seedWrong():
		return p.seed.FieldValue(), true
	case p.now.HasSeed:
		seed = p.now.Seed
	}
	return strconv.FormatUint(seed, 10), false
}

// chooseOrder sets the order of the sampler's stages.
func (p *params) chooseOrder(order uint8) {
	p.now.Order = order
	p.order.SetValue(strconv.Itoa(int(order)))
	p.touch()
}
