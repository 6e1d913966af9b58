package engine

import (
	"time"

	"vitrine/engine/kvcache"
	"vitrine/engine/sampler"
)

// Watch says which events for the eye a request emits while it runs. What is
// not watched is not computed.
type Watch struct {
	Attention bool // EventAttention for each step
	Logits    bool // EventLogits for each drawn token
	Timing    bool // where the time of each step goes, in EventStep
	// Every is the least time between two tokens whose attention and logits are
	// told while an answer is drawn without a pause; 0 tells of each. Steps of a
	// prompt, and single steps, are always told of. An eye follows no more than
	// some ten changes a second, and what it did not see a [Handle.Probe] has.
	Every time.Duration
}

// sequence is one output of a request inside the engine. Only the engine's
// goroutine touches it.
//
// Its tokens fall into turns: given tokens, then drawn ones. The last token is
// never counted as computed while the sequence can run, for it is the one
// whose logits the next draw needs.
type sequence struct {
	id        uint32
	tokens    []int32
	computed  int // tokens whose keys and values are in the cache
	table     kvcache.Table
	state     State
	params    sampler.Params
	watch     Watch
	shown     time.Time // when a token's attention and logits were last told
	looked    bool      // whether those of the step at hand are told
	hold      bool      // keep tokens and blocks after the end, until released
	asked     bool      // it was let run, and has not finished since
	aside     bool      // paused, and its blocks may be taken for others
	priority  int       // see Request.Priority
	steps     int       // tokens to draw before it pauses; negative means no bound
	turns     []turn
	out       output
	counted   int      // tokens that the figures count, as given or as drawn
	queried   bool     // the prefix cache was asked, and the figures tell
	prefixHit int      // tokens that it had when it was
	hit       int      // tokens that it gave to the sequence just before the step at hand
	cached    []int32  // blocks that it has for the plan at hand
	drafts    []int32  // tokens guessed for the plan at hand
	used      uint64   // the engine's step that last touched the blocks
	grammar   *grammar // of the current answer; nil without structured output
	beam      *beam    // its part in a beam search; nil without one

	*group
	index  int // which of the request's outputs
	scored int // tokens of the prompt whose log-probabilities were told
	scores int // tokens of the prompt that are to have theirs told; 0 without prompt_logprobs
}

// look decides whether the eye is told of the step at hand, which computes one
// token and draws the next if draws is set.
func (s *sequence) look(draws bool) {
	s.looked = true
	if s.watch.Every == 0 {
		return
	}
	now := time.Now()
	if draws && s.steps != 1 {
		s.looked = now.Sub(s.shown) >= s.watch.Every
	}
	if s.looked {
		s.shown = now
	}
}

// tell puts an event of this output into the request's mailbox.
func (s *sequence) tell(e Event) {
	e.Index = s.index
	if s.beam == nil { // a beam has no reader
		s.box.put(e)
	}
}

// unannounced is the state of a sequence that nobody has been told of.
const unannounced = FinishedAborted + 1

// turn is where the drawn tokens after a run of given ones begin.
type turn struct {
	start int // the position of the first drawn token
	// limitFrom is where max_tokens counts from: start, or later if a
	// finished request was resumed.
	limitFrom int
}

func (s *sequence) turn() *turn { return &s.turns[len(s.turns)-1] }

// token is the token at a position, or behind the last one what is guessed to
// come there.
func (s *sequence) token(pos int) int32 {
	if pos < len(s.tokens) {
		return s.tokens[pos]
	}
	return s.drafts[pos-len(s.tokens)]
}

// history splits the tokens for the sampler: the current answer's, and all before.
func (s *sequence) history() sampler.History {
	start := s.turn().start
	return sampler.History{Prompt: s.tokens[:start], Output: s.tokens[start:]}
}

// target is the number of tokens to compute before the request stops for now:
// all of them, or all but the last one if it may not draw.
func (s *sequence) target() int {
	if s.steps == 0 {
		return len(s.tokens) - 1
	}
	return len(s.tokens)
}
