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
	bunched int // rows in bunches
}

// bunchRows is the number of rows of a bunch, and bunchBytes what their blocks
// of 32 columns take: the low and high bytes of the numbers, a line a row, and
// sixteen scales and three times sixteen sums.
const (
	bunchRows  = 16
	bunchBytes = (bunchRows + 1 + 3) * vectorBytes
)

// leastBunched is the number of rows from which on bunches gain anything.
// Measured: a step of 16 to 64 decodes is up to a tenth slower with them, a
// prompt of 512 a fifth faster. The sums are the same either way.
const leastBunched = 128

// Reserve makes room for n rows of cols columns, a multiple of 32.
func (s *Set) Reserve(r *Rows, n, cols int) { s.reserve(r, n, cols, leastBunched) }

// reserve makes room for n rows, bunches too if there are that many.
func (s *Set) reserve(r *Rows, n, cols, bunchedFrom int) {
	r.cols = cols
	r.blocks = grow(r.blocks, n*cols/BlockColumns)
	r.bunched = 0
	if s.bunch != nil && n >= bunchedFrom {
		r.bunched = n / bunchRows * bunchRows
		r.bunches = aligned(r.bunches, r.bunched/bunchRows*cols/BlockColumns*bunchBytes)
	}
}

// rows are the blocks of rows lo … hi-1.
func (r *Rows) rows(lo, hi int) []Block {
	n := r.cols / BlockColumns
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
}

func pointer(b []Block) *byte { return (*byte)(unsafe.Pointer(&b[0])) }

// blocksAt is the other way round.
func blocksAt(p *byte, n int) []Block { return unsafe.Slice((*Block)(unsafe.Pointer(p)), n) }

// levels is how finely activations are told apart: a block's greatest
// magnitude is 32767.
const levels = 32767

// quantizeGo is the definition of what quantizing means.
func quantizeGo(q *byte, x *float32, blocks int) {
	xs := unsafe.Slice(x, blocks*BlockColumns)
	for i, b := range blocksAt(q, blocks) {
		values := xs[i*BlockColumns:][:BlockColumns]
		var top uint32 // the greatest magnitude, as bits, for so a NaN is the greatest
		for _, v := range values {
			top = max(top, math.Float32bits(v)&math.MaxInt32)
		}
		greatest := math.Float32frombits(top)
		var inverse float32
		b.Scale = 0
		switch {
		case top >= math.Float32bits(float32(math.Inf(1))):
			b.Scale = float32(math.NaN())
		case greatest >= 0x1p-100:
			b.Scale, inverse = greatest/levels, levels/greatest
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
