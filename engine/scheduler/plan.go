package scheduler

import "vitrine/engine/kvcache"

// plan is a decision in the making and the blocks as it leaves them.
type plan struct {
	State
	Decision
	// promised are the blocks that who runs already will take for the tokens
	// that it has, in later steps.
	promised int
	queue    int           // waiting sequences that have not lost their blocks: Waiting[:queue]
	runs     []kvcache.Run // of free blocks, less those that were reserved
	// refs are the references of the blocks for which the decision has changed
	// them.
	refs map[int32]int

	ordered, queued []Sequence // memory for those that run and wait, in another order
}

// begin lets the next plan use the memory of the one before.
func (p *plan) begin(s State) {
	d := &p.Decision
	clear(p.refs)
	*p = plan{
		State: s, queue: len(s.Waiting), runs: append(p.runs[:0], s.FreeRuns...), refs: p.refs, ordered: p.ordered, queued: p.queued,
		Decision: Decision{Evicted: d.Evicted[:0], Preempted: d.Preempted[:0], Admitted: d.Admitted[:0], Reserved: d.Reserved[:0], Shares: d.Shares[:0]},
	}
}

// room says whether there are blocks for q to compute count more tokens, and
// spare ones beside, or can be by evicting parked sequences and waiting ones behind
// the first keep.
func (p *plan) room(q Sequence, count, spare, keep int) bool {
	for p.FreeBlocks < p.missing(q, count)+spare {
		if !p.evictOne(keep) {
			return false
		}
	}
	return true
}

// evictOne takes the blocks of the parked sequence that was used longest ago, or
// of the waiting one furthest from the head of the queue, but none of the first
// keep. It says whether there was one.
func (p *plan) evictOne(keep int) bool {
	for len(p.Parked) > 0 {
		q := p.Parked[0]
		p.Parked = p.Parked[1:]
		if p.evict(q) {
			return true
		}
	}
	for p.queue > keep {
		p.queue--
		if p.evict(p.Waiting[p.queue]) {
			return true
		}
	}
	return false
}

// reserve finds the run of blocks that q must have to run. Where there is none
// it takes others' blocks, as room does; what becomes free then is a matter of
// the next plan.
func (p *plan) reserve(q Sequence, keep int) bool {
	if p.evict(q) { // what it holds is too short
		return false
	}
	for i := range p.runs {
		r := &p.runs[i]
		if n := int32(q.Reserve); r.Count >= n {
			p.Reserved = append(p.Reserved, Reservation{q.ID, kvcache.Run{First: r.First, Count: n}})
			r.First, r.Count = r.First+n, r.Count-n
			p.FreeBlocks -= q.Reserve
			return true
		}
	}
	p.evictOne(keep)
	return false
}

// computed is the number of tokens that q begins behind.
func (p *plan) computed(q Sequence) int { return max(q.Computed, len(q.Cached)*p.BlockSize) }

// missing is how many free blocks q takes to compute count more tokens: those
// beyond the ones it holds, those of its cached ones that nobody holds, and one
// to copy the block to that it writes to next, if others hold that too. A
// reservation holds everything.
func (p *plan) missing(q Sequence, count int) int {
	if q.Reserve > 0 {
		return 0
	}
	n := max((p.computed(q)+count+p.BlockSize-1)/p.BlockSize-len(q.Blocks)-len(q.Cached), 0)
	for _, b := range q.Cached {
		if p.left(b) == 0 {
			n++
		}
	}
	if count > 0 && p.copies(q) {
		n++
	}
	return n
}

// copies says whether the block that q writes to next is others' too.
func (p *plan) copies(q Sequence) bool {
	at := q.Computed / p.BlockSize
	return at < len(q.Blocks) && p.left(q.Blocks[at]) > 1
}

// attach makes q hold the cached blocks.
func (p *plan) attach(q Sequence) {
	for _, b := range q.Cached {
		if p.change(b, 1) == 1 {
			p.FreeBlocks--
		}
	}
}

// compute gives q the blocks for count more tokens and, if those are all it has,
// for as many drafts as there are free blocks and budget for. It returns the
// number of tokens.
func (p *plan) compute(q Sequence, count, budget int) int {
	drafts := 0
	if count == p.rest(q) {
		drafts = min(q.Drafts, budget-count)
	}
	for drafts > 0 && p.missing(q, count+drafts) > p.FreeBlocks {
		drafts--
	}
	p.promised += max(p.missing(q, p.rest(q))-p.missing(q, count), 0)
	if count > 0 {
		p.share(q, count+drafts, drafts)
	}
	return count + drafts
}

// share lets q compute count tokens, the last of them drafts, in blocks that
// are there.
func (p *plan) share(q Sequence, count, drafts int) {
	p.FreeBlocks -= p.missing(q, count)
	if q.Reserve == 0 && p.copies(q) {
		p.change(q.Blocks[q.Computed/p.BlockSize], -1)
	}
	p.Shares = append(p.Shares, Share{q.ID, count, drafts})
}

func (p *plan) preempt(q Sequence) {
	p.Preempted = append(p.Preempted, q.ID)
	p.release(q)
}

// evict takes q's blocks and says whether it had any.
func (p *plan) evict(q Sequence) bool {
	if len(q.Blocks) == 0 {
		return false
	}
	p.Evicted = append(p.Evicted, q.ID)
	p.release(q)
	return true
}

// release counts the blocks that nobody holds once q has lost its own.
func (p *plan) release(q Sequence) {
	for _, b := range q.Blocks {
		if p.change(b, -1) == 0 {
			p.FreeBlocks++
		}
	}
}

// left is the number of references to a block that the decision leaves.
func (p *plan) left(b int32) int {
	if n, changed := p.refs[b]; changed {
		return n
	}
	return p.Refs(b)
}

// change adds references to a block and returns how many there are then.
func (p *plan) change(b int32, by int) int {
	if p.refs == nil {
		p.refs = map[int32]int{}
	}
	n := p.left(b) + by
	p.refs[b] = n
	return n
}
