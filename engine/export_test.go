package engine

import (
	"context"
	"fmt"
	"slices"

	"vitrine/engine/kvcache"
	"vitrine/engine/structured"
)

// CheckPool proves the invariants of the pool of blocks between two steps, and
// tells how many blocks are free.
func (e *Engine) CheckPool() (free int, err error) {
	err = e.do(context.Background(), func() error {
		free = e.pool.Free()
		return e.CheckNow()
	})
	return free, err
}

// CheckNow proves the invariants of the pool and of the queues. It must be called
// on the engine's goroutine, by an observer.
func (e *Engine) CheckNow() error {
	var tables []*kvcache.Table
	states := make([]int, len(e.states))
	for id, s := range e.sequences {
		tables = append(tables, &s.table)
		states[s.state]++
		runs, waits := slices.Contains(e.running, s), slices.Contains(e.waiting, s)
		switch busy := s.state == Prefill || s.state == Running; {
		case id != s.id || runs != busy || waits != (s.state == Waiting || s.state == Preempted):
			return fmt.Errorf("sequence %d, known as %d, is %v, in the running ones: %v, in the queue: %v", s.id, id, s.state, runs, waits)
		case s.computed > len(s.table.Blocks)*e.options.BlockSize:
			return fmt.Errorf("sequence %d has computed %d tokens and holds %d blocks", s.id, s.computed, len(s.table.Blocks))
		case s.computed >= len(s.tokens) && busy:
			return fmt.Errorf("sequence %d runs and has computed all of its %d tokens", s.id, len(s.tokens))
		}
	}
	for _, s := range slices.Concat(e.running, e.waiting) {
		if e.sequences[s.id] != s {
			return fmt.Errorf("sequence %d is in a queue and was forgotten", s.id)
		}
	}
	if !slices.Equal(states, e.states[:]) {
		return fmt.Errorf("the figures count %v sequences in the states, want %v", e.states, states)
	}
	return e.pool.Check(tables)
}

// ScoreRows is the most rows of logits that were there at a time to score prompts.
func (e *Engine) ScoreRows() (rows int, err error) {
	err = e.do(context.Background(), func() error {
		rows = cap(e.step.scores) / e.model.Config().Vocab
		return nil
	})
	return rows, err
}

// BreakEngine makes the next work that is no single request's panic, once: of the
// "scheduler" when it counts references; of the "pool", or in taking requests in ("intake"),
// when so many changes of blocks, or so many requests, have been told of. With "pool for
// good" the pool cannot be renewed either.
func (e *Engine) BreakEngine(what string, after int) error {
	return e.do(context.Background(), func() error {
		switch what {
		case "scheduler":
			e.step.refs = func(int32) int {
				e.step.refs = e.pool.Refs
				panic("a faulty scheduler")
			}
		case "pool", "pool for good":
			pool, told := e.pool, e.pool.OnChange
			pool.OnChange = func(b kvcache.BlockInfo) {
				if after--; after < 0 {
					pool.OnChange = told
					panic("a faulty pool")
				}
				if told != nil {
					told(b)
				}
			}
			if what == "pool for good" {
				e.options.Blocks = 0
			}
		case "intake":
			told := e.observer.Request
			e.observer.Request = func(RequestInfo) {
				if after--; after < 0 {
					e.observer.Request = told
					panic("a faulty intake")
				}
			}
		default:
			return fmt.Errorf("%q cannot be broken", what)
		}
		return nil
	})
}

// Break makes the next work for a request panic: "sampling", "grammar", "scoring" or
// "drafts", or of a beam search "beams" or "decoding".
func (e *Engine) Break(id uint32, what string) error {
	return e.do(context.Background(), func() error {
		s := e.sequences[id]
		if s == nil {
			return ErrReleased
		}
		switch what {
		case "sampling":
			for _, o := range s.outputs {
				o.turn().start = 1 << 30 // there are not so many tokens to penalize
			}
		case "grammar":
			s.grammar.at = new(structured.Matcher)
		case "scoring":
			s.scores += 1 << 10 // there are not so many tokens
		case "drafts":
			for _, o := range s.outputs {
				o.turns = nil
			}
		case "beams":
			s.beam.search.live = nil
		case "decoding":
			e.tokenizer = nil // for good
		default:
			return fmt.Errorf("%q cannot be broken", what)
		}
		return nil
	})
}
