package session

import (
	"fmt"
	"math"

	"vitrine/engine/tokenizer"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// restore takes in a conversation that the server has lost and the page kept, with
// all its branches. Only the active one is computed; another is when it is turned to.
// Everything is checked before anything changes. What the engine refuses for all that is
// there as it is on the page, and is computed with the next command that needs it.
func (s *session) restore(c *wire.Restore) error {
	if err := s.ready(); err != nil {
		return err
	}
	set, err := s.check(c.Params)
	if err != nil {
		return err
	}
	branches, active, err := s.regrow(c)
	if err != nil {
		return err
	}
	s.letGo(s.tree.branches...)
	s.release()
	s.tree.regrow(branches, active)
	err = s.load(active.tokens, set)
	if err != nil {
		active.state, s.settings = wire.StateAborted, set
	} else {
		s.reciteAloud(active)
	}
	// The page has the tokens, and knows with which probabilities they were
	// drawn: it keeps them all, as those of this branch.
	s.sayTokens(len(active.tokens))
	s.sayBranches()
	s.sayState()
	return err
}

// maxRestored bounds the tokens of all restored branches together: those that branches
// share are told once, and held for each. A page gives back fewer (see
// [vitrine/visualizer/session.MaxRestoreBytes]).
const maxRestored = 1 << 20

// regrow makes the branches that a page remembers, and finds the one that goes on.
func (s *session) regrow(c *wire.Restore) (branches []*branch, active *branch, err error) {
	switch n := len(c.Branches); {
	case n == 0:
		return nil, nil, telling.Wrong("Branches", "told.empty")
	case n > maxBranches:
		return nil, nil, telling.Wrong("Branches", "told.too_many", "N", n, "Most", maxBranches)
	}
	t, vocab := s.inf.engine.Tokenizer(), s.inf.engine.Model().Config().Vocab
	made, all := map[uint32]*branch{}, 0
	for i := range c.Branches {
		r, field := &c.Branches[i], fmt.Sprintf("Branches[%d]", i)
		var shared []wire.Token
		switch parent := made[r.Parent]; {
		case r.ID > math.MaxInt32: // so that there are always numbers for more
			return nil, nil, telling.Wrong(field+".ID", "told.range", "N", r.ID, "Most", math.MaxInt32)
		case made[r.ID] != nil:
			return nil, nil, telling.Wrong(field+".ID", "told.twice", "N", r.ID)
		case r.Parent == r.ID:
		case parent == nil:
			return nil, nil, telling.Wrong(field+".Parent", "told.no_branch", "N", r.Parent, "Have", i)
		default:
			shared = parent.tokens
		}
		if int64(r.Shared) > int64(len(shared)) {
			return nil, nil, telling.Wrong(field+".Shared", "told.range", "N", r.Shared, "Most", len(shared))
		}
		shared = shared[:r.Shared]
		if n := len(shared) + len(r.Tokens); n > s.limit() { // full, it only cannot go on
			return nil, nil, &tooLong{tokens: n, limit: s.limit()}
		} else if all += n; all > maxRestored {
			return nil, nil, telling.Wrong("Branches", "told.too_many_tokens", "N", all, "Most", maxRestored)
		}
		b, err := restored(t, vocab, field, shared, r)
		if err != nil {
			return nil, nil, err
		}
		made[r.ID] = b
		branches = append(branches, b)
	}
	active = made[c.Active]
	switch {
	case active == nil:
		return nil, nil, telling.Wrong("Active", "told.no_branch", "N", c.Active, "Have", len(branches))
	case len(active.tokens) == 0:
		return nil, nil, telling.Wrong("Active", "told.empty")
	}
	if err := s.fits(len(active.tokens), 0); err != nil {
		return nil, nil, err
	}
	return branches, active, nil
}

// restored is one branch that a page remembers, with tokens that it shares at its
// beginning. field is its name in the command.
func restored(t *tokenizer.Tokenizer, vocab int, field string, shared []wire.Token, r *wire.RestoredBranch) (*branch, error) {
	b := &branch{id: r.ID, parent: r.Parent, state: wire.StatePaused}
	b.tokens = append(make([]wire.Token, 0, len(shared)+len(r.Tokens)), shared...)
	for i, told := range r.Tokens {
		if told.ID < 0 || int(told.ID) >= vocab {
			return nil, telling.Wrong(fmt.Sprintf("%s.Tokens[%d].ID", field, i), "told.range", "N", told.ID, "Most", vocab-1)
		}
		token := given(t, told.ID)
		token.Flags |= told.Flags & (wire.FlagDrawn | wire.FlagForced)
		b.tokens = append(b.tokens, token)
	}
	for b.start = len(b.tokens); b.start > 0 && ofAnswer(b.tokens[b.start-1]); b.start-- {
	}
	if int64(r.Fork) > int64(len(b.tokens)) {
		return nil, telling.Wrong(field+".Fork", "told.range", "N", r.Fork, "Most", len(b.tokens))
	}
	b.fork = int(r.Fork)
	if len(r.Messages) > maxMessages {
		return nil, telling.Wrong(field+".Messages", "told.too_many", "N", len(r.Messages), "Most", maxMessages)
	}
	for i, told := range r.Messages {
		field := fmt.Sprintf("%s.Messages[%d]", field, i)
		if err := checkText(field+".Text", told.Text); err != nil {
			return nil, err
		}
		if int64(told.First) > int64(len(b.tokens)) || i > 0 && told.First < r.Messages[i-1].First {
			return nil, telling.Wrong(field+".First", "told.not_in_order", "N", told.First, "Most", len(b.tokens))
		}
		m := message{role: told.Role, text: told.Text, first: int(told.First), end: stillOpen}
		if i < len(r.Messages)-1 {
			m.end = spokenEnd(b.tokens, m)
		}
		b.messages = append(b.messages, m)
	}
	return b, nil
}

// spokenEnd is the position behind the tokens that spell a message's text, in which special
// ones are not.
func spokenEnd(tokens []wire.Token, m message) int {
	end := m.first
	for left := len(m.text); left > 0 && end < len(tokens); end++ {
		if tokens[end].Flags&wire.FlagSpecial == 0 {
			left -= len(tokens[end].Bytes)
		}
	}
	return end
}
