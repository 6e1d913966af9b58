package engine

import (
	"fmt"
	"slices"

	"vitrine/engine/sampler"
	"vitrine/engine/structured"
)

// Prompt is a prompt with what concerns it alone: vLLM's TextPrompt, or its
// TokensPrompt where TokenIDs are given.
type Prompt struct {
	// Text is encoded as [LLM.Encode] does. With TokenIDs it is repeated in the
	// output and not read: vLLM's prompt.
	Text string
	// TokenIDs, if not nil, are the prompt as it is computed: vLLM's prompt_token_ids.
	TokenIDs []int32
	// CacheSalt, if not empty, keeps what is computed for the prompt from others:
	// only prompts with the same salt find it in the prefix cache.
	CacheSalt string
	// Priority orders prompts under the policy [Priority], the least first. It must be
	// 0 under others: see [WithSchedulingPolicy].
	Priority int
}

// TextPrompts are prompts that are texts and no more.
func TextPrompts(texts ...string) []Prompt {
	prompts := make([]Prompt, len(texts))
	for i, text := range texts {
		prompts[i].Text = text
	}
	return prompts
}

// encodePrompt gives a prompt its token ids, and refuses a priority that nobody reads.
func (l *LLM) encodePrompt(p Prompt) (Prompt, error) {
	if policy := l.engine.Options().Policy; p.Priority != 0 && policy != Priority {
		return p, &RequestError{"priority", fmt.Sprintf("is %d, want 0: the scheduling policy is %v, not priority", p.Priority, policy)}
	}
	var err error
	if p.TokenIDs == nil {
		p.TokenIDs, err = l.Encode(p.Text)
	} else {
		p.TokenIDs = slices.Clone(p.TokenIDs)
	}
	return p, err
}

// inputs are prompts with their token ids.
func (l *LLM) inputs(prompts []Prompt) ([]Prompt, error) {
	inputs := make([]Prompt, len(prompts))
	for i, p := range prompts {
		var err error
		if inputs[i], err = l.encodePrompt(p); err != nil {
			return nil, fmt.Errorf("engine: prompt %d: %w", i, err)
		}
	}
	return inputs, nil
}

// demand is what sampling parameters ask for, ready for the engine.
type demand struct {
	params     sampler.Params
	structured *structured.Constraint
}

// demand compiles sampling parameters.
func (l *LLM) demand(p *SamplingParams) (d demand, err error) {
	if d.params, err = p.params(l.model.Tokenizer); err != nil {
		return d, err
	}
	if p.StructuredOutputs != nil {
		if d.structured, err = l.engine.Structured().Compile(*p.StructuredOutputs); err != nil {
			return d, fmt.Errorf("structured_outputs: %w", err)
		}
	}
	return d, nil
}

// request is what is asked of the engine for a prompt that has its token ids.
func (d *demand) request(p *Prompt) Request {
	return Request{Prompt: p.TokenIDs, Params: d.params, Priority: p.Priority, CacheSalt: p.CacheSalt, Structured: d.structured}
}

// requests pairs prompts that have their token ids with their parameters: with
// the same, if there are one, or each with its own, as vLLM's generate does.
func (l *LLM) requests(inputs []Prompt, params []SamplingParams) ([]Request, error) {
	switch len(params) {
	case 0:
		params = []SamplingParams{DefaultSamplingParams()}
	case 1, len(inputs):
	default:
		return nil, fmt.Errorf("engine: %w", &RequestError{"sampling_params", fmt.Sprintf("are %d for %d prompts, want one for all or one for each", len(params), len(inputs))})
	}
	demands := make([]demand, len(params))
	for i := range params {
		var err error
		switch demands[i], err = l.demand(&params[i]); {
		case err != nil && len(params) > 1:
			return nil, fmt.Errorf("engine: sampling_params %d: %w", i, err)
		case err != nil:
			return nil, fmt.Errorf("engine: %w", err)
		}
	}
	requests := make([]Request, len(inputs))
	for i := range inputs {
		d := &demands[0]
		if len(demands) > 1 {
			d = &demands[i]
		}
		requests[i] = d.request(&inputs[i])
	}
	return requests, nil
}
