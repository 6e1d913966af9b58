package engine

import (
	"context"
	"fmt"

	"vitrine/engine/kvcache"
)

// CheckPool proves the invariants of the pool of blocks between two steps, and
// tells how many blocks are free.
func (e *Engine) CheckPool() (free int, err error) {
	err = e.do(context.Background(), func() error {
		var tables []*kvcache.Table
		for _, s := range e.sequences {
			tables = append(tables, &s.table)
		}
		for _, q := range [][]*sequence{e.running, e.waiting} {
			for _, s := range q {
				if e.sequences[s.id] != s {
					return fmt.Errorf("sequence %d is in a queue and was forgotten", s.id)
				}
			}
		}
		free = e.pool.Free()
		return e.pool.Check(tables)
	})
	return free, err
}

// ScoreRows is the most rows of logits that were there at a time to score prompts.
func (e *Engine) ScoreRows() (rows int, err error) {
	err = e.do(context.Background(), func() error {
		rows = cap(e.step.scores) / e.model.Config().Vocab
		return nil
	})
	return rows, err
}
