package kernel

import (
	"testing"

	"vitrine/engine/quant"
)

// The sizes that were measured on a processor with 48 KiB and 2 MiB are what the formulas
// give for that; others get smaller and larger ones, and never none.
func TestCaches(t *testing.T) {
	l, _ := LayoutOf(quant.Q4_1)
	w := &Packed{Layout: l, Cols: 1536, stride: l.TileBytes(1536)}
	type sizes struct{ panelBlocks, expandedBlocks, slabBytes, fusedTiles, gatedOutputs, scoreRows int }
	for c, want := range map[Caches]sizes{
		{48 << 10, 2 << 20}:   {6, 18, 7 << 17, 17, 1 << 15, 48},
		{32 << 10, 256 << 10}: {4, 12, 7 << 14, 2, 1 << 12, 32},
		{128 << 10, 12 << 20}: {18, 50, 21 << 18, 102, 3 << 16, 128},
		{1, 1}:                {1, 1, 0, 1, 0, 1},
	} {
		got := sizes{c.panelBlocks(l), c.expandedBlocks(l), c.slabBytes(), c.fusedTiles(w), c.GatedOutputs(), c.ScoreRows(128)}
		if got != want {
			t.Errorf("%+v: %+v, want %+v", c, got, want)
		}
	}
	if got := usualCaches.or(Caches{L1: -1, L2: 1 << 20}); got != (Caches{usualCaches.L1, 1 << 20}) {
		t.Errorf("a processor that does not tell its first cache: %+v", got)
	}
	for _, level := range Levels() {
		s := For(level)
		if s.Caches() != machineCaches {
			t.Errorf("%v is cut to %+v, want %+v", level, s.Caches(), machineCaches)
		}
		if got := s.WithCaches(Caches{L2: 1}).Caches(); got != (Caches{machineCaches.L1, 1}) || s.Caches() != machineCaches {
			t.Errorf("%v with another second cache is cut to %+v", level, got)
		}
	}
	t.Logf("this machine: %+v", machineCaches)
}
