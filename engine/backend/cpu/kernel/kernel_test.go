package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"vitrine/engine/quant"
)

// matrix returns rows × cols numbers in a quantized format, as they would lie
// in a file: any integers, and scales that are numbers.
func matrix(t testing.TB, r *rand.Rand, format quant.Type, rows, cols int) []byte {
	t.Helper()
	rowBytes, err := format.RowBytes(cols)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, rows*rowBytes)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	info, _ := format.Info()
	scales := map[quant.Type][]int{ // where the float16 of a block are
		quant.Q4_0: {0}, quant.Q4_1: {0, 2}, quant.Q5_0: {0}, quant.Q5_1: {0, 2}, quant.Q8_0: {0},
		quant.Q2_K: {80, 82}, quant.Q3_K: {108}, quant.Q4_K: {0, 2}, quant.Q5_K: {0, 2}, quant.Q6_K: {208},
	}[format]
	for b := 0; b < len(data); b += info.BytesPerBlock {
		for _, at := range scales {
			binary.LittleEndian.PutUint16(data[b+at:], quant.Float32ToFloat16(float32(r.NormFloat64()/100)))
		}
	}
	return data
}

// rounds is how often something random is tried: less with -short.
func rounds(n int) int {
	if testing.Short() {
		return (n + 5) / 6
	}
	return n
}

// tileRounds is rounds for a set with tiles. The definition of tiles is plain Go, and the same
// whichever of the processor's features is switched off: then, too, fewer do.
func tileRounds(s *Set, n int) int {
	if os.Getenv("GODEBUG") != "" && s.level != AMX {
		n = (n + 3) / 4
	}
	return rounds(n)
}

func pack(t testing.TB, l *Layout, rows, cols int, data []byte) *Packed {
	t.Helper()
	p, err := NewPacked(l, rows, cols, make([]byte, l.PackedBytes(rows, cols)))
	if err != nil {
		t.Fatal(err)
	}
	var k Packer
	if err := k.Pack(p, data, 0, p.Tiles()); err != nil {
		t.Fatal(err)
	}
	return p
}

// activations returns n numbers; now and then some of them are extreme.
func activations(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	switch r.IntN(5) {
	case 0:
		out[r.IntN(n)] = 1e4
	case 1:
		for i := range out {
			out[i] *= 1e-20
		}
	case 2:
		for i := range out {
			out[i] = out[0]
		}
	}
	return out
}

// matVec and matMul compute all outputs of n rows, by the two ways that there are.
func matVec(s *Set, w *Packed, x *Rows, n int) []float32 {
	out := make([]float32, n*w.Tiles()*Lanes)
	for i := range n {
		s.MatVec(out[i*w.Tiles()*Lanes:], w, x, i, 0, w.Tiles())
	}
	return out
}

func matMul(s *Set, w *Packed, x *Rows, n int) []float32 {
	out := make([]float32, n*w.Tiles()*Lanes)
	stride := w.Panels() * PanelRows
	all := make([]float32, n*stride)
	var p Panel
	middle := w.Panels() / 2
	s.MatMul(all, stride, &p, w, 0, middle, x, n)
	s.MatMul(all[middle*PanelRows:], stride, &p, w, middle, w.Panels(), x, n)
	for row := range n {
		copy(out[row*w.Tiles()*Lanes:(row+1)*w.Tiles()*Lanes], all[row*stride:])
	}
	return out
}

// exact computes the product in float64 from what Dequantize gives.
func exact(t testing.TB, format quant.Type, rows, cols int, data []byte, x []float32) (out []float64, scale float64) {
	t.Helper()
	w := make([]float32, rows*cols)
	if err := quant.Dequantize(w, format, data); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(x); i += cols {
		for r := range rows {
			var sum float64
			for k := range cols {
				sum += float64(x[i+k]) * float64(w[r*cols+k])
			}
			out = append(out, sum)
			scale += sum * sum
		}
	}
	return out, max(scale, math.SmallestNonzeroFloat64)
}

func TestProductsOfQuantizedMatrices(t *testing.T) {
	for _, l := range layouts {
		t.Run(l.Format.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(l.index)))
			for range rounds(12) {
				n, rows, cols := 1+r.IntN(100), 1+r.IntN(70), 256*(1+r.IntN(3))
				data, x := matrix(t, r, l.Format, rows, cols), activations(r, n*cols)
				w := pack(t, l, rows, cols, data)
				want, scale := exact(t, l.Format, rows, cols, data, x)
				var first []float32
				for _, level := range Levels() {
					s := For(level)
					var q Rows
					s.reserve(&q, n, cols, bunchRows)
					for i := range n {
						s.Quantize(&q, i, x[i*cols:])
					}
					got := matVec(s, w, &q, n)
					if !slices.Equal(matMul(s, w, &q, n), got) {
						t.Fatalf("%v, %d × %d × %d: a row alone and rows together differ", level, n, rows, cols)
					}
					if s.Slab(n, cols, 1) > 0 {
						s.ReserveSlab(&q, n, cols)
						for i := range n {
							s.Quantize(&q, i, x[i*cols:])
						}
						if !slices.Equal(matMul(s, w, &q, n), got) {
							t.Fatalf("%v, %d × %d × %d: a row alone and rows of a slab differ", level, n, rows, cols)
						}
					}
					s.Reserve(&q, n, cols, w)
					for i := range n {
						s.Quantize(&q, i, x[i*cols:])
					}
					if !slices.Equal(matMul(s, w, &q, n), got) {
						t.Fatalf("%v, %d × %d × %d: a row alone and a few rows together differ", level, n, rows, cols)
					}
					if level == AVX2 {
						first = got
					}
					if level > AVX2 && !slices.Equal(got, first) {
						t.Fatalf("%d × %d × %d: avx2 and %v differ", n, rows, cols, level)
					}
					var num float64
					for i := range n {
						for o := range rows {
							d := float64(got[i*w.Tiles()*Lanes+o]) - want[i*rows+o]
							num += d * d
						}
					}
					if e := num / scale; !(e <= 1e-7) {
						t.Errorf("%v, %d × %d × %d: normalised mean squared error %.2g", level, n, rows, cols, e)
					}
				}
			}
		})
	}
}

// A tile holds what the file holds.
func TestPackIsLossless(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, l := range layouts {
		const rows, cols = 37, 512
		data := matrix(t, r, l.Format, rows, cols)
		w := pack(t, l, rows, cols, data)
		want, got := make([]float32, rows*cols), make([]float32, cols)
		if err := quant.Dequantize(want, l.Format, data); err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			w.Row(got, i)
			if !slices.Equal(got, want[i*cols:(i+1)*cols]) {
				t.Fatalf("%v: row %d is not what it was", l.Format, i)
			}
		}
	}
}

// All levels quantize alike, to the bit, also what cannot be quantized.
func TestQuantize(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	special := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, nan, math.MaxFloat32, -math.MaxFloat32, 0x1p100, 0x1.fffffep99, 0x1.fffep0, math.SmallestNonzeroFloat32, 1e-38, 1e-31, 1}
	for range 200 {
		const cols = 96
		x := activations(r, cols)
		for range r.IntN(3) {
			x[r.IntN(cols)] = special[r.IntN(len(special))]
		}
		var want Rows
		plain.Reserve(&want, 1, cols)
		plain.Quantize(&want, 0, x)
		for b, got := range want.blocks {
			block := x[b*BlockColumns:][:BlockColumns]
			bad := slices.ContainsFunc(block, func(v float32) bool { return v != v || math.Abs(float64(v)) >= infinite })
			if bad != (got.Scale != got.Scale) {
				t.Fatalf("block %v got the scale %v", block, got.Scale)
			}
			for i, v := range block {
				if d := math.Abs(float64(got.Scale)*float64(got.Q[i]) - float64(v)); !bad && d > float64(got.Scale)*0.501+0x1p-100 {
					t.Fatalf("%v became %d, with a scale of %v", v, got.Q[i], got.Scale)
				}
			}
		}
		for _, level := range Levels()[1:] {
			var got Rows
			For(level).Reserve(&got, 1, cols)
			For(level).Quantize(&got, 0, x)
			for b, block := range got.blocks {
				if block.Scale != block.Scale && want.blocks[b].Scale != want.blocks[b].Scale {
					continue // nothing else is looked at
				}
				if block != want.blocks[b] {
					t.Fatalf("%v quantizes %v to %+v, want %+v", level, x[b*BlockColumns:][:BlockColumns], block, want.blocks[b])
				}
			}
		}
	}
}

func TestProductsOfFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, format := range []quant.Type{quant.F32, quant.F16, quant.BF16} {
		f, _ := FloatOf(format)
		for range 20 {
			n, rows, cols := 1+r.IntN(14), 1+r.IntN(150), 1+r.IntN(90)
			values := activations(r, rows*cols)
			data := make([]byte, rows*cols*f.Bytes())
			if err := quant.Quantize(data, format, values); err != nil {
				t.Fatal(err)
			}
			w, err := NewFloats(f, rows, cols, make([]byte, f.FloatsBytes(rows, cols)))
			if err != nil {
				t.Fatal(err)
			}
			w.Pack(data, 0, w.Tiles())
			x := activations(r, n*cols)
			want, scale := exact(t, format, rows, cols, data, x)
			var first []float32
			for _, level := range Levels() {
				s := For(level)
				width := w.Tiles() * Lanes
				got, together := make([]float32, n*width), make([]float32, n*width)
				for i := range n {
					s.FloatVec(got[i*width:], w, x[i*cols:], 0, w.Tiles())
				}
				for tile := range w.Tiles() {
					s.FloatMul(together[tile*Lanes:], width, w, tile, x, cols, n)
				}
				what := fmt.Sprintf("%v, %v, %d × %d × %d", format, level, n, rows, cols)
				if !slices.Equal(got, together) {
					t.Fatalf("%s: a row alone and rows together differ", what)
				}
				if level == AVX2 {
					first = got
				}
				if level > AVX2 && !slices.Equal(got, first) {
					t.Fatalf("%s: avx2 and %v differ", what, level)
				}
				var num float64
				for i := range n {
					for o := range rows {
						d := float64(got[i*width+o]) - want[i*rows+o]
						num += d * d
					}
				}
				if e := num / scale; !(e <= 1e-10) {
					t.Errorf("%s: normalised mean squared error %.2g", what, e)
				}
			}
		}
	}
}
