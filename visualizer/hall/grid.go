package hall

import (
	"cmp"
	"slices"

	"vitrine/visualizer/paint"
)

// Colouring says whose colour a block or a request has.
type Colouring uint8

// The colourings.
const (
	ByRequest Colouring = iota
	ByReader
)

// Hue is the hue of a request, as [paint.Theme.Hue] numbers them.
func (m *Moment) Hue(request uint32, by Colouring) int {
	q := m.Request(request)
	switch {
	case q == nil:
		return HueOf(request)
	case by == ByReader:
		return HueOf(q.Reader)
	}
	return HueOf(q.First + 3*uint32(q.Index)) // so that up to eight outputs have eight hues
}

// HueOf is the hue of a number that counts from 1.
func HueOf(number uint32) int { return 1 + int(number-1)%paint.NumHues }

// PaintBlocks is the pool as it is painted.
func (m *Moment) PaintBlocks(by Colouring) []paint.Block {
	blocks := make([]paint.Block, len(m.Blocks))
	for i, b := range m.Blocks {
		p := &blocks[i]
		p.Hashed, p.Filled = b.Hashed, int(b.Filled)
		switch {
		case b.Refs > 1:
			p.State = paint.BlockShared
		case b.Refs == 1:
			p.State = paint.BlockUsed
		case b.Hashed:
			p.State = paint.BlockCached
		}
		if b.Owner != 0 && p.State != paint.BlockFree {
			p.Hue = m.Hue(b.Owner, by)
		}
	}
	return blocks
}

// Queue gives each free block its place in the queue of free ones, from 1: the
// first is handed out next. Held blocks have 0.
func (m *Moment) Queue() []int {
	place := make([]int, len(m.Blocks))
	var free []int
	for i, b := range m.Blocks {
		if b.Refs == 0 {
			free = append(free, i)
		}
	}
	slices.SortFunc(free, func(a, b int) int {
		return cmp.Or(cmp.Compare(m.Blocks[a].Order, m.Blocks[b].Order), cmp.Compare(a, b))
	})
	for at, i := range free {
		place[i] = at + 1
	}
	return place
}

// Holders lists, for each block, the outputs whose block tables have it.
func (m *Moment) Holders() [][]uint32 {
	holders := make([][]uint32, len(m.Blocks))
	for i := range m.Requests {
		for _, b := range m.Requests[i].Table {
			if int(b) < len(holders) {
				holders[b] = append(holders[b], m.Requests[i].ID)
			}
		}
	}
	return holders
}
