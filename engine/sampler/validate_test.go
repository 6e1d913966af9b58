package sampler

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestValidateRefuses(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		field  string
		change func(*Params)
	}{
		{"n", func(p *Params) { p.N = 0 }},
		{"n", func(p *Params) { p.N = MaxN + 1 }},
		{"n", func(p *Params) { p.N, p.Temperature = 2, 0 }},
		{"temperature", func(p *Params) { p.Temperature = -0.1 }},
		{"temperature", func(p *Params) { p.Temperature = nan }},
		{"temperature", func(p *Params) { p.Temperature = inf }},
		{"top_p", func(p *Params) { p.TopP = 0 }},
		{"top_p", func(p *Params) { p.TopP = 1.01 }},
		{"top_p", func(p *Params) { p.TopP = nan }},
		{"min_p", func(p *Params) { p.MinP = -0.1 }},
		{"min_p", func(p *Params) { p.MinP = 1.1 }},
		{"min_p", func(p *Params) { p.MinP = nan }},
		{"presence_penalty", func(p *Params) { p.PresencePenalty = 2.1 }},
		{"presence_penalty", func(p *Params) { p.PresencePenalty = nan }},
		{"frequency_penalty", func(p *Params) { p.FrequencyPenalty = -2.1 }},
		{"frequency_penalty", func(p *Params) { p.FrequencyPenalty = -inf }},
		{"repetition_penalty", func(p *Params) { p.RepetitionPenalty = 0 }},
		{"repetition_penalty", func(p *Params) { p.RepetitionPenalty = nan }},
		{"repetition_penalty", func(p *Params) { p.RepetitionPenalty = inf }},
		{"top_k", func(p *Params) { p.TopK = -2 }},
		{"max_tokens", func(p *Params) { p.MaxTokens = 0 }},
		{"min_tokens", func(p *Params) { p.MinTokens = -1 }},
		{"min_tokens", func(p *Params) { p.MinTokens = 101 }},
		{"logprobs", func(p *Params) { p.LogProbs = -2 }},
		{"logprobs", func(p *Params) { p.LogProbs = 11 }},
		{"logprobs", func(p *Params) { p.LogProbs, p.SkipLogProb = 1, true }},
		{"prompt_logprobs", func(p *Params) { p.PromptLogProbs = -2 }},
		{"prompt_logprobs", func(p *Params) { p.PromptLogProbs = 11 }},
		{"order", func(p *Params) { p.Order = 3 }},
		{"stop", func(p *Params) { p.Stop = []string{"a", ""} }},
		{"stop", func(p *Params) { p.Stop, p.Detokenize = []string{"a"}, false }},
		{"stop_token_ids[1]", func(p *Params) { p.StopTokenIDs = []int32{0, 10} }},
		{"eos_token_ids[0]", func(p *Params) { p.EOSTokenIDs = []int32{-1} }},
		{"allowed_token_ids", func(p *Params) { p.AllowedTokenIDs = []int32{} }},
		{"allowed_token_ids[0]", func(p *Params) { p.AllowedTokenIDs = []int32{10} }},
		{"logit_bias[1].token", func(p *Params) { p.LogitBias = []TokenBias{{0, 1}, {10, 1}} }},
		{"logit_bias[0].bias", func(p *Params) { p.LogitBias = []TokenBias{{0, nan}} }},
		{"logit_bias[0].bias", func(p *Params) { p.LogitBias = []TokenBias{{0, inf}} }},
		{"bad_words[0]", func(p *Params) { p.BadWords = [][]int32{{}} }},
		{"bad_words[1]", func(p *Params) { p.BadWords = [][]int32{{0}, {1, 10}} }},
	}
	for _, test := range tests {
		p := with(test.change)
		err := p.Validate(10)
		var refused *ParamError
		if !errors.As(err, &refused) {
			t.Errorf("%s: error %v, want a *ParamError", test.field, err)
			continue
		}
		if refused.Field != test.field || refused.Got == "" || refused.Want == "" {
			t.Errorf("%s: %v", test.field, err)
		}
	}
}

func TestValidateNormalizes(t *testing.T) {
	biases := []TokenBias{{0, 150}, {1, -150}, {2, 3}}
	tests := []struct {
		name         string
		change, want func(*Params)
	}{
		{"defaults", func(*Params) {}, func(*Params) {}},
		{"cold", func(p *Params) { p.Temperature, p.TopK, p.N = 1e-6, -1, 2 }, func(p *Params) { p.Temperature, p.TopK, p.N = 0.01, 0, 2 }},
		{"greedy", func(p *Params) { p.TopP, p.TopK, p.MinP, p.Temperature = .5, 3, .1, 0 }, func(p *Params) { p.Temperature = 0 }},
		{"bias", func(p *Params) { p.LogitBias = biases }, func(p *Params) { p.LogitBias = []TokenBias{{0, 100}, {1, -100}, {2, 3}} }},
		{"bounds", func(p *Params) { p.N, p.MinP, p.LogProbs, p.MinTokens = MaxN, 1, 10, 100 }, func(p *Params) { p.N, p.MinP, p.LogProbs, p.MinTokens = MaxN, 1, 10, 100 }},
	}
	for _, test := range tests {
		got, want := with(test.change), with(test.want)
		if err := got.Validate(10); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if !sameScalars(got, want) || !slices.Equal(got.LogitBias, want.LogitBias) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, want)
		}
	}
	if biases[0].Bias != 150 {
		t.Error("Validate changed the caller's biases")
	}
}

func sameScalars(a, b Params) bool {
	return a.N == b.N && a.Temperature == b.Temperature && a.TopP == b.TopP && a.TopK == b.TopK && a.MinP == b.MinP &&
		a.LogProbs == b.LogProbs && a.MinTokens == b.MinTokens
}

func TestStops(t *testing.T) {
	p := with(func(p *Params) { p.StopTokenIDs, p.EOSTokenIDs, p.MinTokens = []int32{3}, []int32{5}, 2 })
	ignoring := p
	ignoring.IgnoreEOS = true
	tests := []struct {
		p         *Params
		token     int32
		generated int
		want      bool
	}{
		{&p, 3, 2, true}, {&p, 5, 2, true}, {&p, 4, 2, false}, {&p, 5, 1, false},
		{&ignoring, 5, 2, false}, {&ignoring, 3, 2, true},
	}
	for _, test := range tests {
		if got := test.p.Stops(test.token, test.generated); got != test.want {
			t.Errorf("Stops(%d, %d) = %v with ignore_eos = %v", test.token, test.generated, got, test.p.IgnoreEOS)
		}
	}
}

// A mask of another length than the vocabulary's is refused.
func TestMaskLength(t *testing.T) {
	p := Defaults()
	for _, words := range []int{0, 1, 3} {
		_, err := New(100).Sample(make([]float32, 100), &p, History{Allowed: make([]uint64, words)}, 0)
		var bad *ParamError
		if !errors.As(err, &bad) || bad.Field != "allowed" {
			t.Errorf("%d words: %v", words, err)
		}
	}
	mask := []uint64{0, 1 << 5}
	if res, err := New(100).Sample(make([]float32, 100), &p, History{Allowed: mask}, 0); err != nil || res.Token != 69 || res.Rank != 70 {
		t.Errorf("got %+v, %v, want token 69, the 70th before the mask", res, err)
	}
	p.AllowedTokenIDs = []int32{3}
	if _, err := New(100).Sample(make([]float32, 100), &p, History{Allowed: mask}, 0); !errors.Is(err, ErrAllBanned) {
		t.Errorf("a mask and allowed_token_ids that exclude each other: %v", err)
	}
}
