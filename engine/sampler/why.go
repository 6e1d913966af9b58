package sampler

// Fate says what became of a token.
type Fate uint8

const (
	// NoSuchToken is the fate of ids outside the vocabulary.
	NoSuchToken Fate = iota
	// Chosen tokens were drawn, or had the largest logit.
	Chosen
	// LostDraw tokens could have been drawn.
	LostDraw
	// Removed tokens fell at a stage.
	Removed
	// NeverThere tokens came from the model with a logit of −Inf.
	NeverThere
)

var fateNames = [...]string{
	NoSuchToken: "no_such_token", Chosen: "chosen", LostDraw: "lost_draw", Removed: "removed", NeverThere: "never_there",
}

// String returns "no_such_token", "chosen", "lost_draw", "removed" or "never_there".
func (f Fate) String() string {
	if int(f) < len(fateNames) {
		return fateNames[f]
	}
	return "unknown"
}

// MarshalText writes the fate as its name.
func (f Fate) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Verdict answers "why not that one?" for one token, with the operands of the decision.
// Logit, Rank, Prob, Lo and Hi are the token's on its way into the deciding stage.
type Verdict struct {
	Token int32
	Fate  Fate
	// Stage is the index in Report.Stages of the stage that decided: the one that
	// removed the token, else the last.
	Stage int
	Kind  Kind

	Raw        float32 // the model's logit
	RawLogProb float32 // natural logarithm of its raw probability
	RawRank    int     // 1 for the most probable

	Logit float32 // after penalties and, if it has run by then, temperature
	Rank  int     // among the tokens that reached the stage, 1 for the first; 0 if it never was there
	Prob  float64 // in the distribution that reached the stage
	// Lo and Hi are the token's interval in the cumulative distribution that
	// reached the stage; Draw chooses the token whose interval holds the uniform number.
	Lo, Hi float64

	// Have is what the stage compared with Need: the logit with the k-th
	// largest (TopK), the probability before the token with p (TopP; it falls if
	// Have ≥ Need), its probability with the least one kept (MinP), its logit with the
	// largest (Greedy), the uniform number with Lo and Hi (Draw: Have is
	// the number, Need is Lo). Both 0 for bans.
	Have, Need float64

	// Steps are the stages up to the deciding one that changed its logit, temperature included.
	Steps []Step
}

// Step is what one stage did to one token's logit.
type Step struct {
	Stage         int // index in Report.Stages
	Kind          Kind
	Value         float64 // the stage's parameter, for LogitBias the amount added
	Before, After float32
}

// Why tells what became of a token.
func (r *Report) Why(id int32) Verdict {
	if !inVocab(id, len(r.raw)) || len(r.Stages) == 0 {
		return Verdict{Token: id, Fate: NoSuchToken}
	}
	v := Verdict{Token: id, Raw: r.raw[id], RawRank: fastest().rankOf(r.raw, id)}
	first := &r.Stages[0]
	v.RawLogProb = float32(first.scale.exponent(v.Raw) - first.scale.logTotal(first.total))
	v.Stage, v.Fate = r.fate(id)
	v.Kind = r.Stages[v.Stage].Kind
	v.Steps = r.steps(v.Stage, id)
	if v.Fate == NeverThere {
		v.Logit = negInf
		return v
	}
	r.place(&v)
	r.operands(&v)
	return v
}

// fate finds the stage that decided about a token.
func (r *Report) fate(id int32) (int, Fate) {
	last := len(r.Stages) - 1
	if isNegInf(r.raw[id]) {
		return 0, NeverThere
	}
	for i := range r.Stages {
		if !r.Stages[i].keeps(r.unscaled(i, id), id) {
			return i, Removed
		}
	}
	if id == r.Token {
		return last, Chosen
	}
	return last, LostDraw
}

// steps lists the changes of a token's logit through stage end.
func (r *Report) steps(end int, id int32) []Step {
	var steps []Step
	before := r.raw[id]
	for i, st := range r.Stages[:end+1] {
		// A cut leaves the logit as it is and drops the token.
		after := float32(st.scale.scaled(r.unscaled(i, id)))
		if after == before {
			continue
		}
		step := Step{Stage: i, Kind: st.Kind, Value: st.Value, Before: before, After: after}
		if st.Kind == LogitBias {
			step.Value = float64(after) - float64(before)
		}
		steps = append(steps, step)
		before = after
	}
	return steps
}

// place fills in where the token stood when it reached the deciding stage.
func (r *Report) place(v *Verdict) {
	into := v.Stage - 1 // the stage whose outcome reached it: Raw decides nothing
	st := &r.Stages[into]
	row := r.edited
	if v.Kind < Temperature { // an edit: later ones have not run yet
		row = r.unscaledRow(into)
	}
	z := row[v.Token]
	here := place{keyOf(z), v.Token}
	var before uint64
	v.Rank = 1
	for id, other := range row {
		p := place{keyOf(other), int32(id)}
		if p != here && p.atOrBefore(here) && st.keeps(other, int32(id)) {
			v.Rank++
			before += st.scale.weight(other)
		}
	}
	w := st.scale.weight(z)
	v.Logit = float32(st.scale.scaled(z))
	v.Prob = share(w, st.total)
	v.Lo, v.Hi = share(before, st.total), share(before+w, st.total)
}

// operands fills in what the deciding stage compared.
func (r *Report) operands(v *Verdict) {
	st := &r.Stages[v.Stage]
	v.Need = st.Threshold
	switch v.Kind {
	case TopK, Greedy:
		v.Have = float64(v.Logit)
	case MinP:
		v.Have = v.Prob
	case TopP:
		v.Have, v.Need = v.Lo, st.Value
	case Draw:
		v.Have, v.Need = st.Value, v.Lo
	default:
		v.Need = 0
	}
}
