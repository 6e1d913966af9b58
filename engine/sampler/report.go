package sampler

import "slices"

// Report tells how a token came about: the result and the stages that ran.
// Any token can be asked about with [Report.Why], [Report.LogitAt] and
// [Report.ProbAt].
type Report struct {
	Result
	Order Order
	// Stages starts with [Raw] and ends with [Greedy] or [Draw]. Stages that
	// were off are not in it; [Order.Stages] lists all.
	Stages []Stage
	// Needle and Total are the draw in exact numbers: the weights of the kept
	// tokens add up to Total, and the chosen token's interval holds Needle =
	// ⌊u·Total/2^64⌋. Both 0 if greedy.
	Needle, Total uint64

	raw    []float32 // [vocab] as given
	edited []float32 // [vocab] after bias, bans and penalties

	pending        []edit  // changes of the stage that runs
	pendingAllowed []int32 // its list of allowed tokens
}

// Stage is what one stage did to the distribution.
type Stage struct {
	Kind Kind
	// Value is the stage's parameter: T, k, p, min_p, a penalty, min_tokens, the
	// number of entries in logit_bias, allowed_token_ids or bad_words, the number of
	// tokens that the grammar leaves (StructuredOutputs), the
	// uniform number of Draw. 0 for Raw and Greedy.
	Value float64
	// In and Out count the tokens above −Inf before and after, Removed is the
	// difference. Draw removes nothing: it picks one of those kept.
	In, Out, Removed int
	// Changed counts the logits that an edit changed, removed ones included.
	Changed int
	// Mass is the share of the probability before the stage that the removed tokens had.
	Mass float64
	// Threshold is the number that decided: the k-th largest logit (TopK; −Inf
	// if there are no more than k tokens), the cumulative probability that is kept
	// (TopP), the least probability that stays (MinP), the number of tokens generated so
	// far (MinTokens), the largest logit (Greedy), the uniform number (Draw). 0 for others.
	Threshold float64
	// Entropy is that of the distribution after the stage, in bits.
	Entropy float64

	scale   scale
	total   uint64 // sum of weights after the stage
	last    place  // the last token kept
	edits   []edit // ascending ids; the logits that the stage changed
	allowed []int32
}

// edit is the value that a stage gave one logit.
type edit struct {
	id int32
	z  float32
}

// keeps reports whether a token with that logit after the stage is among those kept.
func (st *Stage) keeps(z float32, id int32) bool {
	return !isNegInf(z) && place{keyOf(z), id}.atOrBefore(st.last)
}

// bans reports whether the stage is a list of allowed tokens without the token.
func (st *Stage) bans(id int32) bool {
	if st.allowed == nil {
		return false
	}
	_, ok := slices.BinarySearch(st.allowed, id)
	return !ok
}

// Vocab returns the number of tokens that the report covers.
func (r *Report) Vocab() int { return len(r.raw) }

// LogitAt returns a token's logit after stage i of Stages, divided by the temperature once that
// stage has run; −Inf if the token is gone by then. For a stage or a token
// that does not exist it is −Inf.
func (r *Report) LogitAt(i int, id int32) float32 {
	if !r.has(i, id) {
		return negInf
	}
	z := r.unscaled(i, id)
	if !r.Stages[i].keeps(z, id) {
		return negInf
	}
	return float32(r.Stages[i].scale.scaled(z))
}

// ProbAt returns a token's probability after stage i of Stages: the softmax over the
// tokens kept. It is 0 for tokens that are gone and for those too improbable to be drawn.
func (r *Report) ProbAt(i int, id int32) float64 {
	if !r.has(i, id) {
		return 0
	}
	st := &r.Stages[i]
	z := r.unscaled(i, id)
	if !st.keeps(z, id) {
		return 0
	}
	return share(st.scale.weight(z), st.total)
}

func (r *Report) has(i int, id int32) bool {
	return i >= 0 && i < len(r.Stages) && inVocab(id, len(r.raw))
}

// unscaled returns a token's logit after the edits up to stage i, before the temperature.
func (r *Report) unscaled(i int, id int32) float32 {
	z := r.raw[id]
	for _, st := range r.Stages[:i+1] {
		if st.bans(id) {
			return negInf
		}
		if at, ok := slices.BinarySearchFunc(st.edits, id, func(e edit, id int32) int { return int(e.id) - int(id) }); ok {
			z = st.edits[at].z
		}
	}
	return z
}

// unscaledRow returns [vocab] what unscaled returns for every token.
func (r *Report) unscaledRow(i int) []float32 {
	row := slices.Clone(r.raw)
	for _, st := range r.Stages[:i+1] {
		for _, e := range st.edits {
			row[e.id] = e.z
		}
		if st.allowed == nil {
			continue
		}
		for id := range row {
			if st.bans(int32(id)) {
				row[id] = negInf
			}
		}
	}
	return row
}

// Candidate is a token with its way through the stages.
type Candidate struct {
	Token int32
	// Logits and Probs are [len(Stages)], the values after each stage as
	// [Report.LogitAt] and [Report.ProbAt] give them.
	Logits []float32
	Probs  []float64
	// Removed is the index of the stage at which the token fell, or −1.
	Removed int
	// Lo and Hi bound the token's interval in the cumulative distribution
	// that was drawn from; equal for tokens that were removed.
	Lo, Hi float64
}

// Candidates returns the first n tokens in the order that the draw walks:
// descending logit after bias and penalties, ties by id, banned tokens last.
func (r *Report) Candidates(n int) []Candidate {
	n = min(max(n, 0), len(r.raw))
	list := make([]Candidate, 0, n)
	if n == 0 || len(r.Stages) == 0 {
		return list
	}
	final := &r.Stages[len(r.Stages)-1]
	var before uint64
	for _, p := range firstOf(r.edited, n) {
		c := Candidate{
			Token:   p.id,
			Logits:  make([]float32, len(r.Stages)),
			Probs:   make([]float64, len(r.Stages)),
			Removed: -1,
		}
		for i := range r.Stages {
			c.Logits[i], c.Probs[i] = r.LogitAt(i, p.id), r.ProbAt(i, p.id)
			if c.Removed < 0 && isNegInf(c.Logits[i]) {
				c.Removed = i
			}
		}
		c.Lo = share(before, final.total)
		if z := r.edited[p.id]; final.keeps(z, p.id) {
			before += final.scale.weight(z)
		}
		c.Hi = share(before, final.total)
		list = append(list, c)
	}
	return list
}
