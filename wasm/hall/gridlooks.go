//go:build js && wasm

package main

import (
	"vitrine/visualizer/paint"
	"vitrine/wasm/page"
)

// drawn is what a grid shows, by which it is told what has to be drawn again. Texts and
// patterns are most of what a drawing costs; step by step, under the pointer or with few
// requests, most blocks are as they were.
type drawn struct {
	layout paint.BlockGrid
	theme  *paint.Theme
	ratio  float64
	looks  []blockLook
	arrows bool // copies are pointed out, whose arrows cross other blocks
}

// blockLook is all that a block's picture and text come from.
type blockLook struct {
	paint.Block
	owner   uint32
	refs    int
	holders string // of a shared block, and how they are coloured
	place   int    // in the queue of free blocks
	chosen  bool   // the chosen request has it
	cursor  bool   // it is pointed at
	evicted uint8  // how strongly an eviction is pointed out
}

// looks is what the grid is to show at a time by the screen's clock.
func (g *grid) looks(t float64) drawn {
	c := g.c
	now := drawn{layout: g.layout, theme: c.theme.Paint, ratio: g.Ratio, looks: make([]blockLook, len(c.moment.Blocks))}
	for i, b := range c.moment.PaintBlocks(c.by) {
		block := &c.moment.Blocks[i]
		look := blockLook{Block: b, refs: int(block.Refs), cursor: i == g.cursor}
		switch {
		case look.refs == 0:
			look.place = g.queue[i]
		case look.refs == 1:
			look.owner = block.Owner
		}
		if ids := g.holders[i]; len(ids) > 1 {
			look.holders = page.Decimal(int(c.by))
			for _, id := range ids {
				look.holders += " " + page.Decimal(int(id))
			}
		}
		now.looks[i] = look
	}
	if q := c.moment.Request(c.chosen); q != nil {
		for _, block := range q.Table {
			if int(block) < len(now.looks) {
				now.looks[block].chosen = true
			}
		}
	}
	for i := range g.marks {
		m := &g.marks[i]
		strength := 1.0
		if !m.stays {
			strength = min(1, 1.6*(1-(t-m.since)/flashLength))
		}
		m.alpha = uint8(255 * max(strength, 0))
		switch {
		case m.From >= 0:
			now.arrows = true
		case m.Block >= 0 && m.Block < len(now.looks):
			now.looks[m.Block].evicted = m.alpha
		}
	}
	return now
}

// since lists the blocks that look otherwise than before; nil if all have to be drawn.
func (d *drawn) since(before *drawn) []int {
	if d.layout != before.layout || d.theme != before.theme || d.ratio != before.ratio || len(d.looks) != len(before.looks) || d.arrows || before.arrows {
		return nil
	}
	changed := make([]int, 0, len(d.looks))
	for i := range d.looks {
		if d.looks[i] != before.looks[i] {
			changed = append(changed, i)
		}
	}
	return changed
}
