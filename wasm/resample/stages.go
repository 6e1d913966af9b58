package resample

import (
	"slices"

	"vitrine/engine/sampler"
)

// Card is one stage of the pipeline as the page shows it: those of the order
// that the page can set, and others where they had something to do.
type Card struct {
	Kind  sampler.Kind
	Stage int // index in Report.Stages, −1 if the stage is off
}

// always are the stages that are shown also when they are off.
var always = []sampler.Kind{
	sampler.Raw, sampler.RepetitionPenalty, sampler.FrequencyPenalty, sampler.PresencePenalty,
	sampler.Temperature, sampler.MinP, sampler.TopK, sampler.TopP,
}

// Cards lists the stages of the report's order from the logits to the draw.
func Cards(r *sampler.Report) []Card {
	var cards []Card
	for _, kind := range r.Order.Stages() {
		at := StageOf(r, kind)
		if at >= 0 || slices.Contains(always, kind) {
			cards = append(cards, Card{kind, at})
		}
	}
	return cards
}

// StageOf is the index of the stage of that kind in the report, −1 if it was off.
func StageOf(r *sampler.Report, kind sampler.Kind) int {
	return slices.IndexFunc(r.Stages, func(s sampler.Stage) bool { return s.Kind == kind })
}

// Row is a candidate as the page lists it.
type Row struct {
	sampler.Candidate
	Rank   int     // in the order of the draw, 1 for the first
	Before float64 // probability as the model gave it
	After  float64 // probability in the distribution that was drawn from, 0 if it was removed
	Drawn  bool
}

// Rows lists the first n tokens in the order of the draw, and after them those
// of also that are not among them, each once.
func Rows(r *sampler.Report, n int, also ...int32) []Row {
	last := len(r.Stages) - 1
	rows := make([]Row, 0, n+len(also))
	add := func(c sampler.Candidate, rank int) {
		rows = append(rows, Row{
			Candidate: c, Rank: rank, Before: c.Probs[0], After: c.Probs[last], Drawn: c.Token == r.Token,
		})
	}
	for i, c := range r.Candidates(n) {
		add(c, i+1)
	}
	for _, id := range also {
		if id < 0 || int(id) >= r.Vocab() || slices.ContainsFunc(rows, func(row Row) bool { return row.Token == id }) {
			continue
		}
		c := sampler.Candidate{Token: id, Removed: -1, Logits: make([]float32, last+1), Probs: make([]float64, last+1)}
		for i := range r.Stages {
			c.Logits[i], c.Probs[i] = r.LogitAt(i, id), r.ProbAt(i, id)
		}
		v := r.Why(id)
		switch v.Fate {
		case sampler.Removed, sampler.NeverThere:
			c.Removed = v.Stage
		default:
			c.Lo, c.Hi = v.Lo, v.Hi
		}
		add(c, v.Rank)
	}
	return rows
}

// Ladder is the cumulative distribution that was drawn from, as steps for the
// page's curve: one a candidate, the last one all that are left together where
// there are more than n.
type Ladder struct {
	Tokens     []int32   // one a step; −1 for the step of the rest
	Cumulative []float32 // probability of the steps up to each
	Rest       int       // tokens in the last step, if its token is −1
}

// Steps makes the ladder of at most n steps, n ≥ 2.
func Steps(r *sampler.Report, n int) Ladder {
	var l Ladder
	kept := r.Kept
	if kept > n {
		l.Rest = kept - (n - 1)
		kept = n - 1
	}
	for _, c := range r.Candidates(kept) {
		l.Tokens = append(l.Tokens, c.Token)
		l.Cumulative = append(l.Cumulative, float32(c.Hi))
	}
	if l.Rest > 0 {
		l.Tokens = append(l.Tokens, -1)
		l.Cumulative = append(l.Cumulative, 1)
	}
	return l
}
