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
	Owner  uint32 // the sequence that has held it longest, 0 if none
	Index  int    // its place in the block tables of all who hold it
	Filled int    // slots whose keys and values are written
}

// block is the pool's record of one physical block. Free blocks form a doubly
// linked list through prev and next.
type block struct {
	info       BlockInfo
	holders    []*Table // the one that has held it longest first
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
	// OnChange is told each block's new condition; may be nil. It must not block.
	OnChange func(BlockInfo)
}

// NewPool makes a pool of n free blocks of blockSize slots.
func NewPool(n, blockSize int) (*Pool, error) {
	if n < 1 || n > 1<<28 {
		return nil, fmt.Errorf("kvcache: %d blocks, want 1 to %d", n, 1<<28)
	}
	if blockSize < 1 || blockSize > 1<<12 {
		return nil, fmt.Errorf("kvcache: block size %d, want 1 to %d", blockSize, 1<<12)
	}
	p := &Pool{blockSize: blockSize, blocks: make([]block, n), head: none, tail: none}
	for i := range p.blocks {
		p.blocks[i].info.Block = int32(i)
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

// Table is the block table of one sequence: the keys and values of its
// position p lie in block Blocks[p/BlockSize]. The pool remembers where the
// table is, so it must not be copied while it holds blocks.
type Table struct {
	Owner  uint32
	Blocks []int32
	filled int // tokens whose keys and values are written
}

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
	child.filled = parent.filled
	for _, b := range parent.Blocks[:p.Need(parent.filled)] {
		child.Blocks = append(child.Blocks, b)
		p.blocks[b].holders = append(p.blocks[b].holders, child)
		p.changed(b)
	}
	return nil
}

// Grow gives the table enough blocks for n tokens, or none at all and
// ErrNoFreeBlocks. If tokens are to be written into a block that others hold
// too, which only the last, partly filled one can be, the table gets another
// block in its place, and Grow returns the copy that is to be made and true.
func (p *Pool) Grow(t *Table, n int) (c Copy, copies bool, err error) {
	missing := max(p.Need(n)-len(t.Blocks), 0)
	at := t.filled / p.blockSize // the block that is written to next
	copies = n > t.filled && at < len(t.Blocks) && len(p.blocks[t.Blocks[at]].holders) > 1
	need := missing
	if copies {
		need++
	}
	if need > p.free {
		return c, false, fmt.Errorf("%w: %d tokens need %d more blocks and %d are free", ErrNoFreeBlocks, n, need, p.free)
	}
	if copies {
		c = Copy{Dst: p.take(t, at), Src: t.Blocks[at]}
		t.Blocks[at] = c.Dst
		p.leave(t, c.Src)
		p.changed(c.Dst)
	}
	for range missing {
		b := p.take(t, len(t.Blocks))
		t.Blocks = append(t.Blocks, b)
		p.changed(b)
	}
	return c, copies, nil
}

// take makes t the holder of a free block.
func (p *Pool) take(t *Table, index int) int32 {
	b := p.popFree()
	p.blocks[b].info.Index = index
	p.blocks[b].holders = append(p.blocks[b].holders, t)
	return b
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
	p.changed(b)
}

// Fill records that the keys and values of the first n tokens are written.
func (p *Pool) Fill(t *Table, n int) {
	from, to := min(t.filled, n)/p.blockSize, p.Need(max(t.filled, n))
	t.filled = n
	for i := from; i < min(to, len(t.Blocks)); i++ {
		b := t.Blocks[i]
		if p.filled(b) != p.blocks[b].info.Filled {
			p.changed(b)
		}
	}
}

// filled is the number of slots of a block that the table that has come
// furthest has written.
func (p *Pool) filled(b int32) int {
	most := 0
	for _, t := range p.blocks[b].holders {
		most = max(most, min(t.filled-p.blocks[b].info.Index*p.blockSize, p.blockSize))
	}
	return most
}

// Truncate keeps the first n tokens and gives up the blocks behind them, the
// last one first, so that the tail of a sequence is reused before its head. A
// block that others hold stays theirs.
func (p *Pool) Truncate(t *Table, n int) {
	keep := p.Need(n)
	for i := len(t.Blocks) - 1; i >= keep; i-- {
		p.leave(t, t.Blocks[i])
	}
	t.Blocks = t.Blocks[:min(keep, len(t.Blocks))]
	p.Fill(t, min(t.filled, n))
}

// changed brings a block's condition up to date and tells of it.
func (p *Pool) changed(b int32) {
	info := &p.blocks[b].info
	info.Refs, info.Owner, info.Filled = len(p.blocks[b].holders), 0, p.filled(b)
	if info.Refs > 0 {
		info.Owner = p.blocks[b].holders[0].Owner
	}
	if p.OnChange != nil {
		p.OnChange(*info)
	}
}

func (p *Pool) pushFree(b int32) {
	p.blocks[b].prev, p.blocks[b].next = p.tail, none
	if p.tail == none {
		p.head = b
	} else {
		p.blocks[p.tail].next = b
	}
	p.tail = b
	p.free++
}

func (p *Pool) popFree() int32 {
	b := p.head
	p.head = p.blocks[b].next
	if p.head == none {
		p.tail = none
	} else {
		p.blocks[p.head].prev = none
	}
	p.free--
	return b
}
