package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

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
	// LogProbs is the number of likeliest tokens told at each place of a beam beside its
	// own, up to the vocabulary; -1 tells of all. What all beams together may be told of
	// is bounded, by 1 GiB.
	LogProbs int
	// Priority and CacheSalt are a [Request]'s.
	Priority  int
	CacheSalt string
}

// Beam is one continuation that a beam search found.
type Beam struct {
	Tokens []int32 // behind the prompt, with the end token if it drew one
	Text   string  // of Tokens without special ones
	// Results are the raw log-probabilities and ranks of Tokens, with the
	// BeamRequest.LogProbs likeliest at each place. What is about a draw is 0 in them, for
	// nothing is drawn.
	Results []sampler.Result
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
	all, err := e.BeamSearchAll(ctx, []BeamRequest{r}, 0)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// BeamSearchAll searches behind several prompts at once, all taken in between the same
// two steps, or none. If maxWaiting is not 0 and more than that many would wait then, they
// get a *[QueueFullError], see [Engine.AddAll]. What one search fails by ends all.
// See [Engine.BeamSearch] for the rest.
func (e *Engine) BeamSearchAll(ctx context.Context, requests []BeamRequest, maxWaiting int) ([][]Beam, error) {
	searches := make([]*beamSearch, len(requests))
	err := e.do(ctx, func() error {
		for i := range requests {
			if err := e.checkSearch(&requests[i]); err != nil {
				return err
			}
		}
		if waiting := e.queued(); maxWaiting > 0 && waiting+len(requests) > maxWaiting {
			return &QueueFullError{Waiting: waiting, Max: maxWaiting}
		}
		return e.takeIn(func() error {
			for i := range requests {
				searches[i] = e.startSearch(&requests[i])
				searches[i].together = searches
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	found := make([][]Beam, len(requests))
	for i, search := range searches {
		if found[i], err = e.await(ctx, search); err != nil {
			// The engine's goroutine does not wait for us, so this takes a step at most.
			_ = e.do(context.Background(), func() error { // an engine that was closed has dropped it all
				for _, other := range searches {
					e.endSearch(other, err)
				}
				return nil
			})
			return nil, err
		}
	}
	return found, nil
}

// await waits for what a search finds, or for the end of ctx or of the engine.
func (e *Engine) await(ctx context.Context, search *beamSearch) ([]Beam, error) {
	select {
	case <-search.done:
		return search.beams, search.err
	case <-e.done:
		return nil, e.whyClosed()
	case <-ctx.Done():
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
	ended   []ending
	// together are the searches that fail with this one, itself among them; nil those that
	// have not been taken in.
	together []*beamSearch
	done     chan struct{}
	over     bool
	beams    []Beam
	err      error
}

// ending is a beam that goes no further. Most give way to better ones, so a [Beam] is made
// only of those that are left in the end.
type ending struct {
	last       *found // of its tokens
	cum, score float64
	how        State
	from       uint32 // the number of the sequence that had come so far
}

// beam is a sequence's part in a search.
type beam struct {
	search *beamSearch
	cum    float64
	last   *found // of its tokens behind the prompt; nil before the first
	// offers are the likeliest next tokens, the likeliest first; nil until the
	// sequence is computed. top are those of them, or more, that the request asks for.
	offers, top []sampler.TokenLogProb
}

// found is a token of a beam behind those before it, which it has in common with other
// beams.
type found struct {
	before *found
	sampler.Result
}

// idle reports whether the beam waits for the others. Its blocks may be taken
// from it: they are computed again when it goes on.
func (b *beam) idle() bool { return b != nil && b.offers != nil }

// begun reports whether the beam has tokens of its own: then it waits between two steps,
// for the next one, and is no request in the queue.
func (b *beam) begun() bool { return b != nil && b.last != nil }

// maxBeamLogProbBytes bounds the memory for the likeliest tokens that a search's beams tell of.
const maxBeamLogProbBytes = 1 << 30

// checkSearch says what is wrong with a request.
func (e *Engine) checkSearch(r *BeamRequest) error {
	switch vocab := e.model.Config().Vocab; {
	case len(r.Prompt) == 0:
		return &RequestError{"prompt", "is empty, want at least one token"}
	case r.Width < 1 || r.Width > MaxBeamWidth:
		return &RequestError{"beam_width", fmt.Sprintf("is %d, want 1 to %d", r.Width, MaxBeamWidth)}
	case r.MaxTokens < 1:
		return &RequestError{"max_tokens", fmt.Sprintf("is %d, want at least 1", r.MaxTokens)}
	case math.IsNaN(r.LengthPenalty) || math.Abs(r.LengthPenalty) > 100:
		return &RequestError{"length_penalty", fmt.Sprintf("is %v, want -100 to 100", r.LengthPenalty)}
	case r.LogProbs < -1 || r.LogProbs > vocab:
		return &RequestError{"logprobs", fmt.Sprintf("is %d, want 0 to %d, or -1 for all", r.LogProbs, vocab)}
	}
	if err := e.checkTokens(r.Prompt, 0); err != nil {
		return err
	}
	return r.checkLogProbs(e.model.Config().Vocab, e.contextLimit()-len(r.Prompt))
}

// asked is the number of likeliest tokens that are told at each place.
func (r *BeamRequest) asked(vocab int) int {
	if r.LogProbs < 0 {
		return vocab
	}
	return r.LogProbs
}

// checkLogProbs refuses a request that would keep too many likeliest tokens. Its beams have
// at most so many places.
func (r *BeamRequest) checkLogProbs(vocab, places int) error {
	const size = int(unsafe.Sizeof(sampler.TokenLogProb{}))
	asked, places := r.asked(vocab), min(r.MaxTokens, places)
	if most := maxBeamLogProbBytes / size / (r.Width * places); asked > most {
		return &RequestError{"logprobs", fmt.Sprintf("is %d, want at most %d with %d beams of %d tokens: more take over 1 GiB", r.LogProbs, most, r.Width, places)}
	}
	return nil
}

// startSearch lets the prompt of a request that was checked be computed.
func (e *Engine) startSearch(r *BeamRequest) *beamSearch {
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
	return search
}

// report takes a beam's offers, and goes on when all beams have made theirs.
func (e *Engine) report(s *sequence, logits []float32) {
	search := s.beam.search
	asked := search.request.asked(search.vocab)
	_, top, err := e.sampler.Score(logits, 0, max(min(2*search.request.Width, search.vocab), asked))
	if err != nil {
		e.endSearch(search, fmt.Errorf("engine: beam search: %w", err))
		return
	}
	s.beam.offers = top[:min(2*search.request.Width, search.vocab)]
	switch {
	case asked == len(top):
		s.beam.top = top
	case asked > 0:
		s.beam.top = slices.Clone(top[:asked]) // which lives longer than the offers
	}
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
	token  sampler.TokenLogProb
	cum    float64
	score  float64
}

// found is the candidate's token behind its parent's.
func (c *candidate) found() *found {
	return &found{c.parent.beam.last, sampler.Result{Token: c.token.Token, LogProb: c.token.LogProb, Rank: c.token.Rank, TopLogProbs: c.parent.beam.top}}
}

// ending is the candidate as a beam that goes no further.
func (c *candidate) ending(how State) ending {
	return ending{c.found(), c.cum, c.score, how, c.parent.id}
}

// advanceBeams makes the beams of the next step out of the offers.
func (e *Engine) advanceBeams(search *beamSearch) error {
	length := len(search.live[0].tokens) + 1 // all are equally long
	e.stats.GenerationTokens += uint64(len(search.live))
	var next []candidate
	for _, s := range search.live {
		for _, o := range s.beam.offers {
			if math.IsInf(float64(o.LogProb), -1) {
				break // and so are those behind it: they cannot be drawn
			}
			c := candidate{s, o, s.beam.cum + float64(o.LogProb), 0}
			if !search.request.IgnoreEOS && slices.Contains(search.eos, o.Token) {
				c.score = search.score(c.cum, length-1)
				search.ended = append(search.ended, c.ending(FinishedStopped))
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
			search.ended = append(search.ended, c.ending(FinishedLength))
		}
		search.rank()
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
	slices.SortStableFunc(b.ended, func(x, y ending) int { return cmp.Compare(y.score, x.score) })
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
	worst, best := b.ended[len(b.ended)-1].score, math.Inf(-1)
	for _, c := range next {
		best = max(best, c.score, b.score(c.cum, b.limit))
	}
	return best < worst
}

// beam is what is told of a beam that has ended.
func (e *Engine) beam(end *ending) Beam {
	n := 0
	for f := end.last; f != nil; f = f.before {
		n++
	}
	b := Beam{Tokens: make([]int32, n), Results: make([]sampler.Result, n), CumLogProb: end.cum, Score: end.score, FinishReason: end.how.Reason()}
	for f := end.last; f != nil; f = f.before {
		n--
		b.Tokens[n], b.Results[n] = f.Token, f.Result
	}
	b.Text = e.tokenizer.Decode(b.Tokens, true)
	return b
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
			turns: slices.Clone(c.parent.turns), used: c.parent.used, queried: c.parent.queried, prefixHit: c.parent.prefixHit,
			group: newGroup(1, newMailbox(e.options.MaxUnread, e.drained)), beam: &beam{search: search},
		}
		o.table.Salt = c.parent.table.Salt
		e.newSequence(o)
		live[i] = o
		if err := e.share(o, c.parent); err != nil {
			search.live = append(search.live, live[:i+1]...) // some twice: to be released all
			return err
		}
	}
	before := search.live
	search.live = live
	for _, s := range before {
		if !goesOn[s] {
			e.drop(s)
		}
	}
	tokens := make([]*found, len(next))
	for i := range next {
		tokens[i] = next[i].found() // before the parents go on
	}
	for i, c := range next {
		s := live[i]
		s.tokens = append(s.tokens, c.token.Token)
		s.counted = len(s.tokens)
		*s.beam = beam{search: search, cum: c.cum, last: tokens[i]}
		e.enqueue(s)
	}
	return nil
}

// drop ends a beam that is not among the best any more. It is no output of the search, so
// none is counted with it.
func (e *Engine) drop(s *sequence) {
	s.asked = false
	e.finish(s, FinishedAborted, "other beams are better")
}

// beamAborted ends the search of a beam that the engine could not go on with.
func (e *Engine) beamAborted(s *sequence, reason string) {
	if s.beam != nil && slices.Contains(s.beam.search.live, s) {
		e.endSearch(s.beam.search, errors.New("engine: beam search: "+reason))
	}
}

// endSearch releases what is left of a search, and lets it be read. The beams that it has
// found are its outputs, and counted as such; where it has failed, those that it had come to,
// and the searches that were asked for together with it fail too.
func (e *Engine) endSearch(search *beamSearch, err error) {
	if search.over {
		return
	}
	var beams []Beam
	if err == nil {
		beams = make([]Beam, len(search.ended)) // before anything is settled: a panic in it fails the search
		for i := range beams {
			beams[i] = e.beam(&search.ended[i])
		}
	}
	search.over, search.err, search.beams = true, err, beams
	defer close(search.done)
	ends := map[uint32]State{} // of the sequences that the beams are of
	if err == nil {
		for _, end := range slices.Backward(search.ended) { // the best one of a sequence counts
			ends[end.from] = end.how
			e.stats.Finished.count(end.how)
		}
	}
	for _, s := range search.live {
		if e.sequences[s.id] != s {
			continue
		}
		how, found := ends[s.id]
		switch {
		case err != nil:
			e.finish(s, FinishedAborted, "")
		case found:
			s.asked = false // it is counted as a beam
			e.finish(s, how, "")
		default:
			e.drop(s)
		}
	}
	if err == nil {
		return
	}
	for _, other := range search.together {
		if other != nil {
			e.endSearch(other, err)
		}
	}
}
