package remote

import (
	"fmt"
	"strconv"
)

// Message is one message of a chat.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
}

// Params are the sampling parameters of a request under vLLM's names. The zero
// value of a field that only vLLM has is not sent.
type Params struct {
	Temperature       float32
	TopP              float32 // (0, 1]
	PresencePenalty   float32
	FrequencyPenalty  float32
	MaxTokens         int
	Seed              *int64 // nil leaves it to the server
	Stop              []string
	LogitBias         map[int32]float32
	TopK              int     // vLLM only; 0 is off
	MinP              float32 // vLLM only; 0 is off
	RepetitionPenalty float32 // vLLM only; 0 and 1 are off
	MinTokens         int     // vLLM only
	IgnoreEOS         bool    // vLLM only
}

// alternatives is how many of the likeliest tokens are asked for beside each
// drawn one: the most that OpenAI's API takes in a chat.
const alternatives = 20

// completionAlternatives is the same for /v1/completions, whose own limit is
// lower.
const completionAlternatives = 5

// ParamError says that a parameter cannot be given to this server.
type ParamError struct {
	Field  string // vLLM's name
	Reason string
}

// Error names the field and the reason.
func (e *ParamError) Error() string { return e.Field + ": " + e.Reason }

// CheckParams refuses by name what the server does not take: OpenAI's API has
// no such parameter, and a server may leave it out without a word.
func (e *Engine) CheckParams(p Params) error {
	if e.info.Extended() {
		return nil
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"top_k", p.TopK != 0}, {"min_p", p.MinP != 0}, {"repetition_penalty", p.RepetitionPenalty != 0 && p.RepetitionPenalty != 1},
		{"min_tokens", p.MinTokens != 0}, {"ignore_eos", p.IgnoreEOS},
	} {
		if f.set {
			return &ParamError{f.name, "this remote server does not say that it is vLLM, and OpenAI's API has no such parameter; switch it off"}
		}
	}
	return nil
}

// body is the part of a request that chats and completions share.
func (e *Engine) body(p Params) map[string]any {
	b := map[string]any{
		"model": e.info.Model, "stream": true, "stream_options": map[string]any{"include_usage": true},
		"temperature": p.Temperature, "top_p": p.TopP, "max_tokens": p.MaxTokens,
	}
	set := func(name string, value any, on bool) {
		if on {
			b[name] = value
		}
	}
	set("presence_penalty", p.PresencePenalty, p.PresencePenalty != 0)
	set("frequency_penalty", p.FrequencyPenalty, p.FrequencyPenalty != 0)
	set("seed", p.Seed, p.Seed != nil)
	set("stop", p.Stop, len(p.Stop) > 0)
	if len(p.LogitBias) > 0 {
		bias := map[string]float32{}
		for id, v := range p.LogitBias {
			bias[strconv.Itoa(int(id))] = v
		}
		b["logit_bias"] = bias
	}
	set("top_k", p.TopK, p.TopK != 0)
	set("min_p", p.MinP, p.MinP != 0)
	set("repetition_penalty", p.RepetitionPenalty, p.RepetitionPenalty != 0 && p.RepetitionPenalty != 1)
	set("min_tokens", p.MinTokens, p.MinTokens != 0)
	set("ignore_eos", true, p.IgnoreEOS)
	if e.info.Extended() {
		b["return_token_ids"], b["return_tokens_as_token_ids"] = true, true
	}
	return b
}

// chatBody is a request to /v1/chat/completions.
func (e *Engine) chatBody(messages []Message, p Params) map[string]any {
	b := e.body(p)
	b["messages"], b["logprobs"], b["top_logprobs"] = messages, true, alternatives
	return b
}

// completeBody is a request to /v1/completions.
func (e *Engine) completeBody(prompt string, p Params) map[string]any {
	b := e.body(p)
	b["prompt"], b["logprobs"] = prompt, completionAlternatives
	return b
}

// limitError says that a server sends more than it may.
func (e *Engine) limitError(what string, limit int, unit string) *Error {
	return e.fault(fmt.Sprintf("the server's answer has %s of over %d %s; it is cut off here", what, limit, unit), nil)
}
