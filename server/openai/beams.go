package openai

import (
	"context"
	"time"

	"vitrine/engine"
)

// beams is a beam search that a request asks for, as vLLM's servers take it: the answers
// are the n likeliest continuations as a whole, the best first.
type beams struct {
	lengthPenalty float64
	earlyStopping bool
}

// takeBeams takes use_beam_search and what goes with it; without it those fields are left,
// for they would mean nothing.
func (r *request) takeBeams(o *object) {
	search := false
	if take(o, "use_beam_search", &search, "true or false"); !search {
		return
	}
	r.beams = &beams{lengthPenalty: 1}
	take(o, "length_penalty", &r.beams.lengthPenalty, "a number")
	take(o, "early_stopping", &r.beams.earlyStopping, "true or false")
}

// checkBeams refuses what a beam search has no use for: vLLM's leaves it unread. What it
// returns does not depend on a seed, so one may be given.
func (r *request) checkBeams() *Error {
	if r.beams == nil {
		return nil
	}
	p := &r.params
	for _, f := range []struct {
		field string
		given bool
	}{
		{"stream", r.stream}, {"prompt_logprobs", r.scores}, {"logprobs", r.echo && r.logProbs}, {"temperature", p.Temperature != 0 && p.Temperature != 1},
		{"top_p", p.TopP != 1}, {"top_k", p.TopK > 0}, {"min_p", p.MinP != 0}, {"presence_penalty", p.PresencePenalty != 0},
		{"frequency_penalty", p.FrequencyPenalty != 0}, {"repetition_penalty", p.RepetitionPenalty != 1}, {"min_tokens", p.MinTokens != 0},
		{"stop", len(p.Stop) > 0}, {"stop_token_ids", len(p.StopTokenIDs) > 0}, {"logit_bias", len(p.LogitBias) > 0},
		{"allowed_token_ids", p.AllowedTokenIDs != nil}, {"bad_words", len(p.BadWords) > 0},
	} {
		if f.given {
			return badField(f.field, "does not go with use_beam_search%s", beamless[f.field])
		}
	}
	switch {
	case r.spec != nil:
		return badField(r.spec.field, "does not go with use_beam_search")
	case p.MaxTokens == 0 && r.maxField != "":
		return badField(r.maxField, "got 0, want at least 1 with use_beam_search")
	}
	p.Temperature = 1 // 0 stands for greedy answers, of which there is one
	return nil
}

// beamless says why, where it is not plain.
var beamless = map[string]string{
	"stream":      ": what is best is known at the end",
	"logprobs":    " and echo: the prompt's log-probabilities are not computed",
	"temperature": ", which draws nothing: want 0, 1 or none",
}

// search has the engine search behind each prompt, and makes choices of what it finds.
func (s *Server) search(ctx context.Context, m *Model, r *request) (*generation, *Error) {
	if refusal := s.few(r); refusal != nil {
		return nil, refusal
	}
	began := time.Now()
	requests := make([]engine.BeamRequest, len(r.prompts))
	for i, p := range r.prompts {
		requests[i] = engine.BeamRequest{
			Prompt: p.ids, Width: r.params.N, MaxTokens: r.params.MaxTokens, LogProbs: r.params.LogProbs, IgnoreEOS: r.params.IgnoreEOS,
			LengthPenalty: r.beams.lengthPenalty, EarlyStopping: r.beams.earlyStopping, Priority: r.priority, CacheSalt: r.cacheSalt,
		}
	}
	found, err := m.Engine.BeamSearchAll(ctx, requests, s.options.MaxWaiting)
	if err != nil {
		return nil, s.notTaken(ctx, err)
	}
	took := time.Since(began)
	if m.Metrics != nil {
		m.Metrics.requestN(r.params.N, len(r.prompts))
	}
	g := &generation{model: m, request: r, end: func() {}}
	for i, all := range found {
		g.cached = append(g.cached, -1) // nobody has looked
		for _, b := range all {
			g.choices = append(g.choices, g.beam(i, b))
		}
		if m.Metrics != nil {
			m.Metrics.searched(len(r.prompts[i].ids), r.params.MaxTokens, all, took)
		}
	}
	g.scores = make([][]engine.PromptLogProb, len(r.prompts))
	return g, nil
}

// beam makes a choice of a beam. Its end token is told where include_stop_str_in_output asks
// for it, and never in the text.
func (g *generation) beam(prompt int, b engine.Beam) *choice {
	p := &g.request.params
	c := &choice{index: len(g.choices), prompt: prompt, ids: b.Tokens, results: b.Results, state: engine.FinishedLength, reason: "max_tokens"}
	said := b.Tokens
	if b.FinishReason == engine.FinishedStopped.Reason() {
		last := len(b.Tokens) - 1
		c.state, c.reason, c.endToken = engine.FinishedStopped, "end token", &b.Tokens[last]
		said = b.Tokens[:last]
		if !p.IncludeStopStrInOutput {
			c.ids, c.results = said, b.Results[:last]
		}
	}
	c.text.WriteString(g.model.Engine.Tokenizer().Decode(said, p.SkipSpecialTokens))
	return c
}

// few refuses more prompts than may wait.
func (s *Server) few(r *request) *Error {
	if n := len(r.prompts); n > s.options.MaxWaiting {
		return badField("prompt", "is a list of %d, more than the %d requests that may wait", n, s.options.MaxWaiting)
	}
	return nil
}
