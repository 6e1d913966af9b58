package sampler

import (
	"errors"
	"slices"
)

// Order says in which order the stages run. The differences are real: they
// decide, for example, whether top_p sees the distribution before or after the
// temperature.
type Order uint8

const (
	// VLLM is vLLM's order (v1/sample/sampler.py) and the default: the mask of
	// structured outputs, allowed_token_ids, bad_words, min_tokens, logit_bias, repetition,
	// frequency and presence penalty, temperature, min_p, top_k, top_p.
	VLLM Order = iota
	// HuggingFace is the order of transformers' generate()
	// (_get_logits_processor): the mask of structured outputs, logit_bias (sequence_bias), repetition penalty,
	// bad_words, min_tokens (min_new_tokens), allowed_token_ids
	// (prefix_allowed_tokens_fn), temperature, top_k, top_p, min_p. It has no
	// frequency and presence penalty; here they follow the repetition penalty.
	HuggingFace
	// LlamaCPP is the order of llama.cpp's default sampler chain: logit_bias,
	// penalties, top_k, top_p, min_p, temperature last. Its stages DRY,
	// top_nσ, typical and XTC do not exist here, and its penalties' window
	// (penalty_last_n) is the whole sequence. Its grammar and the bans, which it has as
	// biases of −Inf, run first. Its defaults (T 0.8, k 40, p 0.95, min_p 0.05) are not
	// applied.
	LlamaCPP
)

var orderNames = [...]string{VLLM: "vllm", HuggingFace: "huggingface", LlamaCPP: "llamacpp"}

// String returns "vllm", "huggingface" or "llamacpp".
func (o Order) String() string {
	if int(o) < len(orderNames) {
		return orderNames[o]
	}
	return "unknown"
}

// MarshalText writes the order as its name.
func (o Order) MarshalText() ([]byte, error) {
	if int(o) >= len(orderNames) {
		return nil, errors.New("sampler: unknown order")
	}
	return []byte(orderNames[o]), nil
}

// UnmarshalText reads one of the names that String returns.
func (o *Order) UnmarshalText(text []byte) error {
	for i, name := range orderNames {
		if string(text) == name {
			*o = Order(i)
			return nil
		}
	}
	return &ParamError{Field: "order", Got: string(text), Want: "vllm, huggingface or llamacpp"}
}

// Stages lists every stage of the order, active or not, as a page would
// draw the pipeline. It starts with [Raw]; [Greedy] and [Draw] both end it, a
// request runs one of them.
func (o Order) Stages() []Kind {
	if int(o) >= len(pipelines) {
		return nil
	}
	p := &pipelines[o]
	return slices.Concat([]Kind{Raw}, p.edits[:], p.cuts[:], []Kind{Greedy, Draw})
}

// Kind names a stage.
type Kind uint8

const (
	// Raw is the distribution as the model gave it; every report starts with it.
	Raw Kind = iota
	// StructuredOutputs bans every token that the request's grammar does not
	// allow next, [History].Allowed.
	StructuredOutputs
	// AllowedTokens bans every token outside allowed_token_ids.
	AllowedTokens
	// BadWords bans the token that would complete one of bad_words.
	BadWords
	// MinTokens bans the stop and end-of-sequence tokens until min_tokens
	// tokens have been generated.
	MinTokens
	// LogitBias adds a number to the logits of given tokens.
	LogitBias
	// RepetitionPenalty divides positive and multiplies negative logits of the
	// tokens in prompt and output (Keskar et al., CTRL, 2019, section 4.1).
	RepetitionPenalty
	// FrequencyPenalty subtracts the penalty times the token's count in the output.
	FrequencyPenalty
	// PresencePenalty subtracts the penalty once from every token in the output.
	PresencePenalty
	// Temperature divides all logits by T.
	Temperature
	// MinP drops tokens less probable than min_p times the best (Nguyen et al.,
	// "Turning Up the Heat: Min-p Sampling", 2024).
	MinP
	// TopK keeps the k largest logits and all that equal the k-th (Fan et al., 2018).
	TopK
	// TopP keeps the smallest prefix whose probability reaches p (Holtzman et
	// al., "The Curious Case of Neural Text Degeneration", 2019).
	TopP
	// Greedy takes the largest logit, of equals the lowest id (temperature 0).
	Greedy
	// Draw inverts the cumulative distribution at a uniform number.
	Draw
)

var kindNames = [...]string{
	Raw: "raw", StructuredOutputs: "structured_outputs", AllowedTokens: "allowed_token_ids", BadWords: "bad_words", MinTokens: "min_tokens",
	LogitBias: "logit_bias", RepetitionPenalty: "repetition_penalty",
	FrequencyPenalty: "frequency_penalty", PresencePenalty: "presence_penalty",
	Temperature: "temperature", MinP: "min_p", TopK: "top_k", TopP: "top_p",
	Greedy: "greedy", Draw: "draw",
}

// String returns the name of the parameter that drives the stage, or "raw", "greedy" or "draw".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// MarshalText writes the kind as its name.
func (k Kind) MarshalText() ([]byte, error) {
	if int(k) >= len(kindNames) {
		return nil, errors.New("sampler: unknown stage")
	}
	return []byte(kindNames[k]), nil
}

// pipeline is an order split where the nature of the stages changes: edits
// change single logits, cuts shorten the prefix that is kept or rescale it.
type pipeline struct {
	edits [8]Kind
	cuts  [4]Kind
}

var pipelines = [...]pipeline{
	VLLM: {
		edits: [8]Kind{StructuredOutputs, AllowedTokens, BadWords, MinTokens, LogitBias, RepetitionPenalty, FrequencyPenalty, PresencePenalty},
		cuts:  [4]Kind{Temperature, MinP, TopK, TopP},
	},
	HuggingFace: {
		edits: [8]Kind{StructuredOutputs, LogitBias, RepetitionPenalty, FrequencyPenalty, PresencePenalty, BadWords, MinTokens, AllowedTokens},
		cuts:  [4]Kind{Temperature, TopK, TopP, MinP},
	},
	LlamaCPP: {
		edits: [8]Kind{StructuredOutputs, AllowedTokens, BadWords, MinTokens, LogitBias, RepetitionPenalty, FrequencyPenalty, PresencePenalty},
		cuts:  [4]Kind{TopK, TopP, MinP, Temperature},
	},
}
