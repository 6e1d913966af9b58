// Package scheduler decides which tokens the engine computes in its next step.
//
// There are no phases of prefill and decode: a request's computed tokens
// catch up with its tokens, many at a time after a prompt and one at a time
// while it generates (continuous batching; Yu et al. 2022, "Orca", and
// chunked prefill; Agrawal et al. 2023, "Sarathi"). [Plan] is a pure function:
// it reads no clock and owns nothing, so it can be tested by tables.
package scheduler

// Sequence is what the scheduler knows of one sequence of a request.
type Sequence struct {
	ID       uint32
	Tokens   int // tokens to be computed in the end, for now
	Computed int // tokens whose keys and values are in the cache
	Blocks   int // blocks held
	// Shared are those of its blocks that other sequences hold as well: the
	// first len(Shared) of its block table, in their order.
	Shared []SharedBlock
	// MaxChunk bounds the tokens of this request in one step; 0 means no bound.
	MaxChunk int
}

// SharedBlock is a block that several sequences hold.
type SharedBlock struct {
	Block int32
	Refs  int // the sequences that hold it
}

// State is everything that a plan depends on.
type State struct {
	Running []Sequence // in the order of their admission
	// Waiting sequences, the head of the queue first. Some hold blocks: those
	// that have been paused, and those that were forked off.
	Waiting []Sequence
	// Parked requests compute nothing but hold blocks (finished ones that are
	// looked at, for instance), the one used longest ago first. Their blocks
	// are taken back before anyone is preempted.
	Parked []Sequence

	FreeBlocks int
	BlockSize  int
	MaxTokens  int // tokens a step
	MaxRunning int // requests a step
}

// Share is one request's part of a step.
type Share struct {
	ID    uint32
	Count int // tokens to compute, from the first that is not computed on
}

// Decision is what the next step does.
type Decision struct {
	Evicted   []uint32 // parked and waiting sequences whose blocks are freed first
	Preempted []uint32 // running sequences that lose their blocks and go to the head of the queue, to be recomputed
	Admitted  []uint32 // waiting sequences that begin to run
	Shares    []Share  // what is computed; running sequences first
}

// Plan decides the next step. Running sequences come first, then waiting ones
// in order, as long as the token budget and the blocks last; if something had
// to be preempted, nobody new is admitted. Where blocks run out for a running
// sequence, parked ones lose theirs first, then waiting ones from the end of
// the queue, and then the sequence that was admitted last. Where they run out
// for the head of the queue and nothing runs that could free some, those
// behind it lose theirs.
func Plan(s State) Decision {
	p := plan{State: s, queue: len(s.Waiting)}
	budget, running := s.MaxTokens, s.Running
	for i := 0; i < len(running) && budget > 0; i++ {
		q := running[i]
		count := share(q, budget)
		if count == 0 {
			continue
		}
		for !p.room(q, count, 0) && len(running) > i+1 {
			p.preempt(running[len(running)-1])
			running = running[:len(running)-1]
		}
		if !p.room(q, count, 0) {
			// Alone and still too large for the memory that others hold: wait
			// with nothing, so that they can end.
			p.preempt(q)
			break
		}
		p.compute(q, count)
		budget -= count
	}
	if len(p.Preempted) > 0 || p.queue < len(s.Waiting) {
		return p.Decision // memory is short: nobody new
	}
	for i, q := range s.Waiting {
		if budget == 0 || len(running)+len(p.Admitted) >= s.MaxRunning || i >= p.queue {
			break
		}
		keep := len(s.Waiting)
		if len(running)+len(p.Admitted) == 0 {
			keep = i + 1
		}
		count := share(q, budget)
		if !p.room(q, count, keep) {
			break
		}
		p.Admitted = append(p.Admitted, q.ID)
		p.compute(q, count)
		budget -= count
	}
	return p.Decision
}

// share is how many tokens of q fit in the budget.
func share(q Sequence, budget int) int {
	n := min(q.Tokens-q.Computed, budget)
	if q.MaxChunk > 0 {
		n = min(n, q.MaxChunk)
	}
	return max(n, 0)
}
