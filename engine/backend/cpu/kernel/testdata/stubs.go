package kernel

import (
	"math"
	"unsafe"

	"vitrine/engine/internal/asmtest"
)

// What the Go in the comments of the stubs names besides the package's own. Tests compile
// this with it (TestStubsAreGo).

// from is the memory from so many bytes behind p on.
func from[T any](p *T, bytes int) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(p), bytes)), 1<<26)
}

// as is from for memory that holds something else than bytes.
func as[T any](p *byte, bytes int) []T {
	return from((*T)(unsafe.Pointer(p)), bytes)
}

func fma(x, y, z float32) float32 { return asmtest.FMA(x, y, z) }

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

// nearest is the nearest integer, ties to even; the least one for what is none.
func nearest(x float32) int32 {
	if r := math.RoundToEven(float64(x)); r >= math.MinInt32 && r <= math.MaxInt32 {
		return int32(r)
	}
	return math.MinInt32
}

// bfloat16 is x cut off to bfloat16, and bfloat the other way round.
func bfloat16(x float32) uint16 { return uint16(math.Float32bits(x) >> 16) }
func bfloat(x uint16) float32   { return math.Float32frombits(uint32(x) << 16) }

// splitAt writes x to place i of a line as two bfloat16: the nearest one, and 1,024 bytes
// behind it what that is off.
func splitAt(line []uint16, i int, x float32) {
	line[i] = uint16((math.Float32bits(x) + 1<<15) >> 16)
	line[i+512] = bfloat16(x - bfloat(line[i]))
}

// block is a block of 32 columns of a tile.
type block struct {
	l    *Layout
	tile []byte
	b    int
}

// weights is block b of the tile that begins so many bytes behind p.
func weights(l *Layout, p *byte, bytes, b int) block {
	return block{l, from(p, bytes), b}
}

// q is a number, with its offset.
func (w block) q(row, k int) int32 {
	return int32(w.l.number(w.tile[w.b*w.l.blockBytes():], row, k))
}

func (w block) d(row, g int) float32 { return w.l.scale(w.tile, w.b*w.l.groups()+g, 0, row) } // a group's scale
func (w block) m(row, g int) float32 { return w.l.scale(w.tile, w.b*w.l.groups()+g, 1, row) } // a group's minimum

var q40, q41, q50, q51, q80, q2k, q3k, q4k, q5k, q6k = layouts[0], layouts[1], layouts[2], layouts[3], layouts[4],
	layouts[5], layouts[6], layouts[7], layouts[8], layouts[9]

// quantized is block b of the quantized row that begins so many bytes behind x.
func quantized(x *byte, bytes, b int) *Block { return &as[Block](x, bytes)[b] }

// blockScale is the scale of a block of activations.
func blockScale(x []float32) float32 {
	var top uint32 // as bits, for so a NaN is the greatest
	for _, v := range x {
		top = max(top, math.Float32bits(v)&math.MaxInt32)
	}
	switch {
	case top >= math.Float32bits(infinite):
		return float32(math.NaN())
	case top < math.Float32bits(tiny):
		return 0
	}
	rounded := top + 1<<(23-quantBits-1) // it may round to the next power of two
	return math.Float32frombits(rounded&(0xff<<23) - quantBits<<23)
}
