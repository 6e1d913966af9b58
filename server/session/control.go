package session

import (
	"context"
	"math"

	"vitrine/engine"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

// control steers the request.
func (s *session) control(c *wire.Control) error {
	if err := s.ready(); err != nil {
		return err
	}
	if c.Op == wire.OpNew {
		s.forgetFrom(0)
		s.letGo(s.tree.branches...)
		s.release()
		s.tree.restart()
		s.seeded = false
		s.sayAll()
		return nil
	}
	if s.handle == nil {
		if len(s.tree.active.tokens) == 0 {
			return telling.Wrong("Op", "told.no_conversation")
		}
		// The engine was lost or gave up; begin again from the tokens.
		if err := s.load(s.tree.active.tokens, s.settings); err != nil {
			return err
		}
	}
	switch c.Op {
	case wire.OpPause:
		return s.handle.Pause()
	case wire.OpResume:
		return s.goOn(s.handle.Resume)
	case wire.OpStep:
		if c.Count < 1 {
			return telling.Wrong("Count", "told.no_count")
		}
		return s.goOn(func() error { return s.handle.Step(int(min(c.Count, math.MaxInt32))) })
	case wire.OpAbort:
		return s.handle.Abort()
	case wire.OpRewind:
		return s.rewind(c)
	case wire.OpBranch:
		return s.branchOff(c)
	case wire.OpSwitch:
		return s.switchTo(c)
	}
	return telling.Wrong("Op", "told.unknown", "N", uint8(c.Op))
}

// goOn lets the request draw. An answer that had ended goes on behind its last
// token, so its text is open again.
func (s *session) goOn(run func() error) error {
	b := s.tree.active
	if finished(b.state) {
		if _, err := s.settle(); err != nil {
			return err
		}
		s.carryOn(false)
		s.reciteAloud(b)
	}
	return s.start(run)
}

// start sets the request going and says so at once; the engine's own word,
// which follows, may take until its next step.
func (s *session) start(run func() error) error {
	if err := run(); err != nil {
		return err
	}
	if b := s.tree.active; b.state == wire.StatePaused || finished(b.state) {
		b.state = wire.StateWaiting
		s.sayState()
	}
	return nil
}

// checkPosition refuses a position that a rewind cannot go to.
func (s *session) checkPosition(pos uint32) error {
	if n := len(s.tree.active.tokens); int64(pos) > int64(n) {
		return telling.Wrong("Position", "told.range", "N", pos, "Most", n)
	}
	return nil
}

// rewind drops the tokens from a position on.
func (s *session) rewind(c *wire.Control) error {
	if err := s.checkPosition(c.Position); err != nil {
		return err
	}
	if _, err := s.settle(); err != nil {
		return err
	}
	b, pos := s.tree.active, int(c.Position)
	if err := s.checkPosition(c.Position); err != nil { // an answer never shrinks, but say so if it does
		s.carryOn(false)
		return err
	}
	if err := s.load(b.tokens[:pos], s.settings); err != nil {
		return err
	}
	b.truncate(pos)
	b.state = wire.StatePaused
	s.sayChange(pos)
	return nil
}

// sayChange tells of the active branch after its tokens from position pos on
// were replaced.
func (s *session) sayChange(pos int) {
	s.sayTokens(pos)
	s.sayState()
	s.recite(s.tree.active)
	s.sayMessages(0)
	s.sayBranches()
}

// branchOff puts another token in the place of one, on a branch of its own,
// and lets the answer go on from there unless the person had paused it.
func (s *session) branchOff(c *wire.Control) error {
	if err := s.checkPosition(c.Position); err != nil {
		return err
	}
	if vocab := s.inf.engine.Model().Config().Vocab; c.Token < 0 || int(c.Token) >= vocab {
		return telling.Wrong("Token", "told.range", "N", c.Token, "Most", vocab-1)
	}
	if len(s.tree.branches) >= maxBranches {
		return telling.Refuse(telling.CodeBusy, "told.too_many_branches", "N", maxBranches)
	}
	if err := s.fits(int(c.Position)+1, int(c.Position)); err != nil {
		return err
	}
	running, err := s.settle()
	if err != nil {
		return err
	}
	old, pos := s.tree.active, int(c.Position)
	running = running || finished(old.state)
	forced := given(s.inf.engine.Tokenizer(), c.Token)
	forced.Flags |= wire.FlagForced
	forced.LogProb = s.logProb(pos, c.Token)
	s.setAside()
	if err := s.load(append(old.tokens[:pos:pos], forced), s.settings); err != nil {
		return err
	}
	b := s.tree.fork(pos)
	b.tokens = append(b.tokens, forced)
	b.state = wire.StatePaused
	if b.open() == nil {
		b.messages = append(b.messages, message{role: wire.RoleAssistant, first: pos, end: stillOpen})
	}
	s.sayChange(pos)
	if running {
		return s.start(s.handle.Resume)
	}
	return nil
}

// logProb is the natural logarithm of the raw probability that the model gives
// to a token at position pos; NaN if it cannot be had.
func (s *session) logProb(pos int, token int32) float32 {
	nan := float32(math.NaN())
	if pos == 0 {
		return nan
	}
	p, err := s.handle.Probe(context.Background(), engine.Probe{From: pos - 1, Count: 1, Logits: true})
	if err != nil {
		s.log.Warn("session: no probability for a chosen token", "err", err)
		return nan
	}
	logits := p.Logits(0)
	top := float32(math.Inf(-1))
	for _, z := range logits {
		top = max(top, z)
	}
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z) - float64(top))
	}
	return float32(float64(logits[token]) - float64(top) - math.Log(sum))
}

// switchTo makes another branch the active one, as it was left.
func (s *session) switchTo(c *wire.Control) error {
	target := s.tree.find(c.Branch)
	if target == nil {
		return telling.Wrong("Branch", "told.no_branch", "N", c.Branch, "Have", len(s.tree.branches))
	}
	if target == s.tree.active {
		return nil
	}
	if target.aside == nil { // it is computed anew, which takes room for one token more
		if err := s.fits(len(target.tokens), 0); err != nil {
			return err
		}
	}
	if _, err := s.settle(); err != nil {
		return err
	}
	old := s.tree.active
	if !finished(old.state) {
		old.state = wire.StatePaused
	}
	keep := common(old.tokens, target.tokens)
	if len(target.tokens) == 0 {
		keep = 0
	}
	if err := s.turnTo(target); err != nil {
		return err
	}
	s.forgetFrom(-1) // answers name the branch, so none of those under way fits
	s.tree.active = target
	if finished(target.state) {
		// The engine has to know that the answer had ended, for max_tokens counts
		// anew when it goes on.
		if err := s.handle.Abort(); err != nil {
			return err
		}
		s.pump.drain(func(event) {})
		s.pump = startPump(s.handle)
	}
	s.sayChange(keep)
	return nil
}
