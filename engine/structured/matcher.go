package structured

import "fmt"

// Constraint is a grammar for the tokens of a vocabulary. It remembers what it
// has found out for all answers, and several goroutines may use it at once.
type Constraint struct{ machine *machine }

// Start returns a matcher at the beginning of a text. What it takes to follow the
// text, and those of all its clones together, is bounded: beyond some thousands of
// instructions for each token, and some millions in all, they get [ErrTooComplex].
func (c *Constraint) Start() *Matcher {
	return &Matcher{m: c.machine, state: c.machine.start, allowance: &allowance{maxSaved}}
}

// Vocab is the number of tokens that masks cover.
func (c *Constraint) Vocab() int { return c.machine.vocabulary.size }

// Matcher follows one answer. It belongs to one goroutine.
type Matcher struct {
	m         *machine
	state     *state
	ended     bool
	allowance *allowance // of all clones together
}

// Clone returns a matcher that stands where m does, and has part in its
// allowance: see [Constraint.Start].
func (m *Matcher) Clone() *Matcher {
	c := *m
	return &c
}

// Mask returns the tokens that may come next: bit id%64 of word id/64. Tokens
// that end an answer are among them where the text may end, special ones never
// are. The mask is shared and must not be changed. At least one token is in it,
// as each byte that the grammar uses has a token of its own; unless the
// vocabulary has no token to end with, and nothing else may come ([Matcher.Complete]).
// The error is [ErrTooComplex].
func (m *Matcher) Mask() ([]uint64, error) {
	m.m.mu.Lock()
	defer m.m.mu.Unlock()
	m.m.begin(m.allowance)
	defer m.m.end(m.allowance)
	return m.m.maskOf(m.state)
}

// Accept follows a token. If it does not continue the text the error wraps
// [ErrNotAllowed], or is [ErrTooComplex], and the matcher stays where it is.
func (m *Matcher) Accept(token int32) error {
	v := m.m.vocabulary
	switch {
	case m.ended:
		return fmt.Errorf("%w: token %d comes behind the end", ErrNotAllowed, token)
	case token < 0 || int(token) >= v.size:
		return fmt.Errorf("%w: token %d, want 0 to %d", ErrNotAllowed, token, v.size-1)
	case v.ends(token):
		if !m.state.ends {
			return fmt.Errorf("%w: token %d ends it too early", ErrNotAllowed, token)
		}
		m.ended = true
		return nil
	case v.text[token] == nil:
		return fmt.Errorf("%w: token %d stands for no text", ErrNotAllowed, token)
	}
	m.m.mu.Lock()
	defer m.m.mu.Unlock()
	m.m.begin(m.allowance)
	defer m.m.end(m.allowance)
	s := m.state
	for _, b := range v.text[token] {
		if s = m.m.step(s, b); s == m.m.dead {
			if m.m.spent() {
				return ErrTooComplex
			}
			return fmt.Errorf("%w: token %d", ErrNotAllowed, token)
		}
	}
	m.state = s
	return nil
}

// MayEnd reports whether the text may end here.
func (m *Matcher) MayEnd() bool { return m.state.ends }

// Complete reports whether nothing but the end may come: the text has to end
// here, or a token that ends it was accepted.
func (m *Matcher) Complete() bool { return m.ended || m.state.ends && len(m.state.items) == 0 }
