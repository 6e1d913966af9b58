package view

import (
	"testing"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

func TestBlockOf(t *testing.T) {
	for _, test := range []struct {
		b    wire.BlockChange
		own  uint32
		want paint.Block
	}{
		{wire.BlockChange{}, 7, paint.Block{}},
		{wire.BlockChange{Refs: 1, Owner: 7, Filled: 3}, 7, paint.Block{State: paint.BlockUsed, Own: true, Filled: 3}},
		{wire.BlockChange{Refs: 1, Owner: 8}, 7, paint.Block{State: paint.BlockUsed}},
		{wire.BlockChange{Refs: 1}, 0, paint.Block{State: paint.BlockUsed}}, // nobody's is not this page's
		{wire.BlockChange{Refs: 2, Owner: 7, Hashed: true}, 7, paint.Block{State: paint.BlockShared, Own: true, Hashed: true}},
		{wire.BlockChange{Hashed: true, Filled: 16}, 7, paint.Block{State: paint.BlockCached, Hashed: true, Filled: 16}},
		{wire.BlockChange{Owner: 7, Filled: 16}, 7, paint.Block{Filled: 16}}, // given back
	} {
		if got := BlockOf(test.b, test.own); got != test.want {
			t.Errorf("%+v: %+v, want %+v", test.b, got, test.want)
		}
	}
}

func TestBlockEventOf(t *testing.T) {
	free, used := wire.BlockChange{}, wire.BlockChange{Refs: 1, Owner: 7, Filled: 3}
	more, shared := used, used
	more.Filled, shared.Refs = 4, 2
	for _, test := range []struct {
		before, after wire.BlockChange
		want          BlockEvent
	}{
		{free, free, BlockSame}, {free, used, BlockTaken}, {used, free, BlockFreed}, {used, more, BlockWritten}, {used, shared, BlockSame},
	} {
		if got := BlockEventOf(test.before, test.after); got != test.want {
			t.Errorf("%+v → %+v: %d, want %d", test.before, test.after, got, test.want)
		}
	}
}

func TestMemoryLines(t *testing.T) {
	m := &wire.Model{Layers: 30, KVHeads: 3, HeadDim: 64, BytesPerSlot: 46080, BlockSize: 16, Context: 8192}
	for got, want := range map[string]string{
		SlotBytes(m)[0].String():         "2·30·3·64·4 B = 46080 B",
		BlockBytes(m, 5)[0].String():     "5·16·46080 B = 3686400 B",
		ContiguousBytes(m)[0].String():   "8192·46080 B = 377487360 B",
		WasteBytes(m, 5, 71)[0].String(): "(5·16 − 71)·46080 B = 414720 B",
		Place(71, 16, 37)[0].String():    "⌊71/16⌋ = 4, 71 mod 16 = 7",
		Place(71, 16, 37)[1].String():    "table[4] = 37, 37·16 + 7 = 599",
		WasteBytes(m, 1, 17)[0].String(): "(1·16 − 17)·46080 B = 0 B", // more told than there is room for
		SlotBytes(&wire.Model{Layers: 1, KVHeads: 1, HeadDim: 4, BytesPerSlot: 9})[0].String(): "2·1·1·4·1.125 B = 9 B", // packed to nine bits
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if SlotBytes(&wire.Model{}) != nil || Place(-1, 16, 0) != nil || Place(3, 0, 0) != nil {
		t.Error("lines about a model that is not known yet")
	}
	if got := Waste(session.Memory{Blocks: 100, Filled: 70}); got != 30 {
		t.Errorf("waste %d, want 30", got)
	}
	if got := Waste(session.Memory{Blocks: 16, Filled: 70}); got != 0 {
		t.Errorf("waste %d, want 0", got)
	}
}
