package engine

import "slices"

// lookUp guesses what a sequence draws next ([PromptLookup]): the longest run
// of its last tokens that stands further up as well, the last time it does,
// tells by what follows it there.
//
// A sequence whose attention is watched guesses nothing, for the eye wants one
// token after the other, nor does one that is stepped to its next token, or whose
// other outputs have yet to be forked off: all begin from the same logits. Guesses
// end with the answer: no more than max_tokens and the context allow.
func (e *Engine) lookUp(s *sequence) {
	o := &e.options.PromptLookup
	n := min(o.Tokens, e.longest(s)-len(s.tokens)-1) // a step draws one more than were guessed right
	if s.steps > 0 {
		n = min(n, s.steps-1)
	}
	if n < 1 || s.watch.Attention || s.forks > 0 {
		return
	}
	last := len(s.tokens)
	for size := min(o.MaxNGram, last-1); size >= o.MinNGram; size-- {
		suffix := s.tokens[last-size:]
		for at := last - size - 1; at >= 0; at-- {
			if slices.Equal(s.tokens[at:at+size], suffix) {
				s.drafts = append(s.drafts, s.tokens[at+size:min(at+size+n, last)]...)
				return
			}
		}
	}
}
