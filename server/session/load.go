package session

import (
	"context"
	"errors"
	"slices"

	"vitrine/engine"
	"vitrine/visualizer/wire"
)

// settle pauses the request and takes in everything that it has told, so that
// the conversation stands still until carryOn or load. It says whether the
// request was running.
func (s *session) settle() (running bool, err error) {
	if s.handle == nil {
		return false, nil
	}
	state := s.tree.active.state
	if err := s.handle.Pause(); err != nil {
		return false, err
	}
	s.pump.drain(s.event)
	s.pump = nil
	return moves(state) && !finished(s.tree.active.state), nil
}

// moves says whether the engine works on an answer in this state, or is about to.
func moves(state wire.RunState) bool {
	return state == wire.StateWaiting || state == wire.StatePrefill || state == wire.StateRunning || state == wire.StatePreempted
}

// carryOn ends what settle began where nothing was changed.
func (s *session) carryOn(running bool) {
	if s.handle == nil {
		return
	}
	s.pump = startPump(s.handle)
	if running {
		if err := s.handle.Resume(); err != nil {
			s.fail(0, err)
		}
	}
}

// finished says whether an answer has ended in that state.
func finished(state wire.RunState) bool { return state >= wire.StateStopped }

// load makes the engine's sequence that of next, keeping what it has in common
// with the active branch's, and leaves it paused; the request must be settled.
// Given tokens and those of an answer are told apart, for the penalties look
// at the answer alone. If it fails, the request is given up; the conversation
// keeps its tokens, and the next load begins from them.
func (s *session) load(next []wire.Token, set settings) (err error) {
	defer func() {
		if err != nil && s.handle != nil {
			s.release()
			s.tree.active.state = wire.StateAborted
			s.sayState()
		}
	}()
	keep, fresh := 0, s.handle == nil
	if fresh {
		keep, _ = run(next, 0)
		h, err := s.inf.engine.Add(context.Background(), engine.Request{
			Prompt: ids(next[:keep]), Params: set.engine, Paused: true, Hold: true, Watch: s.wanted(),
			CacheSalt: s.id, // one reader's text is found by nobody else
		})
		if err != nil {
			return err
		}
		s.handle = h
		s.own(h.ID())
		s.forgetFrom(0)
	} else {
		keep = common(s.tree.active.tokens, next)
		if err := s.fit(s.handle, set); err != nil {
			return err
		}
		if err := s.handle.Rewind(keep); err != nil {
			return err
		}
		s.forgetFrom(keep)
	}
	edited := !fresh || keep < len(next)
	for at := keep; at < len(next); {
		end, answer := run(next, at)
		if err := s.handle.Append(ids(next[at:end]), answer); err != nil {
			return err
		}
		at = end
	}
	if edited { // what that has emitted are states that the conversation never had
		emptyMailbox(s.handle, func(event) {})
	}
	s.settings = set
	s.pump = startPump(s.handle)
	return nil
}

// fit has a request draw and tell as the conversation wants it now.
func (s *session) fit(h *engine.Handle, set settings) error {
	if err := h.SetParams(set.engine); err != nil {
		return err
	}
	return h.SetWatch(s.wanted())
}

// setAside keeps the active branch's keys and values while another goes on: a fork of
// the request holds its blocks, those in common with the other, until memory is short.
func (s *session) setAside() {
	aside, err := s.handle.Fork()
	if err != nil { // then they are computed again, or found in the prefix cache
		s.log.Warn("session: a branch's blocks are not kept", "err", err)
		return
	}
	s.letGo(s.tree.active) // of before the engine gave up a request
	s.tree.active.aside = aside
}

// turnTo makes the request that of another branch: the one that was set aside for it, or
// the active branch's. The request must be settled.
func (s *session) turnTo(target *branch) error {
	if target.aside == nil {
		s.setAside()
		return s.load(target.tokens, s.settings)
	}
	next := target.aside
	for _, step := range []func() error{
		s.handle.SetAside, next.TakeUp, func() error { return s.fit(next, s.settings) },
	} {
		if err := step(); err != nil { // all stays as it was, and stands still
			s.log.Warn("session: a branch cannot be taken up", "err", errors.Join(err, next.SetAside(), s.handle.TakeUp()))
			s.carryOn(false)
			s.sayState()
			return err
		}
	}
	s.letGo(s.tree.active)
	s.tree.active.aside, target.aside = s.handle, nil
	s.handle = next
	s.own(next.ID())
	emptyMailbox(next, func(event) {}) // that it was paused
	s.pump = startPump(next)
	return nil
}

// run is where the run of tokens of one sort ends that begins at position at,
// and whether they are an answer's. The first token of all counts as given,
// whatever it says: the engine cannot do without one.
func run(tokens []wire.Token, at int) (end int, answer bool) {
	answer = at > 0 && ofAnswer(tokens[at])
	end = at + 1
	for end < len(tokens) && ofAnswer(tokens[end]) == answer {
		end++
	}
	return end, answer
}

// ofAnswer says whether a token is part of an answer rather than of a prompt.
func ofAnswer(t wire.Token) bool { return t.Flags&(wire.FlagDrawn|wire.FlagForced) != 0 }

func ids(tokens []wire.Token) []int32 {
	out := make([]int32, 0, len(tokens))
	for _, t := range tokens {
		out = append(out, t.ID)
	}
	return slices.Clip(out)
}
