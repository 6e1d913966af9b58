package sampler

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestExplainIsSample: the recorder does not change what is recorded.
func TestExplainIsSample(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sc := drawScenario(t)
		sc.p.LogProbs = rapid.IntRange(-1, len(sc.logits)).Draw(t, "logprobs")
		s := New(len(sc.logits))
		report, errE := s.Explain(sc.logits, &sc.p, sc.h, sc.pos)
		result, errS := s.Sample(sc.logits, &sc.p, sc.h, sc.pos)
		if !errors.Is(errE, errS) || !sameResult(report.Result, result) {
			t.Fatalf("Explain: %+v, %v; Sample: %+v, %v", report.Result, errE, result, errS)
		}
	})
}

// TestReportIsConsistent: stages, candidates, verdicts and the draw tell one story.
func TestReportIsConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sc := drawScenario(t)
		r, err := New(len(sc.logits)).Explain(sc.logits, &sc.p, sc.h, sc.pos)
		if err != nil {
			return
		}
		last := len(r.Stages) - 1
		checkStages(t, &r)
		checkIntervals(t, &r)
		for _, c := range r.Candidates(r.Vocab()) {
			v := r.Why(c.Token)
			switch v.Fate {
			case Chosen:
				if c.Token != r.Token || c.Removed >= 0 {
					t.Fatalf("token %d is called chosen: %+v", c.Token, v)
				}
			case LostDraw:
				if c.Removed >= 0 || v.Stage != last {
					t.Fatalf("token %d is said to have lost the draw: %+v", c.Token, v)
				}
			case Removed:
				if c.Removed != v.Stage || r.Stages[v.Stage].Removed == 0 {
					t.Fatalf("token %d: removed at %d, verdict %+v", c.Token, c.Removed, v)
				}
			case NeverThere:
				if c.Removed != 0 || v.Raw != -inf {
					t.Fatalf("token %d: %+v", c.Token, v)
				}
			default:
				t.Fatalf("token %d: fate %v", c.Token, v.Fate)
			}
			checkOperands(t, &r, &v)
			checkSteps(t, &r, &v)
		}
	})
}

// checkStages recounts every stage from the values that it claims.
func checkStages(t *rapid.T, r *Report) {
	for i, st := range r.Stages {
		var out int
		var sum, entropy, mass float64
		for id := range int32(r.Vocab()) {
			p := r.ProbAt(i, id)
			sum += p
			if p > 0 {
				entropy -= p * math.Log2(p)
			}
			if r.LogitAt(i, id) > -inf {
				out++
			} else if i > 0 {
				mass += r.ProbAt(i-1, id)
			}
		}
		if out != st.Out || st.In-st.Out != st.Removed || i > 0 && st.In != r.Stages[i-1].Out {
			t.Fatalf("stage %v: counted %d tokens, it says %d to %d, %d removed", st.Kind, out, st.In, st.Out, st.Removed)
		}
		if math.Abs(sum-1) > 1e-9 || math.Abs(entropy-st.Entropy) > 1e-6 || math.Abs(mass-st.Mass) > 1e-9 {
			t.Fatalf("stage %v: probabilities add up to %v, entropy %v (it says %v), removed mass %v (it says %v)",
				st.Kind, sum, entropy, st.Entropy, mass, st.Mass)
		}
	}
}

// checkIntervals: the intervals of the kept tokens tile [0, 1), and the chosen one's holds u.
func checkIntervals(t *rapid.T, r *Report) {
	end := 0.0
	for _, c := range r.Candidates(r.Vocab()) {
		if c.Lo != end || c.Hi < c.Lo {
			t.Fatalf("token %d: interval [%v, %v) after %v", c.Token, c.Lo, c.Hi, end)
		}
		end = c.Hi
		if c.Removed >= 0 && c.Hi != c.Lo {
			t.Fatalf("removed token %d has the interval [%v, %v)", c.Token, c.Lo, c.Hi)
		}
		if c.Token == r.Token && r.Total > 0 {
			needle := float64(r.Needle) / float64(r.Total)
			if needle < c.Lo || needle > c.Hi || math.Abs(needle-r.Draw) > 1e-9 {
				t.Fatalf("needle %v, u %v, interval of token %d [%v, %v)", needle, r.Draw, c.Token, c.Lo, c.Hi)
			}
		}
	}
	if end != 1 {
		t.Fatalf("the intervals end at %v", end)
	}
}

// checkOperands: the numbers given are those that make the decision what it was.
func checkOperands(t *rapid.T, r *Report, v *Verdict) {
	ok := true
	switch v.Kind {
	case TopK, MinP:
		ok = v.Have < v.Need
	case TopP:
		ok = v.Have >= v.Need-1e-12
	case Greedy:
		ok = v.Have < v.Need || v.Have == v.Need && v.Token >= r.Token
		ok = ok && (v.Fate == Chosen) == (v.Rank == 1)
	case Draw:
		inside := v.Lo <= v.Have && v.Have < v.Hi
		atEdge := math.Abs(v.Have-v.Lo) < 1e-12 || math.Abs(v.Have-v.Hi) < 1e-12
		ok = inside == (v.Fate == Chosen) || atEdge
	}
	if !ok {
		t.Fatalf("the operands do not explain the verdict: %+v", v)
	}
	if v.Fate == NeverThere {
		return
	}
	if v.Logit != r.LogitAt(v.Stage-1, v.Token) || v.Prob != r.ProbAt(v.Stage-1, v.Token) {
		t.Fatalf("stage %d got logit %v, probability %v: %+v", v.Stage, r.LogitAt(v.Stage-1, v.Token), r.ProbAt(v.Stage-1, v.Token), v)
	}
	rank := 1
	for id := range int32(r.Vocab()) {
		if z := r.unscaled(v.Stage-1, id); r.LogitAt(v.Stage-1, id) > -inf &&
			(z > r.unscaled(v.Stage-1, v.Token) || z == r.unscaled(v.Stage-1, v.Token) && id < v.Token) {
			rank++
		}
	}
	if rank != v.Rank {
		t.Fatalf("rank %d, counted %d", v.Rank, rank)
	}
}

// checkSteps: the steps lead from the raw logit to the one that the deciding stage left or saw.
func checkSteps(t *rapid.T, r *Report, v *Verdict) {
	z := v.Raw
	for _, step := range v.Steps {
		if step.Before != z || step.After == z || r.Stages[step.Stage].Kind != step.Kind {
			t.Fatalf("steps of token %d: %+v", v.Token, v.Steps)
		}
		z = step.After
	}
	if z != v.Logit && z != -inf {
		t.Fatalf("steps of token %d end at %v, the stage saw %v", v.Token, z, v.Logit)
	}
}

// TestWhy checks verdicts by hand.
func TestWhy(t *testing.T) {
	// After the penalty and T = 2 the tokens 0 to 3 stand at 1, 0.25, 0 and −1; of the first
	// three the probabilities are 0.5434, 0.2567 and 0.1999.
	logits := []float32{2, 1, 0, -1, 5, -inf}
	p := with(func(p *Params) {
		p.BadWords, p.RepetitionPenalty, p.TopK, p.TopP, p.Temperature = [][]int32{{4}}, 2, 3, .7, 2
	})
	r, err := New(6).Explain(logits, &p, History{Prompt: []int32{1, 3}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if kinds := stageKinds(&r); !slices.Equal(kinds, []Kind{Raw, BadWords, RepetitionPenalty, Temperature, TopK, TopP, Draw}) {
		t.Fatalf("stages %v", kinds)
	}
	tests := []struct {
		id         int32
		fate       Fate
		kind       Kind
		rank       int
		have, need float64
		steps      []Step
	}{
		{4, Removed, BadWords, 1, 0, 0, []Step{{1, BadWords, 1, 5, -inf}}},
		{3, Removed, TopK, 4, -1, 0, []Step{{2, RepetitionPenalty, 2, -1, -2}, {3, Temperature, 2, -2, -1}}},
		{2, Removed, TopP, 3, 0.8001, 0.7, nil},
		{5, NeverThere, Raw, 0, 0, 0, nil},
		{6, NoSuchToken, Raw, 0, 0, 0, nil},
		{-1, NoSuchToken, Raw, 0, 0, 0, nil},
	}
	for _, test := range tests {
		v := r.Why(test.id)
		if v.Fate != test.fate || v.Kind != test.kind || v.Rank != test.rank || !slices.Equal(v.Steps, test.steps) ||
			math.Abs(v.Have-test.have) > 1e-4 || math.Abs(v.Need-test.need) > 1e-4 {
			t.Errorf("token %d: %+v", test.id, v)
		}
	}
	chosen, other := r.Why(r.Token), r.Why(1-r.Token)
	if chosen.Fate != Chosen || other.Fate != LostDraw || chosen.Kind != Draw || chosen.Have != r.Draw {
		t.Errorf("chosen %+v, other %+v", chosen, other)
	}
	// After the temperature the two differ by 0.75.
	if want := 1 / (1 + math.Exp(-.75)); math.Abs(r.Why(0).Hi-want) > 1e-9 {
		t.Errorf("token 0 ends at %v, want %v", r.Why(0).Hi, want)
	}
}

func stageKinds(r *Report) (kinds []Kind) {
	for _, st := range r.Stages {
		kinds = append(kinds, st.Kind)
	}
	return kinds
}

func TestReportOutOfRange(t *testing.T) {
	p := Defaults()
	r, err := New(2).Explain([]float32{1, 2}, &p, History{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		stage int
		id    int32
	}{{-1, 0}, {9, 0}, {0, -1}, {0, 2}} {
		if r.LogitAt(at.stage, at.id) != -inf || r.ProbAt(at.stage, at.id) != 0 {
			t.Errorf("%+v has a logit or a probability", at)
		}
	}
	if n := len(r.Candidates(9)); n != 2 {
		t.Errorf("%d candidates of 2 tokens", n)
	}
	if n := len(r.Candidates(-1)); n != 0 {
		t.Errorf("%d candidates, none were asked for", n)
	}
	var empty Report
	if empty.Why(0).Fate != NoSuchToken || len(empty.Candidates(3)) != 0 {
		t.Error("an empty report knows tokens")
	}
}

func TestNames(t *testing.T) {
	for o := VLLM; o <= LlamaCPP; o++ {
		text, err := o.MarshalText()
		var back Order
		if err != nil || back.UnmarshalText(text) != nil || back != o {
			t.Errorf("order %d is written %q and read %d", o, text, back)
		}
		stages := o.Stages()
		slices.Sort(stages)
		if len(slices.Compact(stages)) != len(kindNames) {
			t.Errorf("order %v has the stages %v", o, o.Stages())
		}
	}
	var o Order
	if err := o.UnmarshalText([]byte("mirostat")); err == nil || err.Error() != "order: got mirostat, want vllm, huggingface or llamacpp" {
		t.Errorf("order mirostat: %v", err)
	}
	if _, err := Order(9).MarshalText(); err == nil || Order(9).String() != "unknown" || Order(9).Stages() != nil {
		t.Error("order 9 has a name or stages")
	}
	if text, err := TopP.MarshalText(); err != nil || string(text) != "top_p" || Kind(99).String() != "unknown" {
		t.Errorf("top_p is written %q, %v", text, err)
	}
	if _, err := Kind(99).MarshalText(); err == nil {
		t.Error("stage 99 has a name")
	}
	if text, err := LostDraw.MarshalText(); err != nil || string(text) != "lost_draw" || Fate(99).String() != "unknown" {
		t.Errorf("LostDraw is written %q, %v", text, err)
	}
}
