package kernel

import (
	"math"
	"unsafe"
)

// Record is what a block of 32 quantized activations needs besides its
// numbers. The kernels know its layout.
type Record struct {
	Scale    float32    // x = Scale·q
	Negative [3]int32   // −Σq of the block, of its first and of its second half
	Sum      [3]float32 // Scale·Σq of the same
	_        uint32
}

const recordBytes = int(unsafe.Sizeof(Record{}))

// Rows are quantized rows of activations: x ≈ Scale·q in blocks of 32.
type Rows struct {
	cols    int
	q       []int16  // rows × cols
	records []Record // rows × blocks
}

// Reserve makes room for n rows of cols columns, a multiple of 32.
func (r *Rows) Reserve(n, cols int) {
	r.cols = cols
	r.q = grow(r.q, n*cols)
	r.records = grow(r.records, n*cols/BlockColumns)
}

func (r *Rows) blocks() int { return r.cols / BlockColumns }

// Quantize sets row i to the numbers x.
func (s *Set) Quantize(r *Rows, i int, x []float32) {
	x = x[:r.cols]
	q, records := r.q[i*r.cols:][:r.cols], r.records[i*r.blocks():][:r.blocks()]
	s.quantize(&q[0], pointer(records), &x[0], r.blocks())
}

func pointer(r []Record) *byte { return (*byte)(unsafe.Pointer(&r[0])) }

// levels is how finely activations are told apart: a block's greatest
// magnitude is 32767.
const levels = 32767

// quantizeGo is the definition of what quantizing means.
func quantizeGo(q *int16, records *byte, x *float32, blocks int) {
	qs := unsafe.Slice(q, blocks*BlockColumns)
	rs := unsafe.Slice((*Record)(unsafe.Pointer(records)), blocks)
	xs := unsafe.Slice(x, blocks*BlockColumns)
	for b := range rs {
		block := xs[b*BlockColumns:][:BlockColumns]
		var top uint32 // the greatest magnitude, as bits, for so a NaN is the greatest
		for _, v := range block {
			top = max(top, math.Float32bits(v)&math.MaxInt32)
		}
		greatest := math.Float32frombits(top)
		var scale, inverse float32
		switch {
		case top >= math.Float32bits(float32(math.Inf(1))):
			scale = float32(math.NaN())
		case greatest >= 0x1p-100:
			scale, inverse = greatest/levels, levels/greatest
		}
		var sums [2]int32
		for i, v := range block {
			n := int32(0)
			if inverse != 0 {
				n = int32(math.RoundToEven(float64(v * inverse)))
			}
			qs[b*BlockColumns+i] = int16(n)
			sums[i/16] += n
		}
		whole := sums[0] + sums[1]
		rs[b] = Record{
			Scale: scale, Negative: [3]int32{-whole, -sums[0], -sums[1]},
			Sum: [3]float32{scale * float32(whole), scale * float32(sums[0]), scale * float32(sums[1])},
		}
	}
}
