package engine

import (
	"fmt"
	"slices"
	"time"
)

// conclude records what a step computed of one request, draws its next token
// and tells its reader.
func (e *Engine) conclude(p *part, info StepInfo) {
	s := p.seq
	first, had := s.computed, len(s.tokens)
	s.computed += p.count
	e.pool.Fill(&s.table, s.computed)
	if s.computed > s.counted {
		e.stats.PromptTokens += uint64(s.computed - s.counted)
		s.counted = s.computed
	}
	info.Position, info.Computed = p.position, p.count
	if p.watched > 0 {
		s.tell(Event{Kind: EventAttention, From: first + p.count - p.watched, Rows: p.watched, Weights: pack(p.probs), Step: info})
	}
	switch {
	case !p.draws:
		e.setState(s, e.busy(s), "")
	case s.forks == 0:
		e.draw(s, p.logits, info)
	default:
		if err := e.fork(s); err != nil {
			e.finish(s, FinishedAborted, err.Error())
			return
		}
		p.forked = true
		for _, o := range s.outputs {
			e.draw(o, p.logits, info)
		}
	}
	p.drawn = len(s.tokens) - had
	if !p.timed {
		s.tell(Event{Kind: EventStep, Step: info})
	}
}

// draw lets the sampler choose the next token and decides what that ends.
func (e *Engine) draw(s *sequence, logits []float32, info StepInfo) {
	pos := len(s.tokens)
	if s.watch.Logits && s.looked {
		s.tell(Event{Kind: EventLogits, Pos: pos, Logits: slices.Clone(logits)})
	}
	var begin time.Time
	if e.step.timed {
		begin = time.Now()
	}
	result, err := e.sampler.Sample(logits, &s.params, s.history(), pos)
	if e.step.timed {
		e.step.draw += time.Since(begin)
	}
	if err != nil {
		e.finish(s, FinishedAborted, err.Error())
		return
	}
	s.tokens = append(s.tokens, result.Token)
	e.stats.GenerationTokens++
	s.counted = len(s.tokens)
	text, stopString := s.out.push(result.Token)
	state, reason := e.verdict(s, result.Token, stopString)
	if state.Finished() && !stopString {
		text += s.out.flush()
	}
	s.tell(Event{Kind: EventToken, Pos: pos, Token: result.Token, Result: result, Text: text, Step: info})
	if s.steps > 0 {
		s.steps--
	}
	switch {
	case state.Finished():
		e.finish(s, state, reason)
	case s.steps == 0:
		e.park(s, Paused)
	case s.state != Waiting: // as a fork does
		e.setState(s, Running, "")
	}
}

// verdict says whether the token that was just appended ends the answer.
func (e *Engine) verdict(s *sequence, token int32, stopString bool) (State, string) {
	generated := len(s.tokens) - s.turn().start
	switch {
	case s.params.Stops(token, generated):
		return FinishedStopped, fmt.Sprintf("token %d", token)
	case stopString && generated >= s.params.MinTokens:
		return FinishedStopped, "stop string"
	case len(s.tokens)-s.turn().limitFrom >= s.params.MaxTokens:
		return FinishedLength, "max_tokens"
	case len(s.tokens) >= e.contextLimit():
		return FinishedLength, "context"
	}
	return Running, ""
}
