package kernel

import (
	"fmt"
	"math"
)

// FixedRows are rows of activations in fixed point of 16 bits, as AMX takes them
// where the result need not be the same to the bit as that of the other kernels. A
// row has a scale for some hundred columns, in which a part of it lies.
//
// A band of sixteen rows holds, for each step of 64 columns, two tiles of signed bytes:
// the high bytes of the numbers, and the low bytes.
type FixedRows struct {
	cols, n int
	bands   []byte
	factors []float32 // part after part: what a row's numbers are multiples of
}

const (
	fixedTile   = bunchRows * vectorBytes
	fixedStep   = 2 * fixedTile // of a band, and of a tile of weights
	stepColumns = 2 * BlockColumns
	// fixedMost is the greatest number in fixed point: 256·127 + 127.
	fixedMost = 32639
)

// partSteps is how many steps a part has at most: so many of two tiles', 24 KiB, stay in
// the first-level cache while the bands pass by. It is no size that depends on the machine,
// for a part has a scale for each row, and so the result depends on it.
const partSteps = 6

// leastFixed is the number of rows from which on fixed point gains anything.
const leastFixed = 128

// leastBands is how many bands a worker should have at least, for each expands
// the whole matrix.
const leastBands = 4

// Bands is how many of n rows of cols columns one worker should put into fixed
// point and multiply with whole matrices by itself, a multiple of 16; 0 if there are
// too few rows for that, or no kernels.
func (s *Set) Bands(n, cols, workers int) int {
	if s.fixedGemm == nil || n < leastFixed || cols%stepColumns != 0 {
		return 0
	}
	bands := (n + bunchRows - 1) / bunchRows
	if bands < leastBands*workers {
		return 0
	}
	return s.caches.slabOf(bands, cols/stepColumns*fixedStep, workers) * bunchRows
}

// ReserveFixed makes room for n rows of cols columns, a multiple of 64.
func (s *Set) ReserveFixed(r *FixedRows, n, cols int) {
	r.cols, r.n = cols, n
	bands := (n + bunchRows - 1) / bunchRows
	r.bands = aligned(r.bands, bands*r.stride())
	r.factors = aligned(r.factors, r.parts()*bands*bunchRows)
}

func (r *FixedRows) steps() int { return r.cols / stepColumns }

// stride is the size of a band.
func (r *FixedRows) stride() int { return r.steps() * fixedStep }

// parts is the number of parts of a row, and part the steps of one.
func (r *FixedRows) parts() int { return (r.steps() + partSteps - 1) / partSteps }

func (r *FixedRows) part(i int) (from, to int) {
	return i * r.steps() / r.parts(), (i + 1) * r.steps() / r.parts()
}

// Fix sets row i to the numbers x.
func (s *Set) Fix(r *FixedRows, i int, x []float32) {
	x = x[:r.cols]
	band := r.bands[i/bunchRows*r.stride():][:r.stride()]
	line := i % bunchRows * vectorBytes
	for part := range r.parts() {
		from, to := r.part(part)
		values := x[from*stepColumns : to*stepColumns]
		top := s.magnitude(&values[0], len(values)/Lanes)
		var factor, inverse float32
		switch {
		case top >= math.Float32bits(infinite):
			factor = float32(math.NaN())
		case top >= math.Float32bits(tiny):
			factor = math.Float32frombits(top) / fixedMost
			inverse = fixedMost / math.Float32frombits(top)
		}
		r.factors[part*len(r.factors)/r.parts()+i] = factor
		s.fixedRow(&band[from*fixedStep+line], &values[0], inverse, to-from)
	}
}

// fixedScale is what the numbers of a row of a matrix are multiples of in fixed
// point, given its scales and minima.
func (l *Layout) fixedScale(d, m []float32) float32 {
	least, most := float32(-l.Offset), float32(int(1)<<l.Bits-1-l.Offset)
	var top float32
	for g, d := range d {
		var from float32
		if l.Minima {
			from = m[g]
		}
		a, b := from+d*least, from+d*most
		top = max(top, a, -a, b, -b)
	}
	return top / fixedMost
}

// FixedMul is [Set.MatMul] for all rows of x, in fixed point. It is off by some 10⁻⁴ of
// the result's norm; by more where one number of a row of weights, or of a part of a
// row of activations, is thousands of times as great as the others.
func (s *Set) FixedMul(out []float32, stride int, p *Panel, w *Packed, lo, hi int, x *FixedRows) {
	if lo >= hi {
		return
	}
	_ = out[(x.n-1)*stride+(hi-lo)*PanelRows-1]
	if x.cols != w.Cols {
		panic(fmt.Sprintf("kernel: rows of %d activations in fixed point for a matrix of %d columns", x.cols, w.Cols))
	}
	p.blocks = aligned(p.blocks, 2*partSteps*fixedStep)
	p.sums = aligned(p.sums, sumTiles*bunchRows*Lanes)
	p.partial = aligned(p.partial, bunchRows*PanelRows)
	for i := lo; i < hi; i++ {
		s.fixedMul(out[(i-lo)*PanelRows:], stride, p, w, i, x)
	}
}

// GatePanel sets dst = silu(gate) ⊙ up, or gelu(gate) ⊙ up, for n rows of a panel's outputs,
// within some 10⁻⁵: dst's rows lie stride numbers apart, the others' one behind the other.
// It is there where there are products in fixed point.
func (s *Set) GatePanel(dst []float32, stride int, gate, up []float32, n int, gelu bool) {
	_, _, _ = dst[(n-1)*stride+PanelRows-1], gate[n*PanelRows-1], up[n*PanelRows-1]
	f := s.siluPanel
	if gelu {
		f = s.geluPanel
	}
	f(&dst[0], 4*stride, &gate[0], &up[0], n)
}

// fixedMul expands panel i, a part after the other, and multiplies with that. Of a
// panel of one tile, the outputs of the other mean nothing.
func (s *Set) fixedMul(out []float32, stride int, p *Panel, w *Packed, i int, x *FixedRows) {
	l := w.Layout
	tiles := min(2, w.Tiles()-2*i)
	var scales, inverse [PanelRows]float32
	for o, scale := range w.fixed[i*PanelRows:][:tiles*Lanes] {
		scales[o] = 256 * scale // for the sums are of high bytes times others
		if scale != 0 {
			inverse[o] = 1 / scale
		}
	}
	whole, rest := x.n/bunchRows, x.n%bunchRows
	for part := range x.parts() {
		from, to := x.part(part)
		for t := range tiles {
			s.fixedTile[l.index](&p.blocks[t*partSteps*fixedStep], &w.tile(2*i + t)[2*from*l.blockBytes()], to-from, &inverse[t*Lanes])
		}
		factors := x.factors[part*len(x.factors)/x.parts():]
		if whole > 0 {
			s.fixedGemm(&out[0], 4*stride, &p.blocks[0], &x.bands[from*fixedStep], x.stride(), whole, to-from, &scales[0], &factors[0], &p.sums[0], index(part > 0))
		}
		if rest > 0 { // the last band has rows that nobody has set
			s.fixedGemm(&p.partial[0], 4*PanelRows, &p.blocks[0], &x.bands[whole*x.stride()+from*fixedStep], x.stride(), 1, to-from, &scales[0], &factors[whole*bunchRows], &p.sums[0], index(part > 0))
		}
	}
	for r := range rest {
		copy(out[(whole*bunchRows+r)*stride:][:tiles*Lanes], p.partial[r*PanelRows:])
	}
}
