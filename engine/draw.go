package engine

import (
	"fmt"
	"slices"
	"time"

	"vitrine/engine/sampler"
)

// conclude records what a step computed of one request, draws its next tokens
// and tells its reader.
func (e *Engine) conclude(p *part, info StepInfo) {
	s := p.seq
	had := len(s.tokens)
	e.advance(s, p.position+1)
	info.Position, info.Computed, info.Cached = p.position, p.count, s.prefixHit
	if p.watched > 0 {
		s.tell(Event{Kind: EventAttention, From: p.position + 1 - p.watched, Rows: p.watched, Weights: pack(p.probs), Step: info})
	}
	switch {
	case !p.draws:
		e.setState(s, e.busy(s), "")
	case s.beam != nil:
		e.report(s, p.logits)
		if s.beam.search.err == nil {
			p.drawn = 1 // as long as it is a beam, each step decides one token of it
		}
	case s.forks == 0:
		e.verify(p, &info)
	default:
		if err := e.fork(s); err != nil {
			e.finish(s, FinishedAborted, err.Error())
			return
		}
		p.forked = true
		for _, o := range s.outputs {
			if o.state.Finished() {
				continue // a panic has ended all of them
			}
			e.draw(o, p.logits, nil, info)
		}
	}
	if s.beam == nil {
		p.drawn = len(s.tokens) - had
	}
	if p.draws && e.options.Memory == NoCache {
		e.evict(s) // nothing is kept from token to token
	}
	if !p.timed {
		s.tell(Event{Kind: EventStep, Step: info})
	}
}

// verify draws the next token and, as long as each is the one that was guessed
// and computed in its place, the ones behind it (Leviathan et al. 2023, "Fast
// Inference from Transformers via Speculative Decoding"; as a draw depends on the
// logits, the seed and the position alone, what they accept by chance is here what would
// have been drawn).
func (e *Engine) verify(p *part, info *StepInfo) {
	s, vocab := p.seq, e.model.Config().Vocab
	for i := 0; ; i++ {
		var ahead *drawn
		if i == 0 && p.ahead.done {
			ahead = &p.ahead
		}
		e.draw(s, p.logits[i*vocab:(i+1)*vocab], ahead, *info)
		if i == p.drafts || s.state != Running || s.tokens[len(s.tokens)-1] != s.drafts[i] {
			e.stats.Drafted += uint64(p.drafts)
			e.stats.Accepted += uint64(i)
			break
		}
		p.position++
		info.Position = p.position
		e.advance(s, p.position+1)
	}
	if p.drafts > 0 {
		e.pool.Truncate(&s.table, s.computed) // wrong guesses hold no blocks
	}
}

// draw lets the sampler choose the next token, unless it was drawn ahead, and decides
// what that ends.
func (e *Engine) draw(s *sequence, logits []float32, ahead *drawn, info StepInfo) {
	pos := len(s.tokens)
	if s.watch.Logits && s.looked {
		s.tell(Event{Kind: EventLogits, Pos: pos, Logits: slices.Clone(logits)})
	}
	var begin time.Time
	if e.step.timed {
		begin = time.Now()
	}
	if s.grammar.complete() { // and somebody resumed it
		e.finish(s, FinishedStopped, structuredEnd)
		return
	}
	history, err := s.grammar.limit(s.history())
	var result sampler.Result
	switch {
	case ahead != nil:
		result, err = ahead.result, e.guardRequest(s, "drawing a token", func() error { return ahead.err })
	case err == nil:
		result, err = e.sampler.Sample(logits, &s.params, history, pos)
	}
	if e.step.timed {
		e.step.draw += time.Since(begin)
	}
	if err != nil {
		if !s.state.Finished() {
			e.finish(s, FinishedAborted, err.Error())
		}
		return
	}
	s.tokens = append(s.tokens, result.Token)
	s.grammar.accept(result.Token)
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
	case s.grammar.complete():
		return FinishedStopped, structuredEnd
	case stopString && generated >= s.params.MinTokens:
		return FinishedStopped, "stop string"
	case len(s.tokens)-s.turn().limitFrom >= s.params.MaxTokens:
		return FinishedLength, "max_tokens"
	case len(s.tokens) >= e.contextLimit():
		return FinishedLength, "context"
	}
	return Running, ""
}
