package alternatives

import (
	"encoding/binary"
	"unsafe"

	"vitrine/engine/internal/asmtest"
	"vitrine/engine/quant"
)

// What the Go in the comments of the stubs names, as package kernel's testdata/stubs.go
// has it; the tests there compile this with it (TestStubsAreGo).

func from[T any](p *T, bytes int) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(p), bytes)), 1<<26)
}

func as[T any](p *byte, bytes int) []T { return from((*T)(unsafe.Pointer(p)), bytes) }

func fma(x, y, z float32) float32 { return asmtest.FMA(x, y, z) }

// block is a block of 32 columns of a tile in Q4_1.
type block struct{ bytes []byte }

const q41 = 320 // bytes of a block

func weights(size int, p *byte, bytes, b int) block { return block{from(p, bytes+b*size)} }

func (w block) q(row, k int) int32 {
	lane := w.bytes[k/8*64+4*row+k%2*2:]
	return int32(binary.LittleEndian.Uint16(lane)) >> (k % 8 / 2 * 4) & 15
}

func (w block) half(at int) float32 {
	return quant.Float16ToFloat32(binary.LittleEndian.Uint16(w.bytes[at:]))
}

func (w block) d(row, _ int) float32 { return w.half(256 + 2*row) }
func (w block) m(row, _ int) float32 { return w.half(256 + 32 + 2*row) }
