package kernel

import (
	"math"
	"unsafe"
)

// Block is 32 quantized activations: x = Scale·Q. The kernels know its layout.
type Block struct {
	Q        [BlockColumns]int16
	Scale    float32
	Negative [3]int32   // −ΣQ of the block, of its first and of its second half
	Sum      [3]float32 // Scale·ΣQ of the same
	_        uint32
}

const blockBytes = int(unsafe.Sizeof(Block{}))

// Rows are quantized rows of activations.
type Rows struct {
	cols   int
	blocks []Block // rows × blocks of a row
	// bunches are the same rows once more, sixteen at a time, as AMX takes
	// them; those after the last whole sixteen are not there.
	bunches []byte
	bunched int // rows in bunches that are multiplied with panels
	// fused are the first rows, if they are few, that are in bunches for the fused
	// kernels: the last bunch need not be full. inFloats and inBytes say in which
	// of the two kinds of bunches they are; bytes are those in bytes.
	fused             int
	inFloats, inBytes bool
	bytes             []byte
	// passing is how many rows are kept in bunches alone: they share the first
	// place in blocks with the row after them while they are quantized.
	passing int
}

// bunchRows is the number of rows of a bunch, and bunchBytes what their blocks
// of 32 columns take: the high and the low parts of the numbers in bfloat16, a line
// a row, and three times sixteen sums.
const (
	bunchRows  = 16
	bunchBytes = (2*bunchRows + 3) * vectorBytes
)

// leastBunched is the number of rows from which on bunches gain anything.
// Measured: a step of 16 to 64 decodes is up to a tenth slower with them, a
// prompt of 512 a fifth faster. The sums are the same either way.
const leastBunched = 128

// Reserve makes room for n rows of cols columns, a multiple of 32, that will be
// multiplied with some matrices: with others they can be, too, but perhaps not as fast.
func (s *Set) Reserve(r *Rows, n, cols int, matrices ...*Packed) {
	s.reserve(r, n, cols, leastBunched)
	s.reserveFused(r, n, matrices)
}

// reserve makes room for n rows, bunches too if there are that many.
func (s *Set) reserve(r *Rows, n, cols, bunchedFrom int) {
	r.cols, r.passing = cols, 0
	r.bunched, r.fused = 0, 0
	if s.bunch != nil && n >= bunchedFrom {
		r.bunched = n / bunchRows * bunchRows
		r.bunches = aligned(r.bunches, r.bunched/bunchRows*cols/BlockColumns*bunchBytes)
	}
	r.blocks = grow(r.blocks, n*cols/BlockColumns)
}

// slabOf is how many of count pieces of size bytes make a slab, so that each of the
// workers gets as many slabs as the others.
func (c Caches) slabOf(count, size, workers int) int {
	most := max(c.slabBytes()/size, 1)
	slabs := (count + most - 1) / most
	slabs = (slabs + workers - 1) / workers * workers
	return (count + slabs - 1) / slabs
}

// Slab is how many of n rows of cols columns one worker should quantize and
// multiply with whole matrices by itself, so that they never leave its caches; 0
// if there are too few rows for that, or the kernels gain nothing by it.
func (s *Set) Slab(n, cols, workers int) int {
	bunches := n / bunchRows
	if s.bunch == nil || bunches < leastSlab*workers {
		return 0
	}
	return s.caches.slabOf(bunches, cols/BlockColumns*bunchBytes, workers) * bunchRows
}

// leastSlab is how many bunches a slab should have at least, for with every slab
// the matrix is expanded once more.
const leastSlab = 4

// ReserveSlab makes room for the n rows of a slab. They can be multiplied by
// MatMul alone, not by MatVec, and a row in a bunch has to be quantized by the same
// goroutine as the others.
func (s *Set) ReserveSlab(r *Rows, n, cols int) {
	s.reserve(r, n%bunchRows+1, cols, math.MaxInt)
	r.bunched = n / bunchRows * bunchRows
	r.bunches = aligned(r.bunches, r.bunched/bunchRows*cols/BlockColumns*bunchBytes)
	r.passing = max(r.bunched-1, 0)
}

// rows are the blocks of rows lo … hi-1.
func (r *Rows) rows(lo, hi int) []Block {
	n := r.cols / BlockColumns
	lo, hi = max(lo-r.passing, 0), max(hi-r.passing, 1)
	return r.blocks[lo*n : hi*n]
}

// Quantize sets row i to the numbers x.
func (s *Set) Quantize(r *Rows, i int, x []float32) {
	x = x[:r.cols]
	blocks := r.rows(i, i+1)
	s.quantize(pointer(blocks), &x[0], len(blocks))
	if i < r.bunched {
		s.bunch(&r.bunches[i/bunchRows*len(blocks)*bunchBytes], i%bunchRows, pointer(blocks), len(blocks))
	}
	if i < r.fused {
		s.bunchFused(r, i, blocks)
	}
}

func pointer(b []Block) *byte { return (*byte)(unsafe.Pointer(&b[0])) }

// blocksAt is the other way round.
func blocksAt(p *byte, n int) []Block { return unsafe.Slice((*Block)(unsafe.Pointer(p)), n) }

// quantBits says how finely activations are told apart: a block's greatest
// magnitude becomes a number from 2^14 to 2^15−1. The scale is a power of two, so
// that products with it are exact.
const quantBits = 14

// What has a magnitude from infinite on counts as no number, and what is below
// tiny counts as zero: so no scale is ever out of a float's range.
const (
	infinite = 0x1p100
	tiny     = 0x1p-100
)

// quantizeGo is the definition of what quantizing means.
func quantizeGo(q *byte, x *float32, blocks int) {
	xs := unsafe.Slice(x, blocks*BlockColumns)
	for i, b := range blocksAt(q, blocks) {
		values := xs[i*BlockColumns:][:BlockColumns]
		var top uint32 // the greatest magnitude, as bits, for so a NaN is the greatest
		for _, v := range values {
			top = max(top, math.Float32bits(v)&math.MaxInt32)
		}
		var inverse float32
		b.Scale = 0
		switch {
		case top >= math.Float32bits(infinite):
			b.Scale = float32(math.NaN())
		case top >= math.Float32bits(tiny):
			const exponent = 23                    // its lowest bit
			top += 1 << (exponent - quantBits - 1) // the next power of two, if it rounds to that
			b.Scale = math.Float32frombits(top&(0xff<<exponent) - quantBits<<exponent)
			inverse = 1 / b.Scale
		}
		var sums [2]int32
		for j, v := range values {
			n := int32(0)
			if inverse != 0 {
				n = int32(math.RoundToEven(float64(v * inverse)))
			}
			b.Q[j] = int16(n)
			sums[j/16] += n
		}
		for j, sum := range [3]int32{sums[0] + sums[1], sums[0], sums[1]} {
			b.Negative[j], b.Sum[j] = -sum, b.Scale*float32(sum)
		}
		blocksAt(q, blocks)[i] = b
	}
}
