package engine

import (
	"slices"

	"vitrine/engine/scheduler"
)

// schedulerState tells the scheduler what there is.
func (e *Engine) schedulerState() scheduler.State {
	s := scheduler.State{
		FreeBlocks: e.pool.Free(), BlockSize: e.options.BlockSize,
		MaxTokens: e.options.MaxBatchTokens, MaxRunning: e.options.MaxSequences,
	}
	view := func(q *sequence) scheduler.Sequence {
		v := scheduler.Sequence{ID: q.id, Tokens: q.target(), Computed: q.computed, Blocks: len(q.table.Blocks)}
		for _, b := range q.table.Blocks {
			info, _ := e.pool.Info(b)
			if info.Refs < 2 {
				break // and so are those behind it
			}
			v.Shared = append(v.Shared, scheduler.SharedBlock{Block: b, Refs: info.Refs})
		}
		if q.watch.Attention {
			v.MaxChunk = 128 // keeps the memory for the weights small
		}
		return v
	}
	for _, q := range e.running {
		s.Running = append(s.Running, view(q))
	}
	for _, q := range e.waiting {
		s.Waiting = append(s.Waiting, view(q))
	}
	if len(s.Running)+len(s.Waiting) == 0 {
		return s
	}
	for _, q := range e.sequences {
		if q.state.Finished() && len(q.table.Blocks) > 0 {
			s.Parked = append(s.Parked, view(q))
		}
	}
	slices.SortFunc(s.Parked, func(a, b scheduler.Sequence) int {
		qa, qb := e.sequences[a.ID], e.sequences[b.ID]
		if qa.used != qb.used {
			return int(int64(qa.used) - int64(qb.used))
		}
		return int(a.ID) - int(b.ID)
	})
	return s
}

// carryOut makes the decision so: who loses blocks, who runs, who has come to
// where it pauses. It says whether anything changed.
func (e *Engine) carryOut(d *scheduler.Decision) bool {
	for _, id := range d.Evicted {
		s := e.sequences[id]
		e.evict(s)
		if s.state == Waiting {
			e.setState(s, Preempted, "its blocks were taken for others")
		}
	}
	for _, id := range d.Preempted {
		s := e.sequences[id]
		e.evict(s)
		e.parkBecause(s, Preempted, "memory ran out")
		e.waiting = slices.Insert(e.waiting, 0, s)
	}
	for _, id := range d.Admitted {
		s := e.sequences[id]
		e.waiting = slices.DeleteFunc(e.waiting, func(o *sequence) bool { return o == s })
		e.running = append(e.running, s)
		e.setState(s, e.busy(s), "")
	}
	paused := 0
	for _, s := range slices.Clone(e.running) {
		if s.steps == 0 && s.computed >= s.target() {
			e.park(s, Paused)
			paused++
		}
	}
	return len(d.Evicted)+len(d.Preempted)+len(d.Admitted)+paused > 0
}

// evict frees a sequence's blocks; its tokens stay, to be recomputed.
func (e *Engine) evict(s *sequence) {
	s.computed = 0
	e.pool.Release(&s.table)
}
