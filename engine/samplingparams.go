package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vitrine/engine/sampler"
	"vitrine/engine/structured"
	"vitrine/engine/tokenizer"
)

// SamplingParams say how tokens are drawn, with vLLM's names and meanings.
//
// The zero value of a field means vLLM's default, with one exception: Temperature
// is meant as it is written, and 0 is greedy, as it is in vLLM. A temperature that was
// not given cannot be told from a 0 that was, and who writes 0 wants the likeliest
// token; so SamplingParams{} is greedy, where vLLM's SamplingParams() draws with
// temperature 1. [DefaultSamplingParams] is vLLM's.
//
// What vLLM leaves out with None is a pointer here: SamplingParams{Seed: new(uint64(7))}.
type SamplingParams struct {
	// N is the number of outputs of each prompt; 0 means 1. They draw with the seeds
	// Seed, Seed+1, …, and need a temperature above 0.
	N int

	// Temperature divides the logits: below 1 sharper, above 1 flatter. 0 always
	// takes the likeliest token, and resets TopP, TopK and MinP. vLLM's default is 1.
	Temperature float32
	// TopP keeps the likeliest tokens until their probabilities reach it, in
	// (0, 1]; 0 means 1, which keeps all.
	TopP float32
	// TopK keeps so many of the likeliest tokens; 0 and −1 keep all.
	TopK int
	// MinP drops tokens less likely than MinP times the likeliest, in [0, 1]; 0 drops none.
	MinP float32

	// PresencePenalty is taken off the logit of tokens that are in the output, in [−2, 2].
	PresencePenalty float32
	// FrequencyPenalty is the same for each time that the token is in the output.
	FrequencyPenalty float32
	// RepetitionPenalty makes tokens of prompt and output less likely above 1,
	// more likely below; 0 means 1, which changes nothing.
	RepetitionPenalty float32

	// Seed and the position decide every draw; nil means a random seed.
	Seed *uint64

	// MaxTokens ends the output after so many tokens; 0 means 16.
	MaxTokens int
	// MinTokens is the number of tokens before which it does not end by itself.
	MinTokens int
	// Stop ends the output before any of these strings.
	Stop []string
	// StopTokenIDs end it after any of these tokens.
	StopTokenIDs []int32
	// IgnoreEOS goes on after the model's own end token.
	IgnoreEOS bool
	// IncludeStopStrInOutput leaves the stop string in the text.
	IncludeStopStrInOutput bool

	// LogitBias is added to the logits of tokens, clamped to ±100.
	LogitBias map[int32]float32
	// AllowedTokenIDs, if not nil, are the only tokens that may be drawn.
	AllowedTokenIDs []int32
	// BadWords are words that are never written.
	BadWords []string

	// LogProbs asks for the log-probability of each drawn token and of so many of
	// the likeliest in its place, −1 for all; nil means none.
	LogProbs *int
	// PromptLogProbs asks for those of the prompt's tokens; nil means none.
	PromptLogProbs *int

	// StructuredOutputs, if not nil, is the form that the text has to have: vLLM's
	// structured_outputs. Its texts are compiled for the model when they are first asked for,
	// and remembered.
	StructuredOutputs *StructuredOutputsParams

	// NoDetokenize leaves the text out: vLLM's detokenize=False.
	NoDetokenize bool
	// NoSkipSpecialTokens shows special tokens in the text: vLLM's
	// skip_special_tokens=False.
	NoSkipSpecialTokens bool
}

// StructuredOutputsParams ask for an answer of a form: exactly one field is set, of
// a JSON schema, any JSON object, a regular expression, and a list of texts to choose from. See
// package structured for what is understood. An answer may be cut short by MaxTokens.
type StructuredOutputsParams = structured.Spec

// DefaultSamplingParams returns vLLM's defaults: temperature 1, 16 tokens.
func DefaultSamplingParams() SamplingParams {
	return SamplingParams{N: 1, Temperature: 1, TopP: 1, RepetitionPenalty: 1, MaxTokens: 16}
}

// params are the parameters as the sampler takes them. It validates what it
// changes; the rest is validated when the request is added.
func (p *SamplingParams) params(t *tokenizer.Tokenizer) (sampler.Params, error) {
	s := sampler.Defaults()
	s.N = cmp.Or(p.N, s.N)
	s.Temperature = p.Temperature
	s.TopP = cmp.Or(p.TopP, s.TopP)
	s.TopK, s.MinP = p.TopK, p.MinP
	s.PresencePenalty, s.FrequencyPenalty = p.PresencePenalty, p.FrequencyPenalty
	s.RepetitionPenalty = cmp.Or(p.RepetitionPenalty, s.RepetitionPenalty)
	if p.Seed != nil {
		s.Seed, s.HasSeed = *p.Seed, true
	}
	s.MaxTokens = cmp.Or(p.MaxTokens, s.MaxTokens)
	s.MinTokens = p.MinTokens
	s.Stop, s.StopTokenIDs = slices.Clone(p.Stop), slices.Clone(p.StopTokenIDs)
	s.IgnoreEOS, s.IncludeStopStrInOutput = p.IgnoreEOS, p.IncludeStopStrInOutput
	for _, id := range slices.Sorted(maps.Keys(p.LogitBias)) {
		s.LogitBias = append(s.LogitBias, sampler.TokenBias{Token: id, Bias: p.LogitBias[id]})
	}
	s.AllowedTokenIDs = slices.Clone(p.AllowedTokenIDs)
	words, err := BadWords(t, p.BadWords)
	if err != nil {
		return s, err
	}
	s.BadWords = words
	if p.LogProbs != nil {
		s.LogProbs = *p.LogProbs
	} else {
		s.SkipLogProb = true
	}
	if p.PromptLogProbs != nil {
		s.PromptLogProbs, s.HasPromptLogProbs = *p.PromptLogProbs, true
	}
	s.Detokenize, s.SkipSpecialTokens = !p.NoDetokenize, !p.NoSkipSpecialTokens
	return s, nil
}

// BadWords tokenizes words as vLLM does (SamplingParams.update_from_tokenizer):
// each as the beginning of a text and, where that makes as many tokens but
// another first one, as a word after a space. A *[RequestError] names the word
// that is none.
func BadWords(t *tokenizer.Tokenizer, words []string) ([][]int32, error) {
	var out [][]int32
	for i, word := range words {
		field := fmt.Sprintf("bad_words[%d]", i)
		word = strings.TrimLeft(word, " ")
		if word == "" {
			return nil, &RequestError{field, `is "", want a word`}
		}
		plain, err := t.Encode(word, tokenizer.EncodeOptions{})
		if err != nil {
			return nil, &RequestError{field, err.Error()}
		}
		out = append(out, plain)
		spaced, err := t.Encode(" "+word, tokenizer.EncodeOptions{})
		if err != nil {
			return nil, &RequestError{field, err.Error()}
		}
		if len(spaced) == len(plain) && spaced[0] != plain[0] {
			out = append(out, spaced)
		}
	}
	return out, nil
}
