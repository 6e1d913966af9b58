package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"vitrine/engine/quant"
)

// Float is a floating-point format of weights.
type Float uint8

// The formats, each kept as it is in the file.
const (
	F32 Float = iota
	F16
	BF16
)

// FloatOf finds the format of a type; false for quantized ones.
func FloatOf(t quant.Type) (Float, bool) {
	switch t {
	case quant.F32:
		return F32, true
	case quant.F16:
		return F16, true
	case quant.BF16:
		return BF16, true
	}
	return 0, false
}

// Bytes is the size of a number.
func (f Float) Bytes() int {
	if f == F32 {
		return 4
	}
	return 2
}

// at reads number i.
func (f Float) at(b []byte, i int) float32 {
	switch f {
	case F16:
		return quant.Float16ToFloat32(binary.LittleEndian.Uint16(b[2*i:]))
	case BF16:
		return quant.BFloat16ToFloat32(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
}

// Floats is a matrix of floats in tiles of sixteen rows: column after column,
// sixteen numbers each.
type Floats struct {
	Format     Float
	Rows, Cols int
	data       []byte
}

// NewFloats makes room for a matrix in memory of FloatsBytes bytes.
func NewFloats(f Float, rows, cols int, memory []byte) (*Floats, error) {
	if rows < 1 || cols < 1 {
		return nil, fmt.Errorf("kernel: a matrix of %d × %d, want at least 1 × 1", rows, cols)
	}
	if want := f.FloatsBytes(rows, cols); len(memory) != want {
		return nil, fmt.Errorf("kernel: %d bytes for a matrix of %d × %d, want %d", len(memory), rows, cols, want)
	}
	return &Floats{Format: f, Rows: rows, Cols: cols, data: memory}, nil
}

// FloatsBytes is the memory that a matrix takes in tiles.
func (f Float) FloatsBytes(rows, cols int) int {
	return (rows + Lanes - 1) / Lanes * Lanes * cols * f.Bytes()
}

// Bytes is the memory of all tiles.
func (p *Floats) Bytes() int { return len(p.data) }

// Tiles is the number of tiles.
func (p *Floats) Tiles() int { return (p.Rows + Lanes - 1) / Lanes }

func (p *Floats) tileBytes() int { return Lanes * p.Cols * p.Format.Bytes() }

func (p *Floats) tile(i int) []byte { return p.data[i*p.tileBytes():][:p.tileBytes()] }

// Row sets dst, Cols numbers, to row i of the matrix.
func (p *Floats) Row(dst []float32, i int) {
	tile := p.tile(i / Lanes)
	for c := range p.Cols {
		dst[c] = p.Format.at(tile, c*Lanes+i%Lanes)
	}
}

// FloatVec computes the outputs of tiles lo … hi-1 from x. out has room for 16
// numbers a tile.
func (s *Set) FloatVec(out []float32, w *Floats, x []float32, lo, hi int) {
	if lo >= hi {
		return
	}
	_, _ = out[(hi-lo)*Lanes-1], x[w.Cols-1]
	_ = w.tile(hi - 1)
	s.floatVector[w.Format](&out[0], &w.tile(lo)[0], &x[0], w.Cols, hi-lo, w.tileBytes())
}

// FloatMul computes the 16 outputs of tile t for n rows of x, which are xStride
// numbers apart: row i goes to out[i·stride:].
func (s *Set) FloatMul(out []float32, stride int, w *Floats, t int, x []float32, xStride, n int) {
	for i := 0; i < n; i += s.floatRows {
		rows := min(s.floatRows, n-i)
		_, _ = out[(i+rows-1)*stride+Lanes-1], x[(i+rows-1)*xStride+w.Cols-1]
		s.floatMatrix[w.Format](&out[i*stride], 4*stride, &w.tile(t)[0], &x[i*xStride], 4*xStride, rows, w.Cols)
	}
}

func floatVectorGo(f Float) floatVectorFunc {
	multiply := floatMatrixGo(f)
	return func(out *float32, tiles *byte, x *float32, cols, count, stride int) {
		for t := range count {
			o := (*float32)(unsafe.Add(unsafe.Pointer(out), t*vectorBytes))
			multiply(o, 0, (*byte)(unsafe.Add(unsafe.Pointer(tiles), t*stride)), x, 0, 1, cols)
		}
	}
}

func floatMatrixGo(f Float) floatMatrixFunc {
	return func(out *float32, outStride int, tile *byte, x *float32, xStride, rows, cols int) {
		w := unsafe.Slice(tile, Lanes*cols*f.Bytes())
		for r := range rows {
			var sums [Lanes]float32
			xs := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(x), r*xStride)), cols)
			for c, v := range xs {
				for o := range sums {
					sums[o] += v * f.at(w, c*Lanes+o)
				}
			}
			copy(unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride)), Lanes), sums[:])
		}
	}
}
