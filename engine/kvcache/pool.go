// Package kvcache hands out the blocks of the KV cache: physical pages of
// BlockSize tokens each, so that a sequence takes memory only as it grows and
// gives all of it back (Kwon et al. 2023, "Efficient Memory Management for
// Large Language Model Serving with PagedAttention").
//
// It keeps the books only. The keys and values lie in the memory of a backend.
package kvcache

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNoFreeBlocks is returned when a sequence needs more blocks than are free.
var ErrNoFreeBlocks = errors.New("kvcache: no free blocks")

// BlockInfo is the condition of one block after a change.
type BlockInfo struct {
	Block  int32
	Refs   int    // sequences that hold it; 0 means free
	Owner  uint32 // the sequence that has held it longest, or leads (see Pool.Lead); 0 if none
	Index  int    // its place in the block tables of all who hold it
	Filled int    // slots whose keys and values are written
	Hashed bool   // the prefix cache knows what it holds, and finds it, held or free
	// Order is a free block's place in the queue of free blocks: the one with
	// the least is handed out next. 0 while the block is held.
	Order uint64
	// Cause is the last thing that happened to it.
	Cause Cause
	// Source is the block that it was copied from, if Cause is Copied.
	Source int32
}

// Cause says what happened to a block.
type Cause uint8

// The causes of a block's change.
const (
	Taken   Cause = iota + 1 // a sequence took it from the free ones
	Filled                   // more of it was written, or less of it counts
	Hashed                   // full, and known to the prefix cache from now on
	Hit                      // a sequence found in it what it would have computed
	Forked                   // a sequence was forked off and holds it too
	Copied                   // a sequence took it to write where others read: copy-on-write
	Left                     // a sequence gave it up; it is free if that was the last
	Evicted                  // the prefix cache forgot it, for it is to be written to
)

var causeNames = [...]string{"none", "taken", "filled", "hashed", "hit", "forked", "copied", "left", "evicted"}

// String is the cause in a word.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// block is the pool's record of one physical block. Free blocks form a doubly
// linked list through prev and next.
type block struct {
	info       BlockInfo
	holders    []*Table // the one that has held it longest first, or that leads
	prev, next int32
}

// none ends the list of free blocks.
const none int32 = -1

// Pool owns a fixed number of blocks. It is used by one goroutine.
type Pool struct {
	blockSize int
	blocks    []block
	head      int32 // the free block that was used longest ago: handed out next
	tail      int32 // the free block that was used last
	free      int
	order     uint64 // of the block that became free last
	cache     prefixCache
	stats     Stats
	// OnChange is told each block's new condition; may be nil. It must not block.
	OnChange func(BlockInfo)
	// OnPrefix is told each change of the prefix cache; may be nil. It must not
	// block, and may read the tokens during the call only.
	OnPrefix func(PrefixEvent)
}

// Stats are the pool's figures.
type Stats struct {
	Blocks    int    // in all
	Held      int    // blocks that sequences hold, each counted once
	Cached    int    // free blocks that the prefix cache still finds
	Filled    int    // slots of held blocks that are written
	Evictions uint64 // blocks that the prefix cache forgot, since the pool was made
}

// Stats are the pool's figures now.
func (p *Pool) Stats() Stats {
	s := p.stats
	s.Blocks, s.Held = len(p.blocks), len(p.blocks)-p.free
	return s
}

// NewPool makes a pool of n free blocks of blockSize slots, without a prefix cache:
// see [Pool.EnablePrefixCaching].
func NewPool(n, blockSize int) (*Pool, error) {
	if n < 1 || n > 1<<28 {
		return nil, fmt.Errorf("kvcache: %d blocks, want 1 to %d", n, 1<<28)
	}
	if blockSize < 1 || blockSize > 1<<12 {
		return nil, fmt.Errorf("kvcache: block size %d, want 1 to %d", blockSize, 1<<12)
	}
	p := &Pool{blockSize: blockSize, blocks: make([]block, n), head: none, tail: none}
	holders := make([]*Table, n) // every block has one in time, and no step shall take memory
	for i := range p.blocks {
		p.blocks[i].info.Block = int32(i)
		p.blocks[i].holders = holders[i:i:(i + 1)]
		p.pushFree(int32(i))
	}
	return p, nil
}

// Blocks is the number of blocks in all.
func (p *Pool) Blocks() int { return len(p.blocks) }

// Free is the number of free blocks.
func (p *Pool) Free() int { return p.free }

// BlockSize is the number of slots a block.
func (p *Pool) BlockSize() int { return p.blockSize }

// Need is the number of blocks that n tokens take.
func (p *Pool) Need(n int) int { return (n + p.blockSize - 1) / p.blockSize }

// Info is the condition of a block.
func (p *Pool) Info(b int32) (BlockInfo, bool) {
	if b < 0 || int(b) >= len(p.blocks) {
		return BlockInfo{}, false
	}
	return p.blocks[b].info, true
}

// Refs is the number of sequences that hold a block.
func (p *Pool) Refs(b int32) int { return p.blocks[b].info.Refs }

// Table is the block table of one sequence: the keys and values of its
// position p lie in block Blocks[p/BlockSize]. The pool remembers where the
// table is, so it must not be copied while it holds blocks.
type Table struct {
	Owner uint32
	// Salt keeps what the sequence computes to those with the same salt: no
	// other finds its blocks in the prefix cache. It must not change.
	Salt   string
	Blocks []int32
	filled int // tokens whose keys and values are written
	// reserved is the number of blocks at the head that stay, written or not,
	// until the table is released.
	reserved int
	hashes   []Hash // of the first full blocks of its tokens, as far as they were needed
	offered  int    // blocks at the head that the prefix cache was told of
}

// Reserved is the number of blocks that [Pool.Reserve] gave.
func (t *Table) Reserved() int { return t.reserved }

// Slot is the slot of the cache that position pos lies in.
func (t *Table) Slot(pos, blockSize int) int32 {
	return t.Blocks[pos/blockSize]*int32(blockSize) + int32(pos%blockSize)
}

// Copy asks for the keys and values of block Src to be copied to block Dst,
// before anything is written to Dst.
type Copy struct{ Dst, Src int32 }

// Fork gives child, which must hold no blocks, the keys and values that parent
// has: child holds the same blocks, each of which counts one reference more,
// and takes no free one. What either writes next goes into a block of its own
// ([Pool.Grow]), so neither sees what becomes of the other.
func (p *Pool) Fork(child, parent *Table) error {
	if len(child.Blocks) > 0 {
		return fmt.Errorf("kvcache: sequence %d holds %d blocks, want none to fork into", child.Owner, len(child.Blocks))
	}
	child.filled, child.offered = parent.filled, parent.offered
	child.hashes = slices.Clone(parent.hashes)
	for _, b := range parent.Blocks[:p.Need(parent.filled)] {
		child.Blocks = append(child.Blocks, b)
		p.blocks[b].holders = append(p.blocks[b].holders, child)
		p.changed(b, Forked)
	}
	return nil
}

// Lead makes a table the first holder of its blocks, whose owner it then is, before
// those that it shares them with.
func (p *Pool) Lead(t *Table) {
	for _, b := range t.Blocks {
		holders := p.blocks[b].holders
		if i := slices.Index(holders, t); i > 0 {
			copy(holders[1:], holders[:i])
			holders[0] = t
			p.changed(b, p.blocks[b].info.Cause)
		}
	}
}

// Grow gives the table enough blocks for n tokens, or none at all and
// ErrNoFreeBlocks. If tokens are to be written into a block that others hold
// too, which only the first one that is not full can be, the table gets another
// block in its place, and Grow returns the copy that is to be made and true. If
// the table has the block to itself and the prefix cache knows it, which a
// table that was truncated may, it is forgotten.
func (p *Pool) Grow(t *Table, n int) (c Copy, copies bool, err error) {
	missing := max(p.Need(n)-len(t.Blocks), 0)
	at := t.filled / p.blockSize // the block that is written to next
	writes := n > t.filled && at < len(t.Blocks)
	copies = writes && len(p.blocks[t.Blocks[at]].holders) > 1
	need := missing
	if copies {
		need++
	}
	if need > p.free {
		return c, false, fmt.Errorf("%w: %d tokens need %d more blocks and %d are free", ErrNoFreeBlocks, n, need, p.free)
	}
	switch {
	case copies:
		c = Copy{Dst: p.take(t, at), Src: t.Blocks[at]}
		t.Blocks[at] = c.Dst
		p.leave(t, c.Src)
		p.blocks[c.Dst].info.Source = c.Src
		p.changed(c.Dst, Copied)
	case writes:
		p.forget(t.Blocks[at])
	}
	for range missing {
		b := p.take(t, len(t.Blocks))
		t.Blocks = append(t.Blocks, b)
		p.changed(b, Taken)
	}
	return c, copies, nil
}

// Run is a number of free blocks one behind the other.
type Run struct{ First, Count int32 }

// FreeRuns appends all runs of free blocks to runs, in the order of their numbers.
func (p *Pool) FreeRuns(runs []Run) []Run {
	for b := int32(0); int(b) < len(p.blocks); b++ {
		first := b
		for int(b) < len(p.blocks) && len(p.blocks[b].holders) == 0 {
			b++
		}
		if b > first {
			runs = append(runs, Run{first, b - first})
		}
	}
	return runs
}

// Reserve gives a table that holds nothing a run of free blocks, in the order of
// their numbers, which it keeps until [Pool.Release] however few tokens it has:
// memory as engines had it before paging.
func (p *Pool) Reserve(t *Table, run Run) error {
	if len(t.Blocks) > 0 {
		return fmt.Errorf("kvcache: sequence %d holds %d blocks, want none to reserve a run for", t.Owner, len(t.Blocks))
	}
	if run.First < 0 || run.Count < 1 || int(run.First)+int(run.Count) > len(p.blocks) {
		return fmt.Errorf("kvcache: blocks %d to %d, want some of the %d that there are", run.First, run.First+run.Count-1, len(p.blocks))
	}
	for b := run.First; b < run.First+run.Count; b++ {
		if len(p.blocks[b].holders) > 0 {
			return fmt.Errorf("%w: block %d of the run from %d on is held", ErrNoFreeBlocks, b, run.First)
		}
	}
	for b := run.First; b < run.First+run.Count; b++ {
		p.forget(b)
		p.removeFree(b)
		p.hold(t, b, len(t.Blocks))
		t.Blocks = append(t.Blocks, b)
		p.changed(b, Taken)
	}
	t.reserved = len(t.Blocks)
	return nil
}

// Release gives up everything that the table holds, reserved or not.
func (p *Pool) Release(t *Table) {
	t.reserved = 0
	p.Truncate(t, 0)
}

// take makes t the holder of the free block that was used longest ago.
func (p *Pool) take(t *Table, index int) int32 {
	b := p.head
	p.forget(b)
	p.removeFree(b)
	p.hold(t, b, index)
	return b
}

// hold makes t the first holder of a block.
func (p *Pool) hold(t *Table, b int32, index int) {
	p.blocks[b].info.Index = index
	p.blocks[b].holders = append(p.blocks[b].holders, t)
}

// leave ends t's hold on a block; the last one frees it.
func (p *Pool) leave(t *Table, b int32) {
	block := &p.blocks[b]
	i := slices.Index(block.holders, t)
	block.holders = slices.Delete(block.holders, i, i+1)
	if len(block.holders) == 0 {
		block.info.Index = 0
		p.pushFree(b)
	}
	p.changed(b, Left)
}

// Fill records that the keys and values of the first n tokens are written.
func (p *Pool) Fill(t *Table, n int) {
	from, to := min(t.filled, n)/p.blockSize, p.Need(max(t.filled, n))
	t.filled = n
	for i := from; i < min(to, len(t.Blocks)); i++ {
		b := t.Blocks[i]
		if p.filled(b) != p.blocks[b].info.Filled {
			p.changed(b, Filled)
		}
	}
}

// filled is the number of slots of a block that are written: by the table that
// has come furthest, or all that the prefix cache knows.
func (p *Pool) filled(b int32) int {
	if p.blocks[b].info.Hashed {
		return p.blockSize
	}
	most := 0
	for _, t := range p.blocks[b].holders {
		most = max(most, min(t.filled-p.blocks[b].info.Index*p.blockSize, p.blockSize))
	}
	return most
}

// Truncate keeps the first n tokens and gives up the blocks behind them that
// are not reserved, the last one first, so that the tail of a sequence is
// reused before its head. A block that others hold stays theirs.
func (p *Pool) Truncate(t *Table, n int) {
	keep := max(p.Need(n), t.reserved)
	for i := len(t.Blocks) - 1; i >= keep; i-- {
		p.leave(t, t.Blocks[i])
	}
	t.Blocks = t.Blocks[:min(keep, len(t.Blocks))]
	t.hashes = t.hashes[:min(len(t.hashes), n/p.blockSize)]
	t.offered = min(t.offered, n/p.blockSize)
	p.Fill(t, min(t.filled, n))
}

// changed brings a block's condition up to date and tells of it.
func (p *Pool) changed(b int32, cause Cause) {
	info := &p.blocks[b].info
	if info.Refs > 0 {
		p.stats.Filled -= info.Filled
	}
	info.Refs, info.Owner, info.Filled, info.Cause = len(p.blocks[b].holders), 0, p.filled(b), cause
	if cause != Copied {
		info.Source = 0
	}
	if info.Refs > 0 {
		info.Owner = p.blocks[b].holders[0].Owner
		p.stats.Filled += info.Filled
	}
	if p.OnChange != nil {
		p.OnChange(*info)
	}
}

// pushFree makes a block the last in the queue of free ones.
func (p *Pool) pushFree(b int32) {
	block := &p.blocks[b]
	block.prev, block.next = p.tail, none
	if p.tail == none {
		p.head = b
	} else {
		p.blocks[p.tail].next = b
	}
	p.tail = b
	p.free++
	p.order++
	block.info.Order = p.order
	if block.info.Hashed {
		p.stats.Cached++
	}
}

// removeFree takes a block out of the queue of free ones, wherever it stands.
func (p *Pool) removeFree(b int32) {
	block := &p.blocks[b]
	if block.prev == none {
		p.head = block.next
	} else {
		p.blocks[block.prev].next = block.next
	}
	if block.next == none {
		p.tail = block.prev
	} else {
		p.blocks[block.next].prev = block.prev
	}
	p.free--
	block.info.Order = 0
	if block.info.Hashed {
		p.stats.Cached--
	}
}
