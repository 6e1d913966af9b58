package scheduler

// plan is a decision in the making and the blocks as it leaves them.
type plan struct {
	State
	Decision
	queue int // waiting sequences that have not lost their blocks: Waiting[:queue]
	// refs are the references of the shared blocks that the decision has
	// changed, in the end.
	refs map[int32]int
}

// room says whether there are blocks for q to compute count more tokens, or
// can be by evicting parked sequences and waiting ones behind the first keep.
func (p *plan) room(q Sequence, count, keep int) bool {
	for p.FreeBlocks < p.missing(q, count) {
		switch {
		case len(p.Parked) > 0:
			p.evict(p.Parked[0])
			p.Parked = p.Parked[1:]
		case p.queue > keep:
			p.queue--
			p.evict(p.Waiting[p.queue])
		default:
			return false
		}
	}
	return true
}

// missing is how many free blocks q takes to compute count more tokens: those
// beyond the ones it holds, and one to copy the block to that it writes to
// next, if others hold that too.
func (p *plan) missing(q Sequence, count int) int {
	n := max((q.Computed+count+p.BlockSize-1)/p.BlockSize-q.Blocks, 0)
	if count > 0 && p.copies(q) {
		n++
	}
	return n
}

// copies says whether the block that q writes to next is others' too.
func (p *plan) copies(q Sequence) bool {
	at := q.Computed / p.BlockSize
	return at < len(q.Shared) && p.left(q.Shared[at]) > 1
}

// compute gives q the blocks for count more tokens.
func (p *plan) compute(q Sequence, count int) {
	if count == 0 {
		return
	}
	p.FreeBlocks -= p.missing(q, count)
	if p.copies(q) {
		p.leave(q.Shared[q.Computed/p.BlockSize])
	}
	p.Shares = append(p.Shares, Share{q.ID, count})
}

func (p *plan) preempt(q Sequence) {
	p.Preempted = append(p.Preempted, q.ID)
	p.release(q)
}

func (p *plan) evict(q Sequence) {
	if q.Blocks > 0 {
		p.Evicted = append(p.Evicted, q.ID)
		p.release(q)
	}
}

// release counts the blocks that nobody holds once q has lost its own.
func (p *plan) release(q Sequence) {
	p.FreeBlocks += q.Blocks - len(q.Shared)
	for _, b := range q.Shared {
		if p.leave(b) == 0 {
			p.FreeBlocks++
		}
	}
}

// left is the number of references to a shared block that the decision leaves.
func (p *plan) left(b SharedBlock) int {
	if n, changed := p.refs[b.Block]; changed {
		return n
	}
	return b.Refs
}

// leave takes a reference from a shared block and returns what is left.
func (p *plan) leave(b SharedBlock) int {
	if p.refs == nil {
		p.refs = map[int32]int{}
	}
	n := p.left(b) - 1
	p.refs[b.Block] = n
	return n
}
