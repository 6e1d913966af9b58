package engine

import (
	"context"
	"fmt"
	"slices"

	"vitrine/engine/sampler"
)

// Handle is the outside of a request. Its methods may be called from any
// goroutine; [Handle.Next] from one at a time.
type Handle struct {
	engine *Engine
	seq    *sequence
}

// ID names the request within its engine; it is never 0. An [Observer] knows
// its first output by this number, and each further one by one of its own.
func (h *Handle) ID() uint32 { return h.seq.id }

// Next waits for the request's next event. It returns [ErrReleased] after
// Release, [ErrClosed] after the engine's Close, or the context's error.
func (h *Handle) Next(ctx context.Context) (Event, error) { return h.seq.box.next(ctx) }

// do runs f on the engine's goroutine, between two steps.
func (h *Handle) do(f func(e *Engine, s *sequence) error) error {
	return h.within(context.Background(), f)
}

// within is do for as long as ctx lasts.
func (h *Handle) within(ctx context.Context, f func(e *Engine, s *sequence) error) error {
	return h.engine.do(ctx, func() error {
		if !h.engine.holds(h.seq.group) {
			return ErrReleased
		}
		return h.engine.guardRequest(h.seq, "a call about a request", func() error { return f(h.engine, h.seq) })
	})
}

// Pause stops the request, all outputs of it, before its next step. It keeps
// its blocks.
func (h *Handle) Pause() error {
	return h.do(func(e *Engine, s *sequence) error {
		for _, o := range s.unfinished() {
			e.park(o, Paused)
		}
		return nil
	})
}

// Resume lets the request run on without a bound. A finished request goes on
// behind its last token, and max_tokens counts anew from there. Of several
// outputs, those go on that have not finished.
func (h *Handle) Resume() error { return h.run(-1) }

// Step lets the request draw n tokens, each output that has not finished, and
// then pauses it.
func (h *Handle) Step(n int) error {
	if n < 1 {
		return &RequestError{"n", fmt.Sprintf("is %d, want at least 1 token", n)}
	}
	return h.run(n)
}

func (h *Handle) run(steps int) error {
	return h.do(func(e *Engine, s *sequence) error {
		if s.n > 1 {
			for _, o := range s.unfinished() {
				o.steps = steps
				e.enqueue(o)
			}
			return nil
		}
		switch {
		case len(s.tokens) == 0:
			return &RequestError{"tokens", "are none; append some before the request can run"}
		case len(s.tokens) >= e.contextLimit():
			return &RequestError{"tokens", fmt.Sprintf("fill the context of %d", e.contextLimit())}
		}
		if s.state.Finished() {
			s.turn().limitFrom = len(s.tokens)
		}
		s.steps = steps
		e.enqueue(s)
		return nil
	})
}

// Abort ends the answer where it is; of several outputs, all that have not
// finished.
func (h *Handle) Abort() error {
	return h.do(func(e *Engine, s *sequence) error {
		for _, o := range s.unfinished() {
			e.finish(o, FinishedAborted, "")
		}
		return nil
	})
}

// Rewind keeps the first pos tokens, drops the rest with their keys and
// values, and pauses. It refuses a request with several outputs, as all
// methods do that are about a single sequence: Append, SetParams, Fork, Probe, Lens
// and KV.
func (h *Handle) Rewind(pos int) error {
	return h.do(func(e *Engine, s *sequence) error {
		if err := s.alone("Rewind"); err != nil {
			return err
		}
		if pos < 0 || pos > len(s.tokens) {
			return &RequestError{"position", fmt.Sprintf("is %d, want 0 to %d", pos, len(s.tokens))}
		}
		e.park(s, Paused)
		s.tokens = s.tokens[:pos]
		s.computed, s.scores, s.counted = min(s.computed, max(pos-1, 0)), min(s.scores, pos), min(s.counted, pos)
		for len(s.turns) > 1 && s.turn().start > pos {
			s.turns = s.turns[:len(s.turns)-1]
		}
		t := s.turn()
		t.start, t.limitFrom = min(t.start, pos), min(t.limitFrom, pos)
		e.pool.Truncate(&s.table, s.computed)
		s.replay(e)
		return nil
	})
}

// Append puts tokens behind the last one without drawing them. They are a
// new turn's given tokens; or, if forced, part of the answer, as if they had
// been drawn.
func (h *Handle) Append(tokens []int32, forced bool) error {
	return h.do(func(e *Engine, s *sequence) error {
		if err := s.alone("Append"); err != nil {
			return err
		}
		if err := e.checkTokens(tokens, len(s.tokens)); err != nil {
			return err
		}
		if forced {
			if err := s.grammar.check(tokens); err != nil {
				return err
			}
		}
		if !s.state.Finished() {
			e.park(s, Paused)
		}
		s.tokens = append(s.tokens, tokens...)
		if !forced {
			start := turn{start: len(s.tokens), limitFrom: len(s.tokens)}
			if s.turn().start == len(s.tokens)-len(tokens) {
				*s.turn() = start // nothing was drawn in between: still the same turn
			} else {
				s.turns = append(s.turns, start)
			}
		}
		s.replay(e)
		return nil
	})
}

// replay brings the text of the answer, and its grammar, to where its tokens are.
func (s *sequence) replay(e *Engine) {
	s.out = newOutput(e.tokenizer, &s.params)
	s.grammar.restart()
	for _, id := range s.tokens[s.turn().start:] {
		s.out.push(id)
		s.grammar.accept(id)
	}
}

// SetParams changes the parameters of what is drawn from now on. A
// *sampler.ParamError or *RequestError names what is wrong; then nothing
// changes. Without HasSeed the seed stays. N and PromptLogProbs are a matter of
// Add alone.
func (h *Handle) SetParams(p sampler.Params) error {
	return h.do(func(e *Engine, s *sequence) error {
		if err := s.alone("SetParams"); err != nil {
			return err
		}
		if err := e.prepare(&p); err != nil {
			return err
		}
		switch {
		case p.N != 1:
			return &RequestError{"n", fmt.Sprintf("is %d, want 1: the number of outputs is settled when the request is added", p.N)}
		case p.HasPromptLogProbs != s.params.HasPromptLogProbs || p.PromptLogProbs != s.params.PromptLogProbs:
			return &RequestError{"prompt_logprobs", "is another than when the request was added, want the same"}
		}
		if !p.HasSeed {
			p.Seed = s.params.Seed
		}
		s.params = p
		s.replay(e)
		return nil
	})
}

// SetWatch changes which events for the eye the request emits.
func (h *Handle) SetWatch(w Watch) error {
	return h.do(func(_ *Engine, s *sequence) error {
		for _, o := range s.outputs {
			o.watch = w
		}
		return nil
	})
}

// Release ends the request and frees everything it holds.
func (h *Handle) Release() error {
	return h.do(func(e *Engine, s *sequence) error {
		for _, o := range s.unfinished() {
			e.finish(o, FinishedAborted, "")
		}
		e.forget(s)
		return nil
	})
}

// Snapshot is the state of an output at one moment.
type Snapshot struct {
	Tokens   []int32
	Start    int // the position where the current answer begins
	Computed int // tokens whose keys and values are in the cache
	State    State
	Params   sampler.Params
	Blocks   []int32 // the block table
}

// Snapshot copies the request's state; of several outputs, the first one's.
func (h *Handle) Snapshot(ctx context.Context) (Snapshot, error) {
	all, err := h.Snapshots(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	return all[0], nil
}

// Snapshots copies the state of each output, in the order of their indices.
// There is one until the prompt is computed.
func (h *Handle) Snapshots(ctx context.Context) ([]Snapshot, error) {
	var out []Snapshot
	err := h.within(ctx, func(_ *Engine, s *sequence) error {
		for _, o := range s.outputs {
			out = append(out, Snapshot{
				Tokens: slices.Clone(o.tokens), Start: o.turn().start, Computed: o.computed,
				State: o.state, Params: o.params, Blocks: slices.Clone(o.table.Blocks),
			})
		}
		return nil
	})
	return out, err
}
