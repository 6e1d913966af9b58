package session

import (
	"testing"

	"vitrine/visualizer/wire"
)

func snapshot(seq uint64, changes ...wire.BlockChange) *wire.Blocks {
	return &wire.Blocks{Seq: seq, Snapshot: true, Total: 32, Used: uint32(len(changes)), Own: 5, Changes: changes}
}

func delta(seq uint64, changes ...wire.BlockChange) *wire.Blocks {
	f := snapshot(seq, changes...)
	f.Snapshot = false
	return f
}

func TestPool(t *testing.T) {
	s := began(1, 2, 3, 4, 5, 6)
	full := wire.BlockChange{Block: 9, Refs: 1, Owner: 5, Index: 0, Filled: 4, Hashed: true}
	tail := wire.BlockChange{Block: 2, Refs: 1, Owner: 5, Index: 1, Filled: 1}
	foreign := wire.BlockChange{Block: 3, Refs: 1, Owner: 6, Index: 0, Filled: 2}
	require(t, "change", s.Apply(snapshot(100, tail, full, foreign)), ChangeBlocks)
	require(t, "pool", s.Pool(), Pool{Total: 32, Used: 3, Own: 5, Table: []wire.BlockChange{full, tail}})
	require(t, "memory", s.Memory(), Memory{Blocks: 2 * 4 * 100, Filled: 5 * 100, Contiguous: 64 * 100, PoolUsed: 3 * 4 * 100, PoolTotal: 32 * 4 * 100})

	tail.Filled = 2
	s.Apply(delta(101, tail, wire.BlockChange{Block: 3, Filled: 2, Hashed: true}))
	require(t, "table", s.Pool().Table, []wire.BlockChange{full, tail})
	require(t, "a cached block", s.PoolBlock(3), wire.BlockChange{Block: 3, Filled: 2, Hashed: true})
	s.Apply(delta(102, wire.BlockChange{Block: 3}))
	require(t, "a free block", s.PoolBlock(3), wire.BlockChange{Block: 3})
	require(t, "blocks known", len(s.pool.blocks), 2)
}

// TestPoolTableIsInOrder: whatever the order in which blocks come, and with places of
// which nothing was told.
func TestPoolTableIsInOrder(t *testing.T) {
	s := began(1)
	f := snapshot(1, wire.BlockChange{Block: 1, Refs: 1, Owner: 5, Index: 1 << 31, Filled: 1})
	f.Total = 1 << 12
	var want []wire.BlockChange
	for i := range uint32(1 << 11) {
		b := wire.BlockChange{Block: f.Total - 1 - i, Refs: 1, Owner: 5, Index: i, Filled: 4}
		if i%3 == 0 {
			b.Owner = 6
		} else {
			want = append(want, b)
		}
		f.Changes = append(f.Changes, b)
	}
	s.Apply(f)
	require(t, "table", s.Pool().Table, want)
}

func TestPoolGap(t *testing.T) {
	s := began(1)
	require(t, "change by a delta before the snapshot", s.Apply(delta(7)), ChangeBlocks)
	require(t, "need", s.NeedSnapshot(), true)
	require(t, "total", s.Pool().Total, 0)
	s.Apply(snapshot(7))
	require(t, "need", s.NeedSnapshot(), false)
	s.Apply(delta(8))
	require(t, "need", s.NeedSnapshot(), false)
	s.Apply(delta(10))
	require(t, "need after a gap", s.NeedSnapshot(), true)
	require(t, "change by what follows a gap", s.Apply(delta(11, wire.BlockChange{Block: 1, Refs: 1})), Change(0))
	require(t, "a block told of after the gap", s.PoolBlock(1), wire.BlockChange{Block: 1})
	s.Apply(snapshot(20))
	require(t, "need", s.NeedSnapshot(), false)
	s.Apply(testHello())
	s.Apply(delta(21))
	require(t, "need on a new connection", s.NeedSnapshot(), true)
}

// TestBlockHeat: the heat of a block stands as long as the block holds the
// same keys and values, and is asked for anew when more slots are filled.
func TestBlockHeat(t *testing.T) {
	query := wire.Query{What: wire.QueryBlock, Block: 2}
	own := wire.BlockChange{Block: 2, Refs: 1, Owner: 5, Index: 1, Filled: 2}
	answered := func(t *testing.T) *Session {
		t.Helper()
		s := began(1, 2, 3, 4, 5, 6)
		s.Apply(snapshot(1, own))
		q, ok := s.Want(query)
		if !ok {
			t.Fatal("not asked")
		}
		require(t, "change", s.Apply(&wire.BlockHeat{Query: q.ID, Block: 2, Filled: 2}), ChangeAnswer)
		if _, ok := s.Want(query); ok {
			t.Fatal("asked though answered")
		}
		return s
	}
	with := func(change func(*wire.BlockChange)) wire.Frame {
		b := own
		change(&b)
		return delta(2, b)
	}
	tests := []struct {
		name        string
		frame       wire.Frame
		told, asked bool
	}{
		{"another slot", with(func(b *wire.BlockChange) { b.Filled = 3 }), true, true},
		{"hashed", with(func(b *wire.BlockChange) { b.Hashed = true }), true, false},
		{"shared", with(func(b *wire.BlockChange) { b.Refs = 2 }), true, false},
		{"another owner", with(func(b *wire.BlockChange) { b.Owner = 6 }), false, true},
		{"another place", with(func(b *wire.BlockChange) { b.Index = 0 }), false, true},
		{"a slot less", with(func(b *wire.BlockChange) { b.Filled = 1 }), false, true},
		{"a later token", tokens(0, 6, 7), true, false},
		{"other tokens in it", tokens(0, 5, 9), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := answered(t)
			s.Apply(tt.frame)
			if f, ok := s.Block(2, 0, 0); ok != tt.told {
				t.Errorf("told: %v, want %v (%+v)", ok, tt.told, f)
			}
			if _, ok := s.Want(query); ok != tt.asked {
				t.Errorf("asked: %v, want %v", ok, tt.asked)
			}
		})
	}
	t.Run("changed under way", func(t *testing.T) {
		s := began(1, 2, 3, 4, 5, 6)
		s.Apply(snapshot(1, own))
		q, _ := s.Want(query)
		s.Apply(with(func(b *wire.BlockChange) { b.Owner = 6 }))
		require(t, "change", s.Apply(&wire.BlockHeat{Query: q.ID, Block: 2, Filled: 2}), Change(0))
	})
}
