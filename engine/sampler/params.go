package sampler

import "slices"

// Params are the sampling parameters of one request, with vLLM's names,
// meanings and defaults. The zero value is not usable; start from [Defaults].
// Fields that only the engine acts on (N, MaxTokens, Stop, IgnoreEOS,
// SkipSpecialTokens, IncludeStopStrInOutput, Detokenize, PromptLogProbs) are kept and
// validated here so that a request's parameters are one struct.
type Params struct {
	// N is the number of outputs generated from the prompt, 1 to [MaxN].
	// Default 1. Output i draws with Seed + i.
	N int

	// Temperature divides the logits: below 1 sharper, above 1 flatter.
	// 0 is greedy, values in (0, 0.01) are raised to 0.01. Default 1.
	Temperature float32
	// TopP keeps the most probable tokens whose probabilities add up to
	// TopP, in (0, 1]. Default 1 (off).
	TopP float32
	// MinP drops tokens less probable than MinP times the best token, in
	// [0, 1]. Default 0 (off).
	MinP float32
	// PresencePenalty is subtracted from the logit of every token that occurs in the
	// output, in [−2, 2]. Default 0.
	PresencePenalty float32
	// FrequencyPenalty times the token's count in the output is subtracted
	// from its logit, in [−2, 2]. Default 0.
	FrequencyPenalty float32
	// RepetitionPenalty divides the positive and multiplies the negative
	// logits of tokens in prompt and output, > 0. Default 1 (off).
	RepetitionPenalty float32

	// TopK keeps the TopK largest logits; 0 and −1 mean off. Default 0.
	TopK int

	// Seed and the position decide every draw. The sampler always uses it; the
	// engine gives a request without HasSeed a random one.
	Seed uint64
	// HasSeed says that the request named its seed.
	HasSeed bool

	// MaxTokens bounds the output's length in tokens, ≥ 1. Default 16.
	MaxTokens int
	// MinTokens is the number of tokens before which stop tokens and
	// end-of-sequence are banned, in [0, MaxTokens]. Default 0.
	MinTokens int

	// Stop holds strings that end the output (matched by the engine).
	Stop []string
	// StopTokenIDs end the output; in [0, vocabulary).
	StopTokenIDs []int32
	// EOSTokenIDs are the model's end-of-sequence tokens, filled in by the engine. They
	// end the output unless IgnoreEOS, and MinTokens bans them.
	EOSTokenIDs []int32
	// IgnoreEOS lets the output run past EOSTokenIDs. Default false.
	IgnoreEOS bool

	// LogitBias is added to single logits, clamped to ±100; entries for the same
	// token add up.
	LogitBias []TokenBias
	// AllowedTokenIDs, if not nil, are the only tokens that may be drawn. It
	// must not be empty then.
	AllowedTokenIDs []int32
	// BadWords are token sequences that must not occur in the output: the
	// last token of one is banned where the output ends with the others.
	BadWords [][]int32

	// LogProbs is the number of most probable tokens reported with each
	// token, −1 for the whole vocabulary. Default 0: the chosen token's alone.
	LogProbs int
	// SkipLogProb leaves LogProb and Rank out of the result, as vLLM does
	// for logprobs=None; it saves an exponential a token of the vocabulary. Needs LogProbs 0. Default false.
	SkipLogProb bool
	// PromptLogProbs is the number of most probable tokens reported with each
	// token of the prompt but the first, −1 for the whole vocabulary, 0 for
	// the prompt's token alone. Needs HasPromptLogProbs unless 0.
	PromptLogProbs int
	// HasPromptLogProbs asks for them; without it nothing of the prompt is
	// reported, as with vLLM's prompt_logprobs=None. Default false.
	HasPromptLogProbs bool

	// SkipSpecialTokens leaves special tokens out of the text. Default true.
	SkipSpecialTokens bool
	// IncludeStopStrInOutput leaves a matched stop string in the text. Default false.
	IncludeStopStrInOutput bool
	// Detokenize makes text of the tokens. Default true.
	Detokenize bool

	// Order is the order of the stages. Default [VLLM].
	Order Order
}

// TokenBias is an entry of logit_bias.
type TokenBias struct {
	Token int32
	Bias  float32
}

// Defaults returns vLLM's defaults.
func Defaults() Params {
	return Params{
		N:                 1,
		Temperature:       1,
		TopP:              1,
		RepetitionPenalty: 1,
		MaxTokens:         16,
		SkipSpecialTokens: true,
		Detokenize:        true,
	}
}

// History is what the penalties, bad_words and min_tokens look at: the token
// ids of the prompt and those generated since, and what a grammar makes of
// them. It is read, never kept.
type History struct {
	Prompt, Output []int32
	// Allowed are the tokens that may come next by the request's structured
	// output, as a mask of one bit a token: bit id%64 of Allowed[id/64]. It has
	// a word for each 64 tokens begun. nil allows all.
	Allowed []uint64
}

// Stops reports whether the token ends the output of a request that has generated
// generated tokens, this one included: it is in StopTokenIDs, or in
// EOSTokenIDs and IgnoreEOS is not set. Fewer tokens than MinTokens never stop.
func (p *Params) Stops(token int32, generated int) bool {
	if generated < p.MinTokens {
		return false
	}
	return slices.Contains(p.StopTokenIDs, token) || !p.IgnoreEOS && slices.Contains(p.EOSTokenIDs, token)
}
