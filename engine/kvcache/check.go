package kvcache

import (
	"fmt"
	"slices"
)

// Check proves the invariants, given all tables that hold blocks: a block is
// either in the list of free blocks or held, and free and held ones are all
// there are, of which the prefix cache knows some; every reference that a block counts is a table that lists it, at
// the place that the block says, and every entry of a table is such a
// reference; and what a block says of itself is so.
func (p *Pool) Check(tables []*Table) error {
	free, err := p.checkFree()
	if err != nil {
		return err
	}
	references := make([]int, len(p.blocks))
	for _, t := range tables {
		if t.filled > len(t.Blocks)*p.blockSize {
			return fmt.Errorf("kvcache: sequence %d has written %d tokens into %d blocks of %d", t.Owner, t.filled, len(t.Blocks), p.blockSize)
		}
		for i, b := range t.Blocks {
			block := &p.blocks[b]
			if block.info.Index != i || !slices.Contains(block.holders, t) {
				return fmt.Errorf("kvcache: block %d of sequence %d at %d says %+v", b, t.Owner, i, block.info)
			}
			references[b]++
		}
	}
	held := 0
	for b := range p.blocks {
		block := &p.blocks[b]
		if references[b] != len(block.holders) || block.info.Refs != len(block.holders) {
			return fmt.Errorf("kvcache: block %d says %d references, has %d holders and is listed in %d tables",
				b, block.info.Refs, len(block.holders), references[b])
		}
		if block.info.Filled != p.filled(int32(b)) {
			return fmt.Errorf("kvcache: block %d says that %d slots are filled, want %d", b, block.info.Filled, p.filled(int32(b)))
		}
		if references[b] == 0 {
			continue
		}
		held++
		if block.info.Owner != block.holders[0].Owner {
			return fmt.Errorf("kvcache: block %d says its owner is %d, want %d", b, block.info.Owner, block.holders[0].Owner)
		}
	}
	if err := p.checkCache(); err != nil {
		return err
	}
	if free+held != len(p.blocks) {
		return fmt.Errorf("kvcache: %d blocks are free and %d held, want %d in all", free, held, len(p.blocks))
	}
	return nil
}

// checkFree walks the list of free blocks and counts them.
func (p *Pool) checkFree() (int, error) {
	seen := make([]bool, len(p.blocks))
	count, prev := 0, none
	for b := p.head; b != none; prev, b = b, p.blocks[b].next {
		switch {
		case seen[b]:
			return 0, fmt.Errorf("kvcache: block %d is twice in the free list", b)
		case len(p.blocks[b].holders) != 0:
			return 0, fmt.Errorf("kvcache: free block %d has %d holders", b, len(p.blocks[b].holders))
		case prev != none && p.blocks[b].info.Order <= p.blocks[prev].info.Order:
			return 0, fmt.Errorf("kvcache: free block %d has place %d, behind block %d with %d", b, p.blocks[b].info.Order, prev, p.blocks[prev].info.Order)
		case p.blocks[b].prev != prev:
			return 0, fmt.Errorf("kvcache: free block %d follows %d and says %d", b, prev, p.blocks[b].prev)
		}
		seen[b] = true
		count++
	}
	if count != p.free || p.tail != prev {
		return 0, fmt.Errorf("kvcache: %d blocks in the free list, which counts %d", count, p.free)
	}
	return count, nil
}

// checkCache proves that the prefix cache finds each block that says so, and no
// other, by what the block holds, and that the pool's figures are right.
func (p *Pool) checkCache() error {
	hashed, cached, filled := 0, 0, 0
	for b := range p.blocks {
		block := &p.blocks[b]
		if len(block.holders) > 0 {
			filled += block.info.Filled
			if block.info.Order != 0 {
				return fmt.Errorf("kvcache: block %d is held and has place %d among the free ones", b, block.info.Order)
			}
		}
		if !block.info.Hashed {
			continue
		}
		hashed++
		if len(block.holders) == 0 {
			cached++
		}
		c := &p.cache.contents[b]
		if found, ok := p.cache.blocks[c.hash]; !ok || found != int32(b) {
			return fmt.Errorf("kvcache: block %d is hashed and the prefix cache finds block %d (%v)", b, found, ok)
		}
		if len(c.tokens) != p.blockSize || p.cache.hash(c.parent, c.salt, c.tokens) != c.hash {
			return fmt.Errorf("kvcache: block %d with %d tokens has another hash than they", b, len(c.tokens))
		}
	}
	if hashed != len(p.cache.blocks) {
		return fmt.Errorf("kvcache: the prefix cache knows %d blocks, %d say so", len(p.cache.blocks), hashed)
	}
	if cached != p.stats.Cached || filled != p.stats.Filled {
		return fmt.Errorf("kvcache: %d cached blocks and %d filled slots are counted, want %d and %d", p.stats.Cached, p.stats.Filled, cached, filled)
	}
	return nil
}
