package resample

import (
	"math"
	"slices"
	"testing"

	"vitrine/engine/sampler"
	"vitrine/visualizer/wire"
)

func whole(values ...float32) *wire.Logits {
	return &wire.Logits{Position: 3, Vocab: uint32(len(values)), Rest: float32(math.Inf(-1)), Values: values}
}

func plain() wire.Params {
	return wire.Params{Temperature: 1, TopP: 1, RepetitionPenalty: 1, MaxTokens: 16}
}

func run(t *testing.T, l *wire.Logits, p wire.Params, tokens ...wire.Token) *Outcome {
	t.Helper()
	o, err := New(int(l.Vocab)).Run(Question{Logits: l, Tokens: tokens, Params: p, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestHistoryEndsWithThePresentAnswer(t *testing.T) {
	given, drawn, forced := wire.Token{ID: 1}, wire.Token{ID: 2, Flags: wire.FlagDrawn}, wire.Token{ID: 3, Flags: wire.FlagForced}
	for _, test := range []struct {
		tokens         []wire.Token
		position       int
		prompt, output []int32
	}{
		{[]wire.Token{given, given, drawn, forced, drawn}, 4, []int32{1, 1}, []int32{2, 3}},
		{[]wire.Token{given, given, drawn}, 2, []int32{1, 1}, nil},
		{[]wire.Token{given, drawn, given, drawn}, 4, []int32{1, 2, 1}, []int32{2}}, // the answer before is prompt now
		{[]wire.Token{drawn, drawn}, 2, []int32{2}, []int32{2}},                     // the first counts as given
		{[]wire.Token{given}, 9, []int32{1}, nil},
		{nil, 0, nil, nil},
	} {
		h := History(test.tokens, test.position)
		if !slices.Equal(h.Prompt, test.prompt) || !slices.Equal(h.Output, test.output) {
			t.Errorf("%v before %d: %v and %v, want %v and %v", test.tokens, test.position, h.Prompt, h.Output, test.prompt, test.output)
		}
	}
}

func TestSeed(t *testing.T) {
	l, p := whole(0, 0, 0, 0), plain()
	if o := run(t, l, p); o.Seed != 5 || o.Draw != float64(sampler.Uniform(5, 3)>>11)*0x1p-53 {
		t.Errorf("seed %d, u %v; want the chat's seed 5 at position 3", o.Seed, o.Draw)
	}
	p.Seed, p.HasSeed = 9, true
	if o := run(t, l, p); o.Seed != 9 || o.Draw != float64(sampler.Uniform(9, 3)>>11)*0x1p-53 {
		t.Errorf("seed %d, u %v; want the parameters' seed 9", o.Seed, o.Draw)
	}
}

// TestPartialLogits: what a recording leaves out cannot be drawn, and its share
// is told.
func TestPartialLogits(t *testing.T) {
	l := &wire.Logits{Position: 3, Vocab: 6, IDs: []int32{4, 1}, Values: []float32{2, 1}, Rest: 0}
	o := run(t, l, plain())
	want := 1 / (math.Exp(2) + math.E + 1)
	if o.Whole || o.Known != 2 || o.Kept != 2 || math.Abs(o.Missing-want) > 1e-6 {
		t.Errorf("whole %v, known %d, kept %d, missing %v; want false, 2, 2, %v", o.Whole, o.Known, o.Kept, o.Missing, want)
	}
	for _, id := range []int32{0, 2, 3, 5} {
		if v := o.Why(id); v.Fate != sampler.NeverThere {
			t.Errorf("token %d, which is not there: %v", id, v.Fate)
		}
	}
}

func TestCards(t *testing.T) {
	p := plain()
	p.Temperature, p.TopK, p.TopP = 0.5, 3, 0.9
	kinds := func(p wire.Params) (all []sampler.Kind, on []sampler.Kind) {
		for _, c := range Cards(&run(t, whole(3, 2, 1, 0, -1), p).Report) {
			all = append(all, c.Kind)
			if c.Stage >= 0 {
				on = append(on, c.Kind)
			}
		}
		return all, on
	}
	all, on := kinds(p)
	wantAll := []sampler.Kind{
		sampler.Raw, sampler.RepetitionPenalty, sampler.FrequencyPenalty, sampler.PresencePenalty,
		sampler.Temperature, sampler.MinP, sampler.TopK, sampler.TopP, sampler.Draw,
	}
	if !slices.Equal(all, wantAll) {
		t.Errorf("vLLM: %v, want %v", all, wantAll)
	}
	if want := []sampler.Kind{sampler.Raw, sampler.Temperature, sampler.TopK, sampler.TopP, sampler.Draw}; !slices.Equal(on, want) {
		t.Errorf("vLLM, at work: %v, want %v", on, want)
	}
	p.Order = wire.OrderLlamaCPP
	if all, _ = kinds(p); !slices.Equal(all[4:8], []sampler.Kind{sampler.TopK, sampler.TopP, sampler.MinP, sampler.Temperature}) {
		t.Errorf("llama.cpp: %v, want temperature last", all)
	}
	p = plain()
	p.Temperature, p.MinTokens = 0, 2
	all, _ = kinds(p)
	if all[len(all)-1] != sampler.Greedy || slices.Contains(all, sampler.Draw) || !slices.Contains(all, sampler.MinTokens) {
		t.Errorf("temperature 0 with min_tokens: %v, want them and no draw", all)
	}
}

func TestRows(t *testing.T) {
	p := plain()
	p.TopK = 2
	o := run(t, whole(0, 4, 1, 3, 2), p)
	rows := Rows(&o.Report, 3, 0, 1, 99, -1)
	var ids []int32
	for _, r := range rows {
		ids = append(ids, r.Token)
		if (r.After > 0) != (r.Removed < 0) || r.Before <= 0 {
			t.Errorf("token %d: before %v, after %v, removed %d", r.Token, r.Before, r.After, r.Removed)
		}
	}
	if want := []int32{1, 3, 4, 0}; !slices.Equal(ids, want) {
		t.Fatalf("rows of %v, want %v", ids, want)
	}
	if last := rows[3]; last.Rank != 5 || o.Stages[last.Removed].Kind != sampler.TopK {
		t.Errorf("the token that was asked for besides: rank %d, removed at %v; want 5, top_k", last.Rank, last.Removed)
	}
	if drawn := slices.IndexFunc(rows, func(r Row) bool { return r.Drawn }); drawn < 0 || rows[drawn].Token != o.Token {
		t.Errorf("row %d is marked as drawn, want that of token %d", drawn, o.Token)
	}
}

func TestSteps(t *testing.T) {
	o := run(t, whole(0, 4, 1, 3, 2), plain())
	all := Steps(&o.Report, 8)
	if !slices.Equal(all.Tokens, []int32{1, 3, 4, 2, 0}) || all.Rest != 0 || all.Cumulative[4] != 1 {
		t.Errorf("all steps: %+v", all)
	}
	some := Steps(&o.Report, 3)
	if !slices.Equal(some.Tokens, []int32{1, 3, -1}) || some.Rest != 3 || some.Cumulative[2] != 1 || some.Cumulative[1] != all.Cumulative[1] {
		t.Errorf("three steps: %+v", some)
	}
}

// TestFormulas: the operands that are shown give the results that are shown.
func TestFormulas(t *testing.T) {
	drawn := wire.Token{ID: 1, Flags: wire.FlagDrawn}
	p := plain()
	p.Temperature, p.TopK, p.FrequencyPenalty, p.RepetitionPenalty = 0.5, 2, 0.25, 2
	o := run(t, whole(0, 4, -1, 3, 2), p, wire.Token{ID: 2}, drawn, drawn)
	// 4/2 − 0.25·2 = 1.5; left are 3 and 4 with 3 and 2: p = 1/(1 + e^(−1/0.5)).
	last := len(o.Stages) - 1
	lines := Softmax(&o.Report, last, 3)
	if len(lines) != 2 || lines[0].String() != "z/T = 3.000/0.5000 = 6.000" ||
		lines[1].String() != "p = exp(z/T − max)/Σ exp(z′/T − max) = exp(6.000 − 6.000)/1.135 = 0.8808" {
		t.Errorf("softmax: %v", lines)
	}
	if got := Softmax(&o.Report, last, 0); got != nil {
		t.Errorf("softmax of a token that is gone: %v", got)
	}
	if got := Softmax(&o.Report, 0, 1); len(got) != 2 || got[0].String() != "z/T = 4.000/1.000 = 4.000" {
		t.Errorf("raw softmax: %v", got)
	}
	for _, test := range []struct {
		token    int32
		decision string
		changes  []string
	}{
		{1, "z = 3.000 < z₍ₖ₎ = 4.000", []string{"4.000 / 2.000 = 2.000", "2.000 − 0.2500 · 2.000 = 1.500", "1.500 / 0.5000 = 3.000"}},
		{2, "z = " + "−4.000 < z₍ₖ₎ = 4.000", []string{"−1.000 · 2.000 = −2.000", "−2.000 / 0.5000 = −4.000"}},
	} {
		v := o.Why(test.token)
		var changes []string
		for _, l := range Changes(&v) {
			changes = append(changes, l.String())
		}
		if got := Decision(&v); got != test.decision || !slices.Equal(changes, test.changes) {
			t.Errorf("token %d: %q after %q, want %q after %q", test.token, got, changes, test.decision, test.changes)
		}
	}
	for i := range o.Stages {
		if StageFormula(&o.Report, i) == "" || Func(o.Stages[i].Kind) == "" {
			t.Errorf("stage %v has no formula or no function", o.Stages[i].Kind)
		}
	}
}

// Tokens that a remote engine gave no ids for do not keep the draw from being made.
func TestUnknownTokens(t *testing.T) {
	logits := &wire.Logits{Position: 3, Vocab: 256, IDs: []int32{7, 9}, Values: []float32{-0.1, -3}, Rest: -5}
	o, err := New(256).Run(Question{
		Logits: logits, Tokens: []wire.Token{{ID: -1}, {ID: 49000}, {ID: 7, Flags: wire.FlagDrawn}},
		Params: wire.Params{TopP: 1, RepetitionPenalty: 1.5, MaxTokens: 5},
	})
	if err != nil || o.Token != 7 || o.Known != 2 || o.Outputs != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}
