package engine

import (
	"cmp"
	"slices"

	"vitrine/engine/scheduler"
)

// maxWatchedChunk bounds the tokens that a request whose attention is watched
// computes in a step: it keeps the memory for the weights small.
const maxWatchedChunk = 128

// schedulerState tells the scheduler what there is. A request whose reader is too
// slow is skipped as long as he is, and others may take its blocks.
func (e *Engine) schedulerState() scheduler.State {
	o := &e.options
	s := scheduler.State{
		Policy: o.Policy, Memory: o.Memory, Batch: e.batch,
		FreeBlocks: e.pool.Free(), BlockSize: o.BlockSize, Refs: e.step.refs,
		MaxTokens: o.MaxBatchTokens, MaxRunning: o.MaxSequences, Watermark: int(o.Watermark * float64(o.Blocks)),
		Running: e.step.running[:0], Waiting: e.step.waiting[:0], Parked: e.step.parked[:0],
	}
	if !e.lookAhead() {
		return e.schedulerState() // a request less is there
	}
	for _, q := range e.running {
		v := e.view(q)
		if q.box.full() {
			s.Parked = append(s.Parked, v) // its reader is too slow
			continue
		}
		v.Drafts = len(q.drafts)
		s.Running = append(s.Running, v)
	}
	for _, q := range e.waiting {
		v := e.view(q)
		if q.box.full() {
			s.Parked = append(s.Parked, v)
			continue
		}
		v.Cached = q.cached
		s.Waiting = append(s.Waiting, v)
	}
	e.step.running, e.step.waiting = s.Running, s.Waiting
	if len(s.Running)+len(s.Waiting) == 0 {
		return s
	}
	if o.Memory == Contiguous && len(s.Waiting) > 0 {
		e.step.runs = e.pool.FreeRuns(e.step.runs[:0])
		s.FreeRuns = e.step.runs
	}
	for _, q := range e.sequences {
		if (q.state.Finished() || q.aside || q.beam.idle()) && len(q.table.Blocks) > 0 {
			s.Parked = append(s.Parked, e.view(q))
		}
	}
	slices.SortFunc(s.Parked, func(a, b scheduler.Sequence) int {
		return cmp.Or(cmp.Compare(e.sequences[a.ID].used, e.sequences[b.ID].used), cmp.Compare(a.ID, b.ID))
	})
	e.step.parked = s.Parked
	return s
}

// lookAhead looks up for the plan at hand what those who run may draw next, and what the
// prefix cache has for those who wait. It says false if a request has failed by that, and
// ended.
func (e *Engine) lookAhead() bool {
	for _, q := range e.running {
		q.drafts = q.drafts[:0]
		if e.options.PromptLookup.Tokens == 0 || q.steps == 0 || q.beam != nil || q.computed != len(q.tokens)-1 || q.box.full() {
			continue
		}
		if e.guardRequest(q, "guessing tokens", func() error { e.lookUp(q); return nil }) != nil {
			return false
		}
	}
	for _, q := range e.waiting {
		q.cached = q.cached[:0] // what an earlier plan looked up
	}
	e.step.next = admissible(e.step.next[:0], e.waiting, e.options.Policy, e.options.MaxSequences)
	defer clear(e.step.next) // who has ended must not be kept
	for _, q := range e.step.next {
		if e.guardRequest(q, "looking a prompt up", func() error { e.match(q); return nil }) != nil {
			return false
		}
	}
	return true
}

// admissible appends to next those who wait and may be admitted by the plan at hand: the
// first most of them in the order of the policy, without those whose reader is too slow. For
// nobody further behind is anything looked up.
func admissible(next, waiting []*sequence, policy Policy, most int) []*sequence {
	begin := len(next)
	for _, q := range waiting {
		if !q.box.full() {
			next = append(next, q)
		}
	}
	queue := next[begin:]
	if len(queue) <= most {
		return next
	}
	if policy == Priority {
		slices.SortFunc(queue, func(a, b *sequence) int { return scheduler.ComparePriority(a.priority, b.priority, a.id, b.id) })
	}
	clear(queue[most:]) // who has ended must not be kept
	return next[:begin+most]
}

// view is what the scheduler sees of a sequence.
func (e *Engine) view(q *sequence) scheduler.Sequence {
	v := scheduler.Sequence{ID: q.id, Priority: q.priority, Tokens: q.target(), Computed: q.computed, Blocks: q.table.Blocks}
	if q.watch.Attention {
		v.MaxChunk = maxWatchedChunk
	}
	if e.options.Memory == Contiguous {
		v.Reserve, v.Reserved = e.pool.Need(e.longest(q)), q.table.Reserved()
	}
	return v
}

// longest is the number of tokens that a sequence may have in the end.
func (e *Engine) longest(q *sequence) int {
	return min(q.turn().limitFrom+q.params.MaxTokens, e.contextLimit())
}

// match looks in the prefix cache for what a sequence without blocks would
// compute. What is watched or scored has to be computed, so nothing is looked
// up for it.
func (e *Engine) match(q *sequence) {
	q.cached = q.cached[:0]
	if e.looksUp(q) {
		q.cached = e.pool.Match(q.cached, &q.table, q.tokens)
	}
}

func (e *Engine) looksUp(q *sequence) bool {
	return e.options.prefixCaching() && len(q.table.Blocks) == 0 && !q.watch.Attention && q.scores == 0
}

// carryOut makes the decision so: who loses blocks, who runs and from where on,
// who has come to where it pauses. It says whether anything changed. Cached
// blocks are attached before any block is taken to write to, which could be the
// same.
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
		e.admit(e.sequences[id])
	}
	for _, r := range d.Reserved {
		s := e.sequences[r.ID]
		if err := e.pool.Reserve(&s.table, r.Run); err != nil {
			e.finish(s, FinishedAborted, err.Error()) // the plan chose a free run, so this does not happen
		}
	}
	e.batch = d.Batch
	paused := 0
	for i := 0; i < len(e.running); {
		s := e.running[i]
		if s.steps != 0 || s.computed < s.target() {
			i++
			continue
		}
		e.park(s, Paused) // which takes it out of the running ones
		paused++
	}
	return len(d.Evicted)+len(d.Preempted)+len(d.Admitted)+paused > 0
}

// admit lets a waiting sequence run, behind the blocks that the prefix cache
// has for it.
func (e *Engine) admit(s *sequence) {
	e.waiting = slices.DeleteFunc(e.waiting, func(o *sequence) bool { return o == s })
	e.running = append(e.running, s)
	if e.looksUp(s) {
		if !s.queried && s.counted == 0 { // what was computed and thrown away is no second query
			s.queried, s.prefixHit = true, len(s.cached)*e.options.BlockSize
			e.stats.PrefixQueries += uint64(len(s.tokens))
			e.stats.PrefixHits += uint64(s.prefixHit)
		}
		if err := e.pool.Attach(&s.table, s.cached); err != nil {
			e.finish(s, FinishedAborted, err.Error()) // it holds nothing, so this does not happen
			return
		}
		s.computed = len(s.cached) * e.options.BlockSize
		s.hit = s.computed
		e.countPrompt(s)
	}
	s.cached = s.cached[:0]
	e.setState(s, e.busy(s), "")
}

// advance records that the keys and values of the first n tokens are written,
// and lets others find them.
func (e *Engine) advance(s *sequence, n int) {
	s.computed = n
	e.pool.Fill(&s.table, n)
	if e.options.prefixCaching() {
		e.pool.Register(&s.table, s.tokens)
	}
	e.countPrompt(s)
}

// countPrompt counts given tokens that were computed or found for the first time.
func (e *Engine) countPrompt(s *sequence) {
	if s.computed > s.counted {
		e.stats.PromptTokens += uint64(s.computed - s.counted)
		s.counted = s.computed
	}
}

// evict frees a sequence's blocks; its tokens stay, to be recomputed.
func (e *Engine) evict(s *sequence) {
	s.computed = 0
	e.pool.Release(&s.table)
}
