package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"vitrine/engine/sampler"
)

// MaxBeamWidth is the largest width of a beam search.
const MaxBeamWidth = 512

// BeamRequest asks for the likeliest continuations of a prompt, as vLLM's
// BeamSearchParams does.
type BeamRequest struct {
	Prompt []int32
	// Width is the number of beams that go on after each step, and of those
	// returned, 1 to [MaxBeamWidth].
	Width int
	// MaxTokens bounds a beam's tokens behind the prompt, ≥ 1.
	MaxTokens int
	// LengthPenalty is the power of a beam's length that its score is divided by:
	// above 0 prefers longer ones, below 0 shorter ones, and 0 goes by the sum
	// alone. vLLM's default is 1.
	LengthPenalty float64
	// EarlyStopping ends the search as soon as Width beams have ended. Without it
	// it goes on while a beam could still be better than those.
	EarlyStopping bool
	// IgnoreEOS lets beams run past the model's end tokens.
	IgnoreEOS bool
	// Priority and CacheSalt are a [Request]'s.
	Priority  int
	CacheSalt string
}

// Beam is one continuation that a beam search found.
type Beam struct {
	Tokens []int32 // behind the prompt, with the end token if it drew one
	Text   string  // of Tokens without special ones
	// CumLogProb is the sum of the natural log-probabilities of Tokens in the raw
	// distribution.
	CumLogProb float64
	// Score is what beams are ranked by: CumLogProb / length^LengthPenalty, where
	// the length counts the prompt and not the end token, as in vLLM.
	Score float64
	// FinishReason is "stop" if it drew an end token, and else "length".
	FinishReason string
}

// BeamSearch finds the likeliest continuations of a prompt and returns at most
// Width of them, the best first (Graves 2012, "Sequence Transduction with
// Recurrent Neural Networks"; in the manner of vLLM's beam_search). In each step
// each beam offers its 2·Width likeliest next tokens; those that end are set
// aside, and of the others the Width best go on. A search is not sampled, and
// is the same each time.
//
// Beams are forks of each other: they share the blocks of what they have in
// common, and copy no more than the last one when they part.
//
// A *[RequestError] names the field that is wrong. If ctx ends first, the search
// is given up and its error returned.
func (e *Engine) BeamSearch(ctx context.Context, r BeamRequest) ([]Beam, error) {
	var search *beamSearch
	err := e.do(ctx, func() (err error) {
		return e.takeIn(func() (err error) {
			search, err = e.startSearch(&r)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	select {
	case <-search.done:
		return search.beams, search.err
	case <-e.done:
		return nil, e.whyClosed()
	case <-ctx.Done():
		// The engine's goroutine does not wait for us, so this takes a step at most.
		_ = e.do(context.Background(), func() error { // an engine that was closed has dropped it all
			e.endSearch(search, ctx.Err())
			return nil
		})
		return nil, ctx.Err()
	}
}

// beamSearch is a search that runs. Only the engine's goroutine touches it
// until done is closed.
type beamSearch struct {
	request BeamRequest
	vocab   int
	eos     []int32
	limit   int         // tokens that a beam has at most, the prompt's too
	live    []*sequence // the beams that go on, the best first
	ended   []Beam
	done    chan struct{}
	over    bool
	beams   []Beam
	err     error
}

// beam is a sequence's part in a search.
type beam struct {
	search *beamSearch
	cum    float64
	// offers are the likeliest next tokens, the likeliest first; nil until the
	// sequence is computed.
	offers []sampler.TokenLogProb
}

// idle reports whether the beam waits for the others. Its blocks may be taken
// from it: they are computed again when it goes on.
func (b *beam) idle() bool { return b != nil && b.offers != nil }

// startSearch checks a request and lets its prompt be computed.
func (e *Engine) startSearch(r *BeamRequest) (*beamSearch, error) {
	switch {
	case len(r.Prompt) == 0:
		return nil, &RequestError{"prompt", "is empty, want at least one token"}
	case r.Width < 1 || r.Width > MaxBeamWidth:
		return nil, &RequestError{"beam_width", fmt.Sprintf("is %d, want 1 to %d", r.Width, MaxBeamWidth)}
	case r.MaxTokens < 1:
		return nil, &RequestError{"max_tokens", fmt.Sprintf("is %d, want at least 1", r.MaxTokens)}
	case math.IsNaN(r.LengthPenalty) || math.Abs(r.LengthPenalty) > 100:
		return nil, &RequestError{"length_penalty", fmt.Sprintf("is %v, want -100 to 100", r.LengthPenalty)}
	}
	if err := e.checkTokens(r.Prompt, 0); err != nil {
		return nil, err
	}
	search := &beamSearch{
		request: *r, vocab: e.model.Config().Vocab, eos: e.eos, done: make(chan struct{}),
		limit: min(len(r.Prompt)+min(r.MaxTokens, e.contextLimit()), e.contextLimit()),
	}
	params := sampler.Defaults()
	params.MaxTokens = search.limit - len(r.Prompt) // what contiguous memory reserves for
	s := e.newSequence(&sequence{
		tokens: slices.Clone(r.Prompt), params: params, priority: r.Priority, steps: -1,
		turns: []turn{{start: len(r.Prompt), limitFrom: len(r.Prompt)}}, group: newGroup(1, newMailbox(e.options.MaxUnread, e.drained)), beam: &beam{search: search},
	})
	s.table.Salt = r.CacheSalt
	search.live = []*sequence{s}
	e.enqueue(s)
	return search, nil
}

// report takes a beam's offers, and goes on when all beams have made theirs.
func (e *Engine) report(s *sequence, logits []float32) {
	search := s.beam.search
	_, top, err := e.sampler.Score(logits, 0, min(2*search.request.Width, search.vocab))
	if err != nil {
		e.endSearch(search, fmt.Errorf("engine: beam search: %w", err))
		return
	}
	s.beam.offers = top
	e.park(s, Paused)
	for _, o := range search.live {
		if o.beam.offers == nil {
			return
		}
	}
	if err := e.advanceBeams(search); err != nil {
		e.endSearch(search, err)
	}
}

// candidate is a beam with one token more.
type candidate struct {
	parent *sequence
	token  int32
	cum    float64
	score  float64
}

// advanceBeams makes the beams of the next step out of the offers.
func (e *Engine) advanceBeams(search *beamSearch) error {
	length := len(search.live[0].tokens) + 1 // all are equally long
	var next []candidate
	for _, s := range search.live {
		for _, o := range s.beam.offers {
			if math.IsInf(float64(o.LogProb), -1) {
				break // and so are those behind it: they cannot be drawn
			}
			c := candidate{s, o.Token, s.beam.cum + float64(o.LogProb), 0}
			if !search.request.IgnoreEOS && slices.Contains(search.eos, c.token) {
				c.score = search.score(c.cum, length-1)
				search.ended = append(search.ended, e.finished(search, c, "stop"))
				continue
			}
			c.score = search.score(c.cum, length)
			next = append(next, c)
		}
	}
	slices.SortStableFunc(next, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	next = next[:min(len(next), search.request.Width)]
	search.rank()
	if length == search.limit || len(next) == 0 || search.settled(next) {
		for _, c := range next {
			search.ended = append(search.ended, e.finished(search, c, "length"))
		}
		search.rank()
		search.beams = search.ended
		e.endSearch(search, nil)
		return nil
	}
	return e.succeed(search, next)
}

// score is what beams are ranked by.
func (b *beamSearch) score(cum float64, length int) float64 {
	return cum / math.Pow(float64(length), b.request.LengthPenalty)
}

// rank sorts the beams that have ended and keeps the best.
func (b *beamSearch) rank() {
	slices.SortStableFunc(b.ended, func(x, y Beam) int { return cmp.Compare(y.Score, x.Score) })
	b.ended = b.ended[:min(len(b.ended), b.request.Width)]
}

// settled reports whether no beam that goes on can come to be among the best:
// its sum only falls, so its score is at most that of the sum at the length that
// divides it most.
func (b *beamSearch) settled(next []candidate) bool {
	if len(b.ended) < b.request.Width {
		return false
	}
	if b.request.EarlyStopping {
		return true
	}
	worst, best := b.ended[len(b.ended)-1].Score, math.Inf(-1)
	for _, c := range next {
		best = max(best, c.score, b.score(c.cum, b.limit))
	}
	return best < worst
}

// finished makes the result of a candidate that goes no further.
func (e *Engine) finished(search *beamSearch, c candidate, reason string) Beam {
	tokens := append(slices.Clone(c.parent.tokens[len(search.request.Prompt):]), c.token)
	return Beam{Tokens: tokens, CumLogProb: c.cum, Score: c.score, FinishReason: reason}
}

// succeed turns the beams into those of the next step. A beam's first
// successor takes its place, others are forked off before it goes on; a beam
// without a successor is released.
func (e *Engine) succeed(search *beamSearch, next []candidate) error {
	live := make([]*sequence, len(next))
	goesOn := map[*sequence]bool{}
	for i, c := range next {
		if !goesOn[c.parent] {
			goesOn[c.parent], live[i] = true, c.parent
			continue
		}
		o := &sequence{
			tokens: slices.Clone(c.parent.tokens), computed: c.parent.computed, params: c.parent.params, priority: c.parent.priority, steps: -1,
			turns: slices.Clone(c.parent.turns), used: c.parent.used, group: newGroup(1, newMailbox(e.options.MaxUnread, e.drained)), beam: &beam{search: search},
		}
		o.table.Salt = c.parent.table.Salt
		e.newSequence(o)
		live[i] = o
		if err := e.share(o, c.parent); err != nil {
			search.live = append(search.live, live[:i+1]...) // some twice: to be released all
			return err
		}
	}
	for _, s := range search.live {
		if !goesOn[s] {
			e.finish(s, FinishedStopped, "a better beam")
		}
	}
	search.live = live
	for i, c := range next {
		s := live[i]
		s.tokens = append(s.tokens, c.token)
		s.beam.cum, s.beam.offers = c.cum, nil
		e.enqueue(s)
	}
	return nil
}

// beamAborted ends the search of a beam that the engine could not go on with.
func (e *Engine) beamAborted(s *sequence, reason string) {
	if s.beam != nil {
		e.endSearch(s.beam.search, errors.New("engine: beam search: "+reason))
	}
}

// endSearch releases what is left of a search, and lets it be read.
func (e *Engine) endSearch(search *beamSearch, err error) {
	if search.over {
		return
	}
	how := FinishedLength
	if err != nil {
		search.beams, how = nil, FinishedAborted
	}
	for i := range search.beams {
		search.beams[i].Text = e.tokenizer.Decode(search.beams[i].Tokens, true)
	}
	search.over, search.err = true, err
	defer close(search.done)
	for _, s := range search.live {
		if e.sequences[s.id] == s {
			e.finish(s, how, "")
		}
	}
}
