package engine

import (
	"fmt"
	"slices"
)

// group is what the outputs of one request have in common. Its prompt is
// computed once, by a single sequence; when the first token is drawn the
// others are forked off, and hold the prompt's blocks together with it.
type group struct {
	n       int // outputs in the end
	forks   int // those that are not forked off yet
	outputs []*sequence
	box     *mailbox
}

func newGroup(n int, box *mailbox) *group {
	return &group{n: n, forks: n - 1, box: box}
}

// fork makes the other outputs of s, whose prompt has just been computed. They
// wait at the head of the queue: the request was admitted already.
func (e *Engine) fork(s *sequence) error {
	for at := 0; s.forks > 0; s.forks-- {
		o := &sequence{
			tokens: slices.Clone(s.tokens), computed: s.computed, params: s.params, watch: s.watch,
			steps: s.steps, turns: slices.Clone(s.turns), used: s.used, priority: s.priority, group: s.group, grammar: s.grammar.clone(), asked: true,
		}
		o.table.Salt = s.table.Salt
		o.params.Seed = s.params.Seed + uint64(len(s.outputs))
		e.newSequence(o) // first, so that what it holds is found if something goes wrong
		if err := e.share(o, s); err != nil {
			return err
		}
		e.waiting = slices.Insert(e.waiting, at, o)
		at++
		e.setState(o, Waiting, "")
	}
	return nil
}

// share has o, which holds nothing yet, hold the blocks of s too. Memory that is not
// paged cannot be shared: there o computes for itself what s has computed.
func (e *Engine) share(o, s *sequence) error {
	if e.options.Memory != Paged {
		o.computed = 0
		return nil
	}
	return e.pool.Fork(&o.table, &s.table)
}

// holds says whether an output of the group is not released.
func (e *Engine) holds(g *group) bool {
	return slices.ContainsFunc(g.outputs, func(o *sequence) bool { return e.sequences[o.id] == o })
}

// alone refuses what is about one sequence to a request with several outputs.
func (s *sequence) alone(what string) error {
	if s.n == 1 {
		return nil
	}
	return &RequestError{"n", fmt.Sprintf("is %d, want 1: %s is about a single output", s.n, what)}
}

// unfinished are the outputs that may still draw.
func (s *sequence) unfinished() []*sequence {
	var out []*sequence
	for _, o := range s.outputs {
		if !o.state.Finished() {
			out = append(out, o)
		}
	}
	return out
}
