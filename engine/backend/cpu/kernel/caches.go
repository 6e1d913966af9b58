package kernel

import "github.com/klauspost/cpuid/v2"

// Caches are the sizes, in bytes, of the caches that a core has for itself. What is
// computed together is cut so that it stays in them; no result depends on that, to the
// bit. Each of the methods takes less than the whole: the rest is for what passes by.
//
// Sizes that look alike are none of these where a result depends on them: chunks and
// spans of attention, and the parts of a row in fixed point, which have a scale each
// (partSteps), are the same on every machine.
type Caches struct {
	L1 int // of data
	L2 int
}

// usualCaches are those of a processor that does not say.
var usualCaches = Caches{L1: 48 << 10, L2: 2 << 20}

// machineCaches are those of the processor that the program runs on.
var machineCaches = usualCaches.or(Caches{L1: cpuid.CPU.Cache.L1D, L2: cpuid.CPU.Cache.L2})

// or returns the sizes of others where these are known, which are greater than zero.
func (c Caches) or(others Caches) Caches {
	if others.L1 > 0 {
		c.L1 = others.L1
	}
	if others.L2 > 0 {
		c.L2 = others.L2
	}
	return c
}

// WithCaches returns the same kernels, cut to other caches; a size of 0 stays as it is.
// [For] returns kernels for the machine's.
func (s *Set) WithCaches(c Caches) *Set {
	other := *s
	other.caches = s.caches.or(c)
	return &other
}

// Caches are the sizes of the caches that the kernels are cut to.
func (s *Set) Caches() Caches { return s.caches }

// panelBlocks is how many blocks of columns of both tiles of a panel are expanded at
// once: with as many of a bunch they take 5/8 of the first-level cache.
func (c Caches) panelBlocks(l *Layout) int {
	return l.whole(c.L1 * 5 / 8 / (2*l.expandedBytes() + bunchBytes))
}

// expandedBlocks is how many blocks of columns of one tile are expanded at once where
// registers are few: with as many of the rows that are multiplied together they take
// 2/3 of the first-level cache.
func (c Caches) expandedBlocks(l *Layout) int {
	numbers, scales := 2*BlockColumns*Lanes, 4*Lanes*l.groups()*l.kinds()
	return l.whole(c.L1 * 2 / 3 / (numbers + scales + expandedRows*blockBytes))
}

// expandedRows is how many rows the kernels for expanded tiles take at once (gen.gemmRows).
const expandedRows = 6

// slabBytes is how many bytes of activations a slab has at most: 7/16 of the
// second-level cache, of which weights and outputs take as much.
func (c Caches) slabBytes() int { return c.L2 / 16 * 7 }

// fusedTiles is how many tiles several bunches are multiplied with one after the other:
// an eighth of the second-level cache.
func (c Caches) fusedTiles(w *Packed) int { return max(c.L2/8/w.stride, 1) }

// GatedOutputs is how many outputs of each of the two products of a gated linear unit
// are there at once: those of both are an eighth of the second-level cache.
func (c Caches) GatedOutputs() int { return c.L2 / 8 / (2 * 4) }

// ScoreRows is how many queries the keys of a chunk are multiplied with while they are
// there: their scores are half of the first-level cache.
func (c Caches) ScoreRows(chunkKeys int) int { return max(c.L1/2/(4*chunkKeys), 1) }
