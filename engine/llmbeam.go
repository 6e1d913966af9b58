package engine

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// BeamSearchParams say how beams are searched for, with vLLM's names and meanings.
type BeamSearchParams struct {
	// BeamWidth is the number of beams that go on after each step, and of those
	// returned, 1 to [MaxBeamWidth].
	BeamWidth int
	// MaxTokens bounds a beam's tokens behind the prompt, at least 1.
	MaxTokens int
	// LengthPenalty is the power of a beam's length that its score is divided by; see
	// [BeamRequest]. nil means 1, vLLM's default.
	LengthPenalty *float64
	// IgnoreEOS lets beams run past the model's end tokens.
	IgnoreEOS bool
	// EarlyStopping ends the search as soon as BeamWidth beams have ended. vLLM has it
	// not: there, as without it here, no beam is given up that could still be better.
	EarlyStopping bool
}

// BeamSearchOutput is what was found behind one prompt.
type BeamSearchOutput struct {
	Prompt         string
	PromptTokenIDs []int32
	Sequences      []Beam // at most BeamSearchParams.BeamWidth, the best first
}

// BeamSearch finds the likeliest continuations of the prompts, all in common
// batches; see [Engine.BeamSearch]. If ctx ends or a prompt is refused, nothing of the
// others goes on, and the error says which prompt it was: a *[RequestError] names
// the field.
func (l *LLM) BeamSearch(ctx context.Context, prompts []Prompt, params BeamSearchParams) ([]BeamSearchOutput, error) {
	inputs, err := l.inputs(prompts)
	if err != nil {
		return nil, err
	}
	r := BeamRequest{Width: params.BeamWidth, MaxTokens: params.MaxTokens, LengthPenalty: 1, EarlyStopping: params.EarlyStopping, IgnoreEOS: params.IgnoreEOS}
	if params.LengthPenalty != nil {
		r.LengthPenalty = *params.LengthPenalty
	}
	outputs := make([]BeamSearchOutput, len(inputs))
	g, ctx := errgroup.WithContext(ctx)
	for i, in := range inputs {
		r.Prompt, r.Priority, r.CacheSalt = in.TokenIDs, in.Priority, in.CacheSalt
		search := r
		g.Go(func() error {
			beams, err := l.engine.BeamSearch(ctx, search)
			if err != nil {
				return fmt.Errorf("engine: prompt %d: %w", i, err)
			}
			outputs[i] = BeamSearchOutput{Prompt: in.Text, PromptTokenIDs: in.TokenIDs, Sequences: beams}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return outputs, nil
}
