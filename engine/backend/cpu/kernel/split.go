package kernel

import "fmt"

// SplitRows are rows of activations as AMX takes them where it need not be the same
// to the bit as the other kernels: each number as two bfloat16, in bands of 32 rows.
//
// A band holds, for each block of 32 columns, four tiles of sixteen rows: the high
// parts of the first sixteen, their low parts, and those of the others.
type SplitRows struct {
	cols, n int
	bands   []byte
}

const (
	bandRows = 2 * bunchRows
	bandTile = bunchRows * vectorBytes
	bandStep = 4 * bandTile // a block of a band, or of a panel of split weights
)

// splitBlocks is how many blocks of a panel are split at once: they stay in the
// first-level cache while the bands pass by.
const splitBlocks = 9

// bandsBytes is how many bytes of bands one worker should multiply at a time: with
// what a panel takes they stay in its second-level cache.
const bandsBytes = 3 << 18

// leastSplit is the number of rows from which on splitting gains anything.
const leastSplit = 128

// Bands is how many of n rows of cols columns one worker should split and multiply
// with whole matrices by itself, a multiple of 32; 0 if there are too few rows for
// that, or no kernels.
func (s *Set) Bands(n, cols, workers int) int {
	if s.splitGemm == nil || n < leastSplit || cols%BlockColumns != 0 {
		return 0
	}
	bands := (n + bandRows - 1) / bandRows
	most := max(bandsBytes/(cols/BlockColumns*bandStep), 1)
	slabs := (bands + most - 1) / most
	slabs = (slabs + workers - 1) / workers * workers
	return (bands + slabs - 1) / slabs * bandRows
}

// ReserveSplit makes room for n rows of cols columns, a multiple of 32.
func (s *Set) ReserveSplit(r *SplitRows, n, cols int) {
	r.cols, r.n = cols, n
	r.bands = aligned(r.bands, (n+bandRows-1)/bandRows*r.stride())
}

// stride is the size of a band.
func (r *SplitRows) stride() int { return r.cols / BlockColumns * bandStep }

// Split sets row i to the numbers x.
func (s *Set) Split(r *SplitRows, i int, x []float32) {
	x = x[:r.cols]
	band := r.bands[i/bandRows*r.stride():][:r.stride()]
	line := i%bandRows/bunchRows*2*bandTile + i%bunchRows*vectorBytes
	s.splitRow(&band[line], &x[0], len(x)/BlockColumns)
}

// SplitMul is [Set.MatMul] for split rows. What it computes is as near to the exact
// product, but not the same to the bit.
func (s *Set) SplitMul(out []float32, stride int, p *Panel, w *Packed, lo, hi int, x *SplitRows) {
	if lo >= hi {
		return
	}
	_ = out[(x.n-1)*stride+(hi-lo)*PanelRows-1]
	if x.cols != w.Cols {
		panic(fmt.Sprintf("kernel: split rows of %d activations for a matrix of %d columns", x.cols, w.Cols))
	}
	bands := (x.n + bandRows - 1) / bandRows
	p.blocks = aligned(p.blocks, splitBlocks*bandStep)
	p.partial = aligned(p.partial, (bands+1)*bandRows*PanelRows)
	for i := lo; i < hi; i++ {
		s.splitPanel(out[(i-lo)*PanelRows:], stride, p, w, i, x)
	}
}

// splitPanel splits panel i, some blocks at a time, and multiplies with that.
func (s *Set) splitPanel(out []float32, stride int, p *Panel, w *Packed, i int, x *SplitRows) {
	l, blocks := w.Layout, w.blocks()
	parts := (blocks + splitBlocks - 1) / splitBlocks
	whole, rest := x.n/bandRows, x.n%bandRows
	const band = bandRows * PanelRows // sums of one
	last := p.partial[len(p.partial)-band:]
	for part := range parts {
		from, to := part*blocks/parts, (part+1)*blocks/parts
		for t := range 2 {
			if 2*i+t < w.Tiles() { // the other outputs are nobody's
				s.splitTile[l.index](&p.blocks[t*bandTile], &w.tile(2*i + t)[from*l.blockBytes()], to-from)
			}
		}
		bits := index(part > 0)<<partLater | index(part < parts-1)<<partMore
		if whole > 0 {
			s.splitGemm(&out[0], 4*stride, &p.blocks[0], &x.bands[from*bandStep], x.stride(), whole, to-from, &p.partial[0], bits)
		}
		if rest > 0 { // the last band has rows that nobody has set
			s.splitGemm(&last[0], 4*PanelRows, &p.blocks[0], &x.bands[whole*x.stride()+from*bandStep], x.stride(), 1, to-from, &p.partial[whole*band], bits)
		}
	}
	for r := range rest {
		copy(out[(whole*bandRows+r)*stride:][:PanelRows], last[r*PanelRows:])
	}
}
