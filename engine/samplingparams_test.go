package engine

import (
	"reflect"
	"testing"

	"vitrine/engine/modeltest/tinymodel"
	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// The zero value of a field is vLLM's default, and a temperature is what it is.
func TestSamplingParams(t *testing.T) {
	tok, err := tokenizer.Load(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	defaults := sampler.Defaults() // vLLM's, a test of package sampler holds
	defaults.SkipLogProb = true    // logprobs=None
	greedy := defaults
	greedy.Temperature = 0
	with := func(p sampler.Params, change func(*sampler.Params)) sampler.Params { change(&p); return p }
	for name, c := range map[string]struct {
		in   SamplingParams
		want sampler.Params
	}{
		"the zero value is greedy":   {SamplingParams{}, greedy},
		"vLLM's defaults":            {DefaultSamplingParams(), defaults},
		"the call of the first page": {SamplingParams{Temperature: 0.8, TopP: 0.95}, with(defaults, func(p *sampler.Params) { p.Temperature, p.TopP = 0.8, 0.95 })},
		"a seed of 0":                {SamplingParams{Seed: new(uint64)}, with(greedy, func(p *sampler.Params) { p.HasSeed = true })},
		"log-probabilities":          {SamplingParams{LogProbs: new(int)}, with(greedy, func(p *sampler.Params) { p.SkipLogProb = false })},
		"those of the prompt":        {SamplingParams{PromptLogProbs: new(-1)}, with(greedy, func(p *sampler.Params) { p.PromptLogProbs, p.HasPromptLogProbs = -1, true })},
		"everything": {
			SamplingParams{
				N: 2, Temperature: 1.5, TopP: 0.5, TopK: 7, MinP: 0.1, PresencePenalty: 1, FrequencyPenalty: -1, RepetitionPenalty: 1.1, Seed: new(uint64(9)),
				MaxTokens: 99, MinTokens: 3, Stop: []string{"x"}, StopTokenIDs: []int32{4}, IgnoreEOS: true, IncludeStopStrInOutput: true,
				LogitBias: map[int32]float32{9: 1, 2: -1, 5: 0.5}, AllowedTokenIDs: []int32{1}, BadWords: []string{" of"}, LogProbs: new(3), PromptLogProbs: new(4),
				NoDetokenize: true, NoSkipSpecialTokens: true,
			},
			sampler.Params{
				N: 2, Temperature: 1.5, TopP: 0.5, TopK: 7, MinP: 0.1, PresencePenalty: 1, FrequencyPenalty: -1, RepetitionPenalty: 1.1, Seed: 9, HasSeed: true,
				MaxTokens: 99, MinTokens: 3, Stop: []string{"x"}, StopTokenIDs: []int32{4}, IgnoreEOS: true, IncludeStopStrInOutput: true,
				LogitBias:       []sampler.TokenBias{{Token: 2, Bias: -1}, {Token: 5, Bias: 0.5}, {Token: 9, Bias: 1}},
				AllowedTokenIDs: []int32{1}, BadWords: [][]int32{{261}, {tinymodel.SpaceOf}}, LogProbs: 3, PromptLogProbs: 4, HasPromptLogProbs: true,
			},
		},
	} {
		got, err := c.in.params(tok)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}
