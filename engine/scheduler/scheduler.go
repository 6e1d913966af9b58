// Package scheduler decides which tokens the engine computes in its next step.
//
// There are no phases of prefill and decode: a request's computed tokens
// catch up with its tokens, many at a time after a prompt and one at a time
// while it generates (continuous batching; Yu et al. 2022, "Orca", and
// chunked prefill; Agrawal et al. 2023, "Sarathi"). [Plan] is a pure function:
// it reads no clock and owns nothing, so it can be tested by tables.
package scheduler

// Sequence is what the scheduler knows of one request.
type Sequence struct {
	ID       uint32
	Tokens   int // tokens to be computed in the end, for now
	Computed int // tokens whose keys and values are in the cache
	Blocks   int // blocks held
	// MaxChunk bounds the tokens of this request in one step; 0 means no bound.
	MaxChunk int
}

// State is everything that a plan depends on.
type State struct {
	Running []Sequence // in the order of their admission
	Waiting []Sequence // the head of the queue first
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
	Evicted   []uint32 // parked requests whose blocks are freed first
	Preempted []uint32 // running requests that lose their blocks and go to the head of the queue, to be recomputed
	Admitted  []uint32 // waiting requests that begin to run
	Shares    []Share  // what is computed; running requests first
}

// Plan decides the next step. Running requests come first, then waiting ones
// in order, as long as the token budget and the blocks last; if something had
// to be preempted, nobody new is admitted. Where blocks run out, parked
// requests lose theirs first and then the request that was admitted last.
func Plan(s State) Decision {
	var d Decision
	free, budget := s.FreeBlocks, s.MaxTokens
	running, parked := s.Running, s.Parked

	// room says whether n blocks are free, or can be by evicting parked requests.
	room := func(n int) bool {
		for free < n && len(parked) > 0 {
			if parked[0].Blocks > 0 {
				d.Evicted = append(d.Evicted, parked[0].ID)
				free += parked[0].Blocks
			}
			parked = parked[1:]
		}
		return free >= n
	}
	for i := 0; i < len(running) && budget > 0; i++ {
		q := running[i]
		count := share(q, budget)
		if count == 0 {
			continue
		}
		need := s.missing(q, count)
		for !room(need) && len(running) > i+1 {
			last := running[len(running)-1]
			running = running[:len(running)-1]
			d.Preempted = append(d.Preempted, last.ID)
			free += last.Blocks
		}
		if !room(need) {
			// Alone and still too large for the memory that others hold: wait
			// with nothing, so that they can end.
			d.Preempted = append(d.Preempted, q.ID)
			free += q.Blocks
			break
		}
		free -= need
		budget -= count
		d.Shares = append(d.Shares, Share{q.ID, count})
	}
	if len(d.Preempted) > 0 {
		return d
	}
	for _, q := range s.Waiting {
		if budget == 0 || len(running)+len(d.Admitted) >= s.MaxRunning {
			break
		}
		count := share(q, budget)
		need := s.missing(q, count)
		if !room(need) {
			break
		}
		free -= need
		budget -= count
		d.Admitted = append(d.Admitted, q.ID)
		if count > 0 {
			d.Shares = append(d.Shares, Share{q.ID, count})
		}
	}
	return d
}

// share is how many tokens of q fit in the budget.
func share(q Sequence, budget int) int {
	n := min(q.Tokens-q.Computed, budget)
	if q.MaxChunk > 0 {
		n = min(n, q.MaxChunk)
	}
	return max(n, 0)
}

// missing is how many blocks q needs beyond those it holds, to compute count
// more tokens.
func (s *State) missing(q Sequence, count int) int {
	return max((q.Computed+count+s.BlockSize-1)/s.BlockSize-q.Blocks, 0)
}
