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
)

// ErrNoFreeBlocks is returned when a sequence needs more blocks than are free.
var ErrNoFreeBlocks = errors.New("kvcache: no free blocks")

// BlockInfo is the condition of one block after a change.
type BlockInfo struct {
	Block  int32
	Refs   int    // sequences that hold it; 0 means free
	Owner  uint32 // the sequence that holds it, 0 if none
	Index  int    // its place in the owner's block table
	Filled int    // slots whose keys and values are written
}

// block is the pool's record of one physical block. Free blocks form a doubly
// linked list through prev and next.
type block struct {
	info       BlockInfo
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
// position p lie in block Blocks[p/BlockSize].
type Table struct {
	Owner  uint32
	Blocks []int32
	filled int // tokens whose keys and values are written
}

// Slot is the slot of the cache that position pos lies in.
func (t *Table) Slot(pos, blockSize int) int32 {
	return t.Blocks[pos/blockSize]*int32(blockSize) + int32(pos%blockSize)
}

// Grow gives the table enough blocks for n tokens, or none at all and
// ErrNoFreeBlocks.
func (p *Pool) Grow(t *Table, n int) error {
	missing := p.Need(n) - len(t.Blocks)
	if missing > p.free {
		return fmt.Errorf("%w: %d tokens need %d more blocks and %d are free", ErrNoFreeBlocks, n, missing, p.free)
	}
	for range missing {
		b := p.popFree()
		p.blocks[b].info = BlockInfo{Block: b, Refs: 1, Owner: t.Owner, Index: len(t.Blocks)}
		t.Blocks = append(t.Blocks, b)
		p.changed(b)
	}
	return nil
}

// Fill records that the keys and values of the first n tokens are written.
func (p *Pool) Fill(t *Table, n int) {
	from, to := min(t.filled, n)/p.blockSize, p.Need(max(t.filled, n))
	t.filled = n
	for i := from; i < min(to, len(t.Blocks)); i++ {
		b := &p.blocks[t.Blocks[i]]
		if filled := min(max(n-i*p.blockSize, 0), p.blockSize); filled != b.info.Filled {
			b.info.Filled = filled
			p.changed(t.Blocks[i])
		}
	}
}

// Truncate keeps the first n tokens and frees the blocks behind them, the last
// one first, so that the tail of a sequence is reused before its head.
func (p *Pool) Truncate(t *Table, n int) {
	keep := p.Need(n)
	for i := len(t.Blocks) - 1; i >= keep; i-- {
		b := t.Blocks[i]
		p.blocks[b].info = BlockInfo{Block: b}
		p.pushFree(b)
		p.changed(b)
	}
	t.Blocks = t.Blocks[:min(keep, len(t.Blocks))]
	p.Fill(t, min(t.filled, n))
}

// Check proves the invariants: every block is either in the list of free
// blocks or held by exactly one of the tables, at the place that it says.
func (p *Pool) Check(tables []*Table) error {
	const unseen, isFree, isHeld = 0, 1, 2
	seen := make([]uint8, len(p.blocks))
	count, prev := 0, none
	for b := p.head; b != none; prev, b = b, p.blocks[b].next {
		switch {
		case seen[b] != unseen:
			return fmt.Errorf("kvcache: block %d is twice in the free list", b)
		case p.blocks[b].info.Refs != 0:
			return fmt.Errorf("kvcache: free block %d has %d references", b, p.blocks[b].info.Refs)
		case p.blocks[b].prev != prev:
			return fmt.Errorf("kvcache: free block %d follows %d and says %d", b, prev, p.blocks[b].prev)
		}
		seen[b] = isFree
		count++
	}
	if count != p.free || p.tail != prev {
		return fmt.Errorf("kvcache: %d blocks in the free list, which counts %d", count, p.free)
	}
	for _, t := range tables {
		for i, b := range t.Blocks {
			if seen[b] != unseen {
				return fmt.Errorf("kvcache: block %d of sequence %d is free or held by another", b, t.Owner)
			}
			if info := p.blocks[b].info; info.Owner != t.Owner || info.Index != i || info.Refs != 1 {
				return fmt.Errorf("kvcache: block %d of sequence %d at %d says %+v", b, t.Owner, i, info)
			}
			seen[b] = isHeld
			count++
		}
	}
	if count != len(p.blocks) {
		return fmt.Errorf("kvcache: %d of %d blocks are neither free nor held", len(p.blocks)-count, len(p.blocks))
	}
	return nil
}

func (p *Pool) changed(b int32) {
	if p.OnChange != nil {
		p.OnChange(p.blocks[b].info)
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
