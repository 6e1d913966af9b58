//go:build js && wasm

package main

import (
	"vitrine/visualizer/hall"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// blockState is a block's state in words.
func (c *client) blockState(b wire.HallBlock) string {
	switch {
	case b.Refs > 1:
		return c.words.Count("hall.block_shared", int(b.Refs))
	case b.Refs == 1:
		return c.words.Say("hall.block_used")
	case b.Hashed:
		return c.words.Say("hall.block_cached")
	}
	return c.words.Say("hall.block_free")
}

// blockReading is what the inspector says of a block.
func (c *client) blockReading(block int) page.Reading {
	if block >= len(c.moment.Blocks) {
		return page.Reading{}
	}
	w, b, size := c.words, c.moment.Blocks[block], int(c.hall.Config().BlockSize)
	r := page.Reading{Title: w.Say("hall.block_title", "N", page.Decimal(block)), Value: c.blockState(b), Fn: hall.FuncBlock}
	r.AddFact(w, "hall.read_refs", page.Decimal(int(b.Refs)))
	owner := "hall.read_owner"
	if b.Refs == 0 {
		owner = "hall.read_last_owner"
	}
	if b.Owner != 0 {
		names := c.moment.Name(b.Owner)
		if b.Refs > 1 && block < len(c.grid.holders) {
			names = ""
			for _, id := range c.grid.holders[block] {
				names += c.moment.Name(id) + " "
			}
		}
		r.AddFact(w, owner, names)
		if q := c.moment.Request(b.Owner); q != nil {
			r.AddFact(w, "hall.read_reader", c.readerName(q.Reader))
		}
	}
	r.AddFact(w, "hall.read_filled", page.Decimal(int(b.Filled))+" / "+page.Decimal(size))
	hashed := "hall.read_no"
	if b.Hashed {
		hashed = "hall.read_yes"
	}
	r.AddFact(w, "hall.read_hashed", w.Say(hashed))
	switch {
	case b.Refs > 0:
		first := int(b.Index) * size
		last := first + max(int(b.Filled), 1) - 1
		r.AddFact(w, "hall.read_index", page.Decimal(int(b.Index)))
		r.AddFact(w, "hall.read_positions", page.Decimal(first)+" … "+page.Decimal(last))
		r.AddFormula(view.Place(last, size, block))
		r.By = view.FuncPlace
		if b.Refs > 1 {
			r.Note = w.Say("hall.block_note_shared")
		}
	default:
		if block < len(c.grid.queue) {
			r.AddFact(w, "hall.read_queue", page.Decimal(c.grid.queue[block]))
		}
		r.Note = w.Say("hall.block_note_free")
		if b.Hashed {
			r.Note = w.Say("hall.block_note_cached")
		}
	}
	if says, fn := c.happenedTo(block); says != "" {
		r.Note, r.Fn = w.Sentences(says, r.Note), fn
	}
	return r
}
