//go:build amd64 && !noasm

package alternatives

import (
	"math"
	"unsafe"
)

// Set is the ways for one level of processor features.
type Set struct {
	floatVector   func(out *float32, tiles *byte, x, sums *float32, blocks, count, stride int)
	floatPanel    func(panel *float32, tile *byte, blocks int)
	floatPanelMul func(out *float32, outStride int, panel, x *float32, xStride, rows, cols, later int)
	panelTiles    int
	int8          func(out *float32, outStride int, tiles, x *byte, xStride, rows, blocks, count, stride int)
}

// AVX2 and AVX512 are the levels. Dot products of bytes are there with AVX-512 VNNI only.
var (
	AVX2   = Set{floatVectorQ41AVX2, floatPanelQ41AVX2, floatPanelMulAVX2, 1, nil}
	AVX512 = Set{floatVectorQ41AVX512, floatPanelQ41AVX512, floatPanelMulAVX512, 2, int8Q41AVX512}
)

const (
	lanes   = 16 // rows of a tile
	columns = 32 // of a block
	// panelColumns is how many columns are expanded at once: those of two tiles are
	// half of a first-level cache of 48 KiB.
	panelColumns = 192
)

// Matrix is tiles in Q4_1 as package kernel has them: whole ones, Stride bytes apart.
type Matrix struct {
	Tiles  []byte
	Stride int
	Cols   int // a multiple of 32
}

func (m *Matrix) count() int { return len(m.Tiles) / m.Stride }

// BlockSums sets sums to the sums of the blocks of 32 numbers of x.
func BlockSums(sums, x []float32) {
	for b := range sums {
		sums[b] = 0
		for _, v := range x[b*columns:][:columns] {
			sums[b] += v
		}
	}
}

// FloatVec computes all outputs of one row x, whose [BlockSums] are sums.
func (s *Set) FloatVec(out []float32, m *Matrix, x, sums []float32) {
	_, _, _ = out[m.count()*lanes-1], x[m.Cols-1], sums[m.Cols/columns-1]
	s.floatVector(&out[0], &m.Tiles[0], &x[0], &sums[0], m.Cols/columns, m.count(), m.Stride)
}

// PanelFloats is the room that FloatMul takes.
const PanelFloats = 2 * lanes * panelColumns

// FloatMul computes the outputs of n rows x, one after the other, which go to out[r·stride:].
// The matrix has an even number of tiles; panel is room for [PanelFloats] numbers.
func (s *Set) FloatMul(out []float32, stride int, m *Matrix, x []float32, n int, panel []float32) {
	_, _, _ = out[(n-1)*stride+m.count()*lanes-1], x[n*m.Cols-1], panel[PanelFloats-1]
	block := m.Stride * columns / m.Cols
	for t := 0; t < m.count(); t += s.panelTiles {
		for from := 0; from < m.Cols; from += panelColumns {
			cols := min(panelColumns, m.Cols-from)
			for i := range s.panelTiles {
				s.floatPanel(&panel[i*lanes], &m.Tiles[(t+i)*m.Stride+from/columns*block], cols/columns)
			}
			later := min(from, 1)
			s.floatPanelMul(&out[t*lanes], 4*stride, &panel[0], &x[from], 4*m.Cols, n, cols, later)
		}
	}
}

// Block is 32 activations of 8 bits. The kernel knows its layout: the numbers are in the
// order in which the bytes of a tile's lanes hold their columns.
type Block struct {
	Q     [columns]int8
	Scale float32
	Sum   float32 // Scale·ΣQ
}

// Quantize sets blocks to x, as llama.cpp's Q8_1 does: the greatest magnitude of a block
// becomes 127.
func Quantize(blocks []Block, x []float32) {
	for b := range blocks {
		values := x[b*columns:][:columns]
		var top float32
		for _, v := range values {
			top = max(top, v, -v)
		}
		blocks[b] = Block{Scale: top / 127}
		if top == 0 {
			continue
		}
		sum := 0
		for i := range columns {
			v := values[columnOf(i)]
			q := int(math.RoundToEven(float64(v * (127 / top))))
			blocks[b].Q[i] = int8(q)
			sum += q
		}
		blocks[b].Sum = blocks[b].Scale * float32(sum)
	}
}

// columnOf is the column of byte i: a lane of a tile has eight numbers of four bits, of
// even columns below and of odd ones above, and a byte of it two.
func columnOf(i int) int {
	vector, half, b := i/8, i/4%2, i%4
	return 8*vector + 2*half + [4]int{0, 4, 1, 5}[b]
}

// HasInt8 says whether there are dot products of bytes.
func (s *Set) HasInt8() bool { return s.int8 != nil }

// Int8Mul computes the outputs of n rows x of 8 bits, one after the other, which go to
// out[r·stride:]. Several rows share a tile after the other.
func (s *Set) Int8Mul(out []float32, stride int, m *Matrix, x []Block, n int) {
	blocks := m.Cols / columns
	_, _ = out[(n-1)*stride+m.count()*lanes-1], x[n*blocks-1]
	together := m.count()
	if n > 1 {
		together = 1
	}
	for t := 0; t < m.count(); t += together {
		s.int8(&out[t*lanes], 4*stride, &m.Tiles[t*m.Stride], (*byte)(unsafe.Pointer(&x[0])), int(unsafe.Sizeof(x[0]))*blocks, n, blocks, together, m.Stride)
	}
}
