package session

import (
	"cmp"
	"slices"
	"sync"

	"vitrine/visualizer/wire"
)

// maxPoolBlocks bounds the mirror: block numbers beyond it are not drawn.
const maxPoolBlocks = 1 << 20

// A poolMirror is the latest condition of every KV block, as the engine's
// observer tells it. The engine's goroutine writes it; the writers of the
// connections read it. Nobody holds its lock for longer than a copy.
type poolMirror struct {
	mu       sync.Mutex
	total    uint32
	used     uint32 // blocks with Refs > 0
	blocks   []wire.BlockChange
	watchers map[*poolWatch]struct{}
}

func newPoolMirror() *poolMirror { return &poolMirror{watchers: map[*poolWatch]struct{}{}} }

// A poolWatch is one connection's view of the pool. Its fields are guarded by
// the mirror's lock.
type poolWatch struct {
	mirror *poolMirror
	out    *outbox
	own    uint32 // the session's request, 0 if it has none
	live   bool   // changes are sent as they happen
	whole  bool   // the next frame is a snapshot
	seq    uint64
	dirty  map[uint32]struct{}
}

// setTotal forgets everything and starts a pool of the given number of blocks.
func (p *poolMirror) setTotal(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = uint32(min(total, maxPoolBlocks))
	kept := p.blocks
	p.blocks = make([]wire.BlockChange, p.total)
	p.used = 0
	for i := range p.blocks {
		p.blocks[i].Block = uint32(i)
		// The engine may have begun before the pool's size was told.
		if i < len(kept) {
			p.blocks[i] = kept[i]
		}
		if p.blocks[i].Refs > 0 {
			p.used++
		}
	}
	for w := range p.watchers {
		w.startOver()
	}
}

// change records a block's new condition and wakes those who watch.
func (p *poolMirror) change(c wire.BlockChange) {
	if c.Block >= maxPoolBlocks {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for uint32(len(p.blocks)) <= c.Block {
		p.blocks = append(p.blocks, wire.BlockChange{Block: uint32(len(p.blocks))})
	}
	p.total = max(p.total, uint32(len(p.blocks)))
	old := &p.blocks[c.Block]
	if *old == c {
		return
	}
	if old.Refs > 0 {
		p.used--
	}
	if c.Refs > 0 {
		p.used++
	}
	*old = c
	for w := range p.watchers {
		if w.live && !w.whole {
			w.dirty[c.Block] = struct{}{}
			w.out.offerBlocks(w.take)
		}
	}
}

// watch begins a connection's view with a snapshot. Changes follow once it is live.
func (p *poolMirror) watch(out *outbox, own uint32) *poolWatch {
	w := &poolWatch{mirror: p, out: out, own: own, dirty: map[uint32]struct{}{}}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watchers[w] = struct{}{}
	w.startOver()
	return w
}

// startOver asks for a snapshot. The mirror's lock is held.
func (w *poolWatch) startOver() {
	w.whole = true
	clear(w.dirty)
	w.out.offerBlocks(w.take)
}

// setLive switches the changes on or off; switching on begins with a snapshot.
func (w *poolWatch) setLive(live bool) {
	w.mirror.mu.Lock()
	defer w.mirror.mu.Unlock()
	w.live = live
	if live {
		w.startOver()
	}
}

// setOwn tells which request is the session's. What belongs to it changes
// everywhere, so a snapshot follows if the page watches.
func (w *poolWatch) setOwn(own uint32) {
	w.mirror.mu.Lock()
	defer w.mirror.mu.Unlock()
	if w.own == own {
		return
	}
	w.own = own
	if w.live {
		w.startOver()
	}
}

// stop ends the view.
func (w *poolWatch) stop() {
	w.mirror.mu.Lock()
	defer w.mirror.mu.Unlock()
	delete(w.mirror.watchers, w)
	w.live = false
}

// take makes the frame of everything that changed since the last one.
func (w *poolWatch) take() *wire.Blocks {
	p := w.mirror
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.whole && len(w.dirty) == 0 {
		return nil
	}
	w.seq++
	f := &wire.Blocks{Seq: w.seq, Snapshot: w.whole, Total: p.total, Used: p.used, Own: w.own}
	if w.whole {
		for _, b := range p.blocks {
			if b.Refs > 0 || b.Filled > 0 || b.Hashed {
				f.Changes = append(f.Changes, w.seen(b))
			}
		}
	} else {
		for i := range w.dirty {
			f.Changes = append(f.Changes, w.seen(p.blocks[i]))
		}
		slices.SortFunc(f.Changes, func(a, b wire.BlockChange) int { return cmp.Compare(a.Block, b.Block) })
	}
	w.whole = false
	clear(w.dirty)
	return f
}

// seen is the block as this session may know it: who holds the blocks of
// others is not its business.
func (w *poolWatch) seen(b wire.BlockChange) wire.BlockChange {
	if b.Owner != w.own {
		b.Owner, b.Index = 0, 0
	}
	return b
}
