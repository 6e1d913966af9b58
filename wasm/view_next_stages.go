//go:build js && wasm

package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"vitrine/engine/sampler"
	"vitrine/visualizer/view"
	"vitrine/wasm/page"
	"vitrine/wasm/resample"
)

// nextStages is the pipeline: the stages in the order in which they run, each
// with its slider and what it did.
type nextStages struct {
	v      *nextView
	list   page.Element
	cards  map[string]*stageCard // by the stage's name
	seed   page.Element
	shown  []string // names of the cards in sight, in order
	kindOf map[string]sampler.Kind
}

// stageCard is one stage in the page.
type stageCard struct {
	page.Element
	value, flow *page.TextCell
	slide       page.Element // null if the stage has none
	field       *paramField
}

func newNextStages(v *nextView) *nextStages {
	s := &nextStages{v: v, list: page.ByID("next-stages"), cards: map[string]*stageCard{}, seed: page.ByID("next-seed"), kindOf: map[string]sampler.Kind{}}
	for kind := sampler.Raw; kind <= sampler.Draw; kind++ {
		s.kindOf[kind.String()] = kind
	}
	for _, e := range s.list.FindAll("[data-stage]") {
		name := e.Attr("data-stage")
		card := &stageCard{
			Element: e, value: page.NewTextCell(e.Find("output")), flow: page.NewTextCell(e.Find("small")), slide: e.Find("[type=range]"),
		}
		card.SetHidden(true)
		s.cards[name] = card
		reading := func() page.Reading { return s.reading(s.kindOf[name]) }
		button := e.Find(".name")
		button.OnClick(func() { v.c.inspector.Keep(reading) })
		e.On("pointerenter", func(jsEvent) { v.c.inspector.Point(reading) })
		e.On("pointerleave", func(jsEvent) { v.c.inspector.Leave() })
		button.On("focus", func(jsEvent) { v.c.inspector.Point(reading) })
		button.On("blur", func(jsEvent) { v.c.inspector.Leave() })
		if !card.slide.IsNull() {
			card.field = v.c.params.field(card.slide.Attr("data-param"))
			card.slide.On("input", func(jsEvent) {
				x, _ := strconv.ParseFloat(card.slide.FieldValue(), 64)
				v.c.params.slide(card.field, x)
			})
		}
	}
	s.seed.On("input", func(jsEvent) {
		markWrong(s.seed, !v.c.params.typeSeed(s.seed.FieldValue()))
	})
	page.ByID("next-reseed").OnClick(func() {
		// Of 32 bits, as the server's own: short enough to be read out.
		random := math.Floor(page.Window.Get("Math").Call("random").Float() * (1 << 32))
		v.c.params.typeSeed(strconv.FormatUint(uint64(random), 10))
	})
	return s
}

// show brings the cards to the draw. Without one they keep their places.
func (s *nextStages) show() {
	o, say := s.v.outcome, s.v.c.words.Say
	if !page.Document.Get("activeElement").Equal(s.seed.Value) {
		text, wrong := s.v.c.params.seedText()
		s.seed.SetValue(text)
		markWrong(s.seed, wrong)
	}
	for _, card := range s.cards {
		if card.field != nil {
			card.slide.SetValue(strconv.FormatFloat(card.field.Get(&s.v.c.params.now), 'g', -1, 64))
		}
	}
	if o == nil {
		for _, card := range s.cards {
			card.flow.Show("")
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
		card.SetClass("off", c.Stage < 0)
		card.value.Show(s.value(c))
		if c.Stage < 0 {
			card.flow.Show(say("next.off"))
			continue
		}
		card.flow.Show(s.flow(&o.Stages[c.Stage]))
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
		card.SetHidden(!slices.Contains(names, name))
	}
	focus := page.Document.Get("activeElement")
	for _, name := range names {
		s.list.Append(s.cards[name].Element)
	}
	if focus.Truthy() && s.list.Call("contains", focus).Bool() {
		focus.Call("focus") // moving an element takes the focus from it
	}
}

// value is what the stage is set to.
func (s *nextStages) value(c resample.Card) string {
	if card := s.cards[c.Kind.String()]; card.field != nil {
		return strconv.FormatFloat(card.field.Get(&s.v.c.params.now), 'g', -1, 64)
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
		return w.Say("next.flow_raw", "N", page.Grouped(stage.Out), "Ms", strconv.FormatFloat(s.v.took, 'f', 0, 64))
	case stage.Kind == sampler.Draw:
		return w.Count("next.flow_draw", stage.Out)
	case stage.Kind == sampler.Temperature:
		return w.Say("next.entropy", "Bits", view.Number(stage.Entropy))
	case stage.Kind < sampler.Temperature:
		return w.Count("next.flow_changed", stage.Changed)
	case stage.Removed > 0 && stage.Mass > 0:
		return w.Say("next.flow_cut", "In", page.Grouped(stage.In), "Out", page.Grouped(stage.Out), "Mass", view.Percent(stage.Mass))
	}
	return w.Say("next.flow", "In", page.Grouped(stage.In), "Out", page.Grouped(stage.Out))
}

// reading is what the inspector says about a stage.
func (s *nextStages) reading(kind sampler.Kind) page.Reading {
	o, say := s.v.outcome, s.v.c.words.Say
	r := page.Reading{Title: say("next.read_stage", "Name", s.v.stageName(kind)), Fn: resample.Func(kind)}
	switch {
	case kind == sampler.Raw:
		r.Note = say("next.note_raw")
	case kind == sampler.Temperature:
		r.Note = say("next.note_temperature")
	case kind < sampler.Temperature:
		r.Note = say("next.note_edit")
	case kind == sampler.Draw:
		r.Note = say("next.note_draw")
	default:
		r.Note = say("next.note_cut")
	}
	if o == nil {
		return r
	}
	at := resample.StageOf(&o.Report, kind)
	if at < 0 {
		r.Value = say("next.off")
		return r
	}
	stage := &o.Stages[at]
	r.Value = view.Number(stage.Value)
	if kind == sampler.Raw {
		r.Value = page.Grouped(stage.Out)
	}
	r.Shape = page.Grouped(stage.Out) + " × float32"
	for text := range strings.SplitSeq(resample.StageFormula(&o.Report, at), "\n") {
		r.AddLine(text)
	}
	r.By = resample.FuncFormula
	r.AddFact(s.v.c.words, "next.read_in", page.Grouped(stage.In))
	r.AddFact(s.v.c.words, "next.read_out", page.Grouped(stage.Out))
	if stage.Removed > 0 {
		r.AddFact(s.v.c.words, "next.read_removed", page.Grouped(stage.Removed))
		r.AddFact(s.v.c.words, "next.read_mass", view.Percent(stage.Mass))
	}
	if stage.Changed > 0 {
		r.AddFact(s.v.c.words, "next.read_changed", page.Grouped(stage.Changed))
	}
	if stage.Threshold != 0 {
		r.AddFact(s.v.c.words, "next.read_threshold", strconv.FormatFloat(stage.Threshold, 'g', 9, 64))
	}
	if kind == sampler.Draw {
		r.AddFact(s.v.c.words, "next.read_total", strconv.FormatUint(o.Needle, 10)+" / "+strconv.FormatUint(o.Total, 10))
	}
	entropy := view.Number(stage.Entropy)
	r.AddFact(s.v.c.words, "next.read_entropy", say("next.entropy", "Bits", entropy))
	r.AddFact(s.v.c.words, "next.read_perplexity", "2^"+entropy+" = "+view.Number(math.Exp2(stage.Entropy)))
	r.Note += " " + say("next.note_entropy")
	return r
}
