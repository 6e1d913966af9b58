package sampler

import (
	"math"
	"slices"
)

// The recorder is the sampler's rec field. Each note… method is called where
// something happened and does nothing when nobody asked. What it tells is measured on
// the state that the stages work on, not computed a second time.

// noteStart begins the report of a run.
func (s *Sampler) noteStart(logits []float32, o Order) {
	if s.rec == nil {
		return
	}
	s.rec.Order = o
	s.rec.raw = slices.Clone(logits)
	s.note(Raw, 0, 0)
}

// noteEdit records a changed logit.
func (s *Sampler) noteEdit(id int32, z float32) {
	if s.rec != nil {
		s.rec.pending = append(s.rec.pending, edit{id, z})
	}
}

// noteAllowed records that all other tokens were banned.
func (s *Sampler) noteAllowed(ids []int32) {
	if s.rec != nil {
		ids = slices.Clone(ids)
		slices.Sort(ids)
		s.rec.pendingAllowed = slices.Compact(ids)
	}
}

// noteMask records that all tokens without a bit were banned.
func (s *Sampler) noteMask(mask []uint64) {
	if s.rec == nil {
		return
	}
	ids := []int32{}
	for id := range s.logits {
		if mask[id/64]>>(id%64)&1 != 0 {
			ids = append(ids, int32(id))
		}
	}
	s.rec.pendingAllowed = ids
}

// noteEdited records the logits that the edits arrived at.
func (s *Sampler) noteEdited() {
	if s.rec != nil {
		s.rec.edited = slices.Clone(s.logits)
	}
}

// note records that a stage has run. value and threshold are as in [Stage].
func (s *Sampler) note(kind Kind, value, threshold float64) {
	if s.rec == nil {
		return
	}
	st := Stage{Kind: kind, Value: value, Threshold: threshold, last: s.last}
	st.edits, s.rec.pending = lastOfEach(s.rec.pending), nil
	st.allowed, s.rec.pendingAllowed = s.rec.pendingAllowed, nil
	if s.rec.edited == nil {
		st.Out = s.alive
		st.measureRow(s.scale, s.logits)
	} else {
		s.weigh()
		st.Out = len(s.ids)
		st.measureKept(s)
	}
	if n := len(s.rec.Stages); n == 0 {
		st.In = st.Out
	} else {
		st.compare(&s.rec.Stages[n-1])
	}
	s.rec.Stages = append(s.rec.Stages, st)
}

// measureRow weighs a row of logits that the edits have not finished with.
func (st *Stage) measureRow(c scale, logits []float32) {
	c.top = slices.Max(logits)
	st.scale = c
	if isNegInf(c.top) {
		return // everything is banned, and the run ends with ErrAllBanned
	}
	var e entropy
	for _, z := range logits {
		e.add(c.weight(z), c.exponent(z))
	}
	st.total, st.Entropy = e.total, e.bits(c)
}

// measureKept weighs the candidates.
func (st *Stage) measureKept(s *Sampler) {
	st.scale = s.scale
	var e entropy
	for i, k := range s.keys {
		e.add(s.weights[i], s.scale.exponent(k.logit()))
	}
	st.total, st.Entropy = e.total, e.bits(s.scale)
}

// compare fills in what the stage removed, given the stage before it.
func (st *Stage) compare(before *Stage) {
	st.In = before.Out
	st.Removed = st.In - st.Out
	st.Changed = len(st.edits)
	if st.allowed != nil {
		st.Changed = st.Removed
	}
	if st.Removed == 0 || before.total == 0 {
		return
	}
	// The weights after the stage are relative to a top that may have been
	// removed: bring them to the scale of those before.
	kept := float64(st.total) * share(before.scale.weight(st.scale.top), before.scale.one())
	st.Mass = max(0, 1-kept/float64(before.total))
}

// entropy accumulates −Σ p·ln p = ln Σ e^x − Σ e^x·x / Σ e^x over exponents x ≤ 0, with
// weights for e^x.
type entropy struct {
	total uint64
	wx    float64
}

func (e *entropy) add(w uint64, x float64) {
	e.total += w
	if w > 0 { // x may be −Inf
		e.wx += float64(float64(w) * x)
	}
}

func (e *entropy) bits(c scale) float64 {
	nats := c.logTotal(e.total) - e.wx/float64(e.total)
	return max(0, nats/math.Ln2)
}

// lastOfEach sorts edits by id and keeps the last one of each.
func lastOfEach(edits []edit) []edit {
	slices.SortStableFunc(edits, func(a, b edit) int { return int(a.id) - int(b.id) })
	kept := edits[:0]
	for i, e := range edits {
		if i+1 == len(edits) || edits[i+1].id != e.id {
			kept = append(kept, e)
		}
	}
	return kept
}
