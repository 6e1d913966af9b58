//go:build js && wasm

package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"vitrine/engine/sampler"
	"vitrine/visualizer/view"
	"vitrine/wasm/resample"
)

// nextStages is the pipeline: the stages in the order in which they run, each
// with its slider and what it did.
type nextStages struct {
	v      *nextView
	list   element
	cards  map[string]*stageCard // by the stage's name
	seed   element
	shown  []string // names of the cards in sight, in order
	kindOf map[string]sampler.Kind
}

// stageCard is one stage in the page.
type stageCard struct {
	element
	value, flow *textCell
	slide       element // null if the stage has none
	field       *paramField
}

func newNextStages(v *nextView) *nextStages {
	s := &nextStages{v: v, list: byID("next-stages"), cards: map[string]*stageCard{}, seed: byID("next-seed"), kindOf: map[string]sampler.Kind{}}
	for kind := sampler.Raw; kind <= sampler.Draw; kind++ {
		s.kindOf[kind.String()] = kind
	}
	for _, e := range s.list.findAll("[data-stage]") {
		name := e.attr("data-stage")
		card := &stageCard{
			element: e, value: newTextCell(e.find("output")), flow: newTextCell(e.find("small")), slide: e.find("[type=range]"),
		}
		card.setHidden(true)
		s.cards[name] = card
		reading := func() reading { return s.reading(s.kindOf[name]) }
		button := e.find(".name")
		button.onClick(func() { v.c.inspector.keep(reading) })
		e.on("pointerenter", func(jsEvent) { v.c.inspector.point(reading) })
		e.on("pointerleave", func(jsEvent) { v.c.inspector.leave() })
		button.on("focus", func(jsEvent) { v.c.inspector.point(reading) })
		button.on("blur", func(jsEvent) { v.c.inspector.leave() })
		if !card.slide.IsNull() {
			card.field = v.c.params.field(card.slide.attr("data-param"))
			card.slide.on("input", func(jsEvent) {
				x, _ := strconv.ParseFloat(card.slide.value(), 64)
				v.c.params.slide(card.field, x)
			})
		}
	}
	s.seed.on("input", func(jsEvent) {
		s.seed.setFlag("aria-invalid", false)
		if !v.c.params.typeSeed(s.seed.value()) {
			s.seed.setAttr("aria-invalid", "true")
		}
	})
	byID("next-reseed").onClick(func() {
		// Of 32 bits, as the server's own: short enough to be read out.
		random := math.Floor(window.Get("Math").Call("random").Float() * (1 << 32))
		v.c.params.typeSeed(strconv.FormatUint(uint64(random), 10))
	})
	return s
}

// show brings the cards to the draw. Without one they keep their places.
func (s *nextStages) show() {
	o, say := s.v.outcome, s.v.c.words.say
	if !document.Get("activeElement").Equal(s.seed.Value) {
		seed := s.v.c.shown.State().Seed
		if p := &s.v.c.params.now; p.HasSeed {
			seed = p.Seed
		}
		s.seed.setValue(strconv.FormatUint(seed, 10))
	}
	for _, card := range s.cards {
		if card.field != nil {
			card.slide.setValue(strconv.FormatFloat(card.field.get(&s.v.c.params.now), 'g', -1, 64))
		}
	}
	if o == nil {
		for _, card := range s.cards {
			card.flow.show("")
		}
		return
	}
	cards := resample.Cards(&o.Report)
	s.arrange(cards)
	for _, c := range cards {
		card := s.cards[c.Kind.String()]
		if card == nil {
			continue
		}
		card.setClass("off", c.Stage < 0)
		card.value.show(s.value(c))
		if c.Stage < 0 {
			card.flow.show(say("next.off"))
			continue
		}
		card.flow.show(s.flow(&o.Stages[c.Stage]))
	}
}

// arrange puts the cards into the order of the stages.
func (s *nextStages) arrange(cards []resample.Card) {
	var names []string
	for _, c := range cards {
		if s.cards[c.Kind.String()] != nil {
			names = append(names, c.Kind.String())
		}
	}
	if slices.Equal(names, s.shown) {
		return
	}
	s.shown = names
	for name, card := range s.cards {
		card.setHidden(!slices.Contains(names, name))
	}
	focus := document.Get("activeElement")
	for _, name := range names {
		s.list.append(s.cards[name].element)
	}
	if focus.Truthy() && s.list.Call("contains", focus).Bool() {
		focus.Call("focus") // moving an element takes the focus from it
	}
}

// value is what the stage is set to.
func (s *nextStages) value(c resample.Card) string {
	if card := s.cards[c.Kind.String()]; card.field != nil {
		return strconv.FormatFloat(card.field.get(&s.v.c.params.now), 'g', -1, 64)
	}
	switch c.Kind {
	case sampler.Draw:
		return "u " + strconv.FormatFloat(s.v.outcome.Draw, 'f', 4, 64)
	case sampler.MinTokens, sampler.LogitBias:
		return view.Number(s.v.outcome.Stages[c.Stage].Value)
	}
	return ""
}

// flow says in a few words what a stage did.
func (s *nextStages) flow(stage *sampler.Stage) string {
	w := s.v.c.words
	switch {
	case stage.Kind == sampler.Raw:
		return w.say("next.flow_raw", "N", grouped(stage.Out), "Ms", strconv.FormatFloat(s.v.took, 'f', 0, 64))
	case stage.Kind == sampler.Draw:
		return w.count("next.flow_draw", stage.Out)
	case stage.Kind == sampler.Temperature:
		return w.say("next.entropy", "Bits", view.Number(stage.Entropy))
	case stage.Kind < sampler.Temperature:
		return w.count("next.flow_changed", stage.Changed)
	case stage.Removed > 0 && stage.Mass > 0:
		return w.say("next.flow_cut", "In", grouped(stage.In), "Out", grouped(stage.Out), "Mass", view.Percent(stage.Mass))
	}
	return w.say("next.flow", "In", grouped(stage.In), "Out", grouped(stage.Out))
}

// reading is what the inspector says about a stage.
func (s *nextStages) reading(kind sampler.Kind) reading {
	o, say := s.v.outcome, s.v.c.words.say
	r := reading{title: say("next.read_stage", "Name", s.v.stageName(kind)), fn: resample.Func(kind)}
	switch {
	case kind == sampler.Raw:
		r.note = say("next.note_raw")
	case kind == sampler.Temperature:
		r.note = say("next.note_temperature")
	case kind < sampler.Temperature:
		r.note = say("next.note_edit")
	case kind == sampler.Draw:
		r.note = say("next.note_draw")
	default:
		r.note = say("next.note_cut")
	}
	if o == nil {
		return r
	}
	at := resample.StageOf(&o.Report, kind)
	if at < 0 {
		r.value = say("next.off")
		return r
	}
	stage := &o.Stages[at]
	r.value = view.Number(stage.Value)
	if kind == sampler.Raw {
		r.value = grouped(stage.Out)
	}
	r.shape = grouped(stage.Out) + " × float32"
	for text := range strings.SplitSeq(resample.StageFormula(&o.Report, at), "\n") {
		r.line(text)
	}
	r.by = resample.FuncFormula
	r.fact(s.v.c, "next.read_in", grouped(stage.In))
	r.fact(s.v.c, "next.read_out", grouped(stage.Out))
	if stage.Removed > 0 {
		r.fact(s.v.c, "next.read_removed", grouped(stage.Removed))
		r.fact(s.v.c, "next.read_mass", view.Percent(stage.Mass))
	}
	if stage.Changed > 0 {
		r.fact(s.v.c, "next.read_changed", grouped(stage.Changed))
	}
	if stage.Threshold != 0 {
		r.fact(s.v.c, "next.read_threshold", strconv.FormatFloat(stage.Threshold, 'g', 9, 64))
	}
	if kind == sampler.Draw {
		r.fact(s.v.c, "next.read_total", strconv.FormatUint(o.Needle, 10)+" / "+strconv.FormatUint(o.Total, 10))
	}
	entropy := view.Number(stage.Entropy)
	r.fact(s.v.c, "next.read_entropy", say("next.entropy", "Bits", entropy))
	r.fact(s.v.c, "next.read_perplexity", "2^"+entropy+" = "+view.Number(math.Exp2(stage.Entropy)))
	r.note += " " + say("next.note_entropy")
	return r
}
