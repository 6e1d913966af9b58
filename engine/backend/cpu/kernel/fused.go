package kernel

import "unsafe"

// The fused kernels multiply up to sixteen rows with tiles as they lie in memory,
// by AMX: what a panel would hold is expanded while it is multiplied. Rows are in bunches
// for that: of bfloat16 or, for numbers of eight bits, of bytes, which AMX multiplies
// with the tiles themselves.

// bunchByteBytes is what a block of a bunch in bytes takes: for each row its high and
// its low bytes, a scale, and what the offset of the matrix's numbers takes off a sum.
const bunchByteBytes = (bunchRows + 2) * vectorBytes

// leastFused is how many rows are worth a bunch of sixteen. Measured: the fused kernels
// take as long for any number of rows as the others for seven or eight.
const leastFused = 8

// fusedAheadBytes is how much of other memory the fused kernels have read for each block.
const fusedAheadBytes = 256

// fusedRoom is what the fused kernels take for expanded blocks and sums.
const fusedRoom = 8 * bunchRows * vectorBytes

// eightBits says whether the fused kernels take a matrix's numbers as bytes.
func (l *Layout) eightBits() bool { return l.low == 8 }

// reserveFused makes room for few rows in bunches, of the kinds that the matrices need.
func (s *Set) reserveFused(r *Rows, n int, matrices []*Packed) {
	r.inFloats, r.inBytes = false, false
	if s.bunchBytes == nil || r.bunched > 0 {
		return
	}
	rest := n % bunchRows
	r.fused = n - rest
	if rest >= leastFused {
		r.fused = n
	}
	if r.fused == 0 {
		return
	}
	for _, w := range matrices {
		if w.Layout.eightBits() {
			r.inBytes = true
		} else {
			r.inFloats = true
		}
	}
	blocks, bunches := r.cols/BlockColumns, (r.fused+bunchRows-1)/bunchRows
	if r.inFloats {
		r.bunches = aligned(r.bunches, bunches*blocks*bunchBytes)
	}
	if r.inBytes {
		r.bytes = aligned(r.bytes, bunches*blocks*bunchByteBytes)
	}
	if last := r.fused % bunchRows; last > 0 {
		r.clearRest(last)
	}
}

// clearRest clears the lines of the last bunch from row first on, whose outputs nobody
// reads: what was in the memory might be numbers that take a processor long.
func (r *Rows) clearRest(first int) {
	blocks, bunch := r.cols/BlockColumns, r.fused/bunchRows
	for b := range blocks {
		if r.inFloats {
			block := r.bunches[(bunch*blocks+b)*bunchBytes:][:bunchBytes]
			for part := range 2 {
				clear(block[part*bunchRows*vectorBytes:][:bunchRows*vectorBytes][first*vectorBytes:])
			}
			for line := range 3 {
				clear(block[(2*bunchRows+line)*vectorBytes:][:vectorBytes][4*first:])
			}
		}
		if r.inBytes {
			block := r.bytes[(bunch*blocks+b)*bunchByteBytes:][:bunchByteBytes]
			clear(block[:bunchRows*vectorBytes][first*vectorBytes:])
			for line := range 2 {
				clear(block[(bunchRows+line)*vectorBytes:][:vectorBytes][4*first:])
			}
		}
	}
}

// bunchFused writes row i to its bunches.
func (s *Set) bunchFused(r *Rows, i int, blocks []Block) {
	if r.inFloats {
		s.bunch(&r.bunches[i/bunchRows*len(blocks)*bunchBytes], i%bunchRows, pointer(blocks), len(blocks))
	}
	if r.inBytes {
		s.bunchBytes(&r.bytes[i/bunchRows*len(blocks)*bunchByteBytes], i%bunchRows, pointer(blocks), len(blocks))
	}
}

// fusedRows is how many of the first n rows of x the fused kernels can multiply with w.
func (s *Set) fusedRows(w *Packed, x *Rows, n int) int {
	if w.Layout.eightBits() && !x.inBytes || !w.Layout.eightBits() && !x.inFloats {
		return 0
	}
	return min(n, x.fused)
}

// fusedTiles multiplies the first n rows of x with tiles first … last-1.
func (s *Set) fusedTiles(out []float32, stride int, p *Panel, w *Packed, first, last int, x *Rows, n int) {
	p.room = aligned(p.room, fusedRoom)
	bunches, size := x.bunches, bunchBytes
	if w.Layout.eightBits() {
		bunches, size = x.bytes, bunchByteBytes
	}
	tiles := last - first
	if n > bunchRows {
		tiles = s.caches.fusedTiles(w)
	}
	ahead, aheads := p.allLater()
	for ; first < last; first += tiles {
		tiles = min(tiles, last-first)
		for i := 0; i < n; i += bunchRows {
			s.fused[w.Layout.index](&out[i*stride], 4*stride, &w.tile(first)[0], w.stride, tiles,
				&bunches[i/bunchRows*w.blocks()*size], w.blocks(), min(bunchRows, n-i), &p.room[0], ahead, aheads)
			aheads = 0
		}
		out = out[tiles*Lanes:]
	}
}

// allLater is all that is to be read ahead, by one product.
func (p *Panel) allLater() (first *byte, n int) {
	n = len(p.later)
	if n == 0 {
		return nil, 0
	}
	first = (*byte)(unsafe.Pointer(&p.later[0]))
	p.later = p.later[:0]
	return first, n
}
