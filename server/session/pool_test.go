package session

import (
	"math/rand/v2"
	"testing"

	vis "vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// The page's picture of the pool, made of a snapshot and what changed since,
// is that of the mirror, however the changes fall between the frames.
func TestPoolFrames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		const total, own = 40, 3
		p := newPoolMirror()
		for range 10 {
			p.change(randomChange(r, total))
		}
		p.setTotal(total)
		o := newOutbox()
		w := p.watch(o, own)
		w.setLive(true)
		page := vis.New()
		for range 200 {
			switch r.IntN(12) {
			case 0:
				w.setLive(true) // the page subscribed anew
			case 1, 2, 3:
				for _, f := range popped(t, o) {
					page.Apply(f)
				}
			default:
				p.change(randomChange(r, total))
			}
		}
		for _, f := range popped(t, o) {
			page.Apply(f)
		}
		if page.NeedSnapshot() {
			t.Fatal("the page misses a frame")
		}
		used := 0
		for i, b := range p.blocks {
			if b.Refs > 0 {
				used++
			}
			if b.Owner != own {
				b.Owner, b.Index = 0, 0
			}
			if got := page.PoolBlock(i); got != b {
				t.Fatalf("block %d is %+v, the page knows %+v", i, b, got)
			}
		}
		if pool := page.Pool(); pool.Used != used || pool.Total != total || pool.Own != own {
			t.Errorf("pool %+v, want %d used", pool, used)
		}
	}
}

func randomChange(r *rand.Rand, total uint32) wire.BlockChange {
	c := wire.BlockChange{Block: r.Uint32N(total)}
	if r.IntN(3) > 0 {
		c.Refs, c.Owner, c.Index, c.Filled = 1, 1+r.Uint32N(4), r.Uint32N(8), uint16(r.IntN(17))
	}
	return c
}

func TestPoolSendsNothingUnasked(t *testing.T) {
	p := newPoolMirror()
	p.setTotal(8)
	o := newOutbox()
	w := p.watch(o, 1)
	if got := popped(t, o); len(got) != 1 || !got[0].(*wire.Blocks).Snapshot {
		t.Fatalf("on joining: %v, want a snapshot", got)
	}
	p.change(wire.BlockChange{Block: 2, Refs: 1, Owner: 1})
	if got := popped(t, o); len(got) != 0 {
		t.Errorf("without a subscription: %v", got)
	}
	w.setLive(true)
	if got := popped(t, o); len(got) != 1 || len(got[0].(*wire.Blocks).Changes) != 1 {
		t.Errorf("on subscribing: %v, want a snapshot of one block", got)
	}
	p.change(wire.BlockChange{Block: 2, Refs: 1, Owner: 1}) // no change
	p.change(wire.BlockChange{Block: maxPoolBlocks, Refs: 1})
	if got := popped(t, o); len(got) != 0 {
		t.Errorf("without a change: %v", got)
	}
	w.setOwn(2)
	if got := popped(t, o); len(got) != 1 || got[0].(*wire.Blocks).Changes[0].Owner != 0 {
		t.Errorf("after the session moved to another request: %v", got)
	}
	w.stop()
	p.change(wire.BlockChange{Block: 3, Refs: 1})
	if got := popped(t, o); len(got) != 0 {
		t.Errorf("after the end: %v", got)
	}
}
