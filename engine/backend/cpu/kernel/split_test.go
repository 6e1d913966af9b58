package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"vitrine/engine/quant"
)

// splitMul computes all outputs of n rows from their two bfloat16 each.
func splitMul(s *Set, w *Packed, x []float32, n int) []float32 {
	var q SplitRows
	s.ReserveSplit(&q, n, w.Cols)
	for i := range n {
		s.Split(&q, i, x[i*w.Cols:])
	}
	width, stride := w.Tiles()*Lanes, w.Panels()*PanelRows
	all, out := make([]float32, n*stride), make([]float32, n*width)
	var p Panel
	middle := w.Panels() / 2
	s.SplitMul(all, stride, &p, w, 0, middle, &q)
	s.SplitMul(all[middle*PanelRows:], stride, &p, w, middle, w.Panels(), &q)
	for row := range n {
		copy(out[row*width:(row+1)*width], all[row*stride:])
	}
	return out
}

func withSplit(t testing.TB) *Set {
	t.Helper()
	s := For(Best())
	if s.splitGemm == nil {
		t.Skipf("%v has no products of split numbers", s.level)
	}
	return s
}

// The products of split numbers are as near to the exact ones as those of integers.
func TestSplitProducts(t *testing.T) {
	s := withSplit(t)
	for _, l := range layouts {
		t.Run(l.Format.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, uint64(l.index)))
			for range 12 {
				n, rows, cols := 1+r.IntN(150), 1+r.IntN(70), 256*(1+r.IntN(7))
				data, x := matrix(t, r, l.Format, rows, cols), activations(r, n*cols)
				w := pack(t, l, rows, cols, data)
				want, scale := exact(t, l.Format, rows, cols, data, x)
				got := splitMul(s, w, x, n)
				var num float64
				for i := range n {
					for o := range rows {
						d := float64(got[i*w.Tiles()*Lanes+o]) - want[i*rows+o]
						num += d * d
					}
				}
				if e := num / scale; !(e <= 1e-8) {
					t.Errorf("%d × %d × %d: normalised mean squared error %.2g", n, rows, cols, e)
				}
			}
		})
	}
}

// bfloat is the number of 16 bits at a place of b.
func bfloat(b []byte, i int) float32 {
	return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b[2*i:])) << 16)
}

// A row and a tile are split into what they are, but for the last of 16 bits.
func TestSplitParts(t *testing.T) {
	s := withSplit(t)
	r := rand.New(rand.NewPCG(11, 12))
	const cols = 96
	for range 100 {
		x := activations(r, cols)
		line := make([]byte, cols/BlockColumns*bandStep)
		s.splitRow(&line[0], &x[0], cols/BlockColumns)
		for k, v := range x {
			at := line[k/BlockColumns*bandStep+2*(k%BlockColumns):]
			high, low := bfloat(at, 0), bfloat(at, bandTile/2)
			if d := math.Abs(float64(v - high)); d > math.Abs(float64(v))*0x1p-8 {
				t.Fatalf("%v has the high part %v", v, high)
			}
			if d := math.Abs(float64(v) - float64(high) - float64(low)); d > math.Abs(float64(v))*0x1p-15 {
				t.Fatalf("%v became %v + %v", v, high, low)
			}
		}
	}
	for _, l := range layouts {
		const rows, cols = Lanes, 512
		data := matrix(t, r, l.Format, rows, cols)
		w, want := pack(t, l, rows, cols, data), make([]float32, rows*cols)
		if err := quant.Dequantize(want, l.Format, data); err != nil {
			t.Fatal(err)
		}
		panel := make([]byte, cols/BlockColumns*bandStep)
		s.splitTile[l.index](&panel[0], &w.tile(0)[0], w.blocks())
		for row := range rows {
			for k := range cols {
				at := panel[k/BlockColumns*bandStep+k%BlockColumns/2*vectorBytes+4*row+2*(k%2):]
				v := want[row*cols+k]
				got := float64(bfloat(at, 0)) + float64(bfloat(at, bandTile))
				if d := math.Abs(float64(v) - got); d > math.Abs(float64(v))*0x1p-15+1e-8 {
					t.Fatalf("%v: weight %d of row %d is %v, became %v", l.Format, k, row, v, got)
				}
			}
		}
	}
}

// What is no number stays one, in its row alone.
func TestSplitNaN(t *testing.T) {
	s := withSplit(t)
	r := rand.New(rand.NewPCG(13, 14))
	const n, rows, cols = 40, 32, 256
	l := layouts[1]
	w := pack(t, l, rows, cols, matrix(t, r, l.Format, rows, cols))
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.Float32frombits(0x7fffffff), math.Float32frombits(0xffffffff)} {
		x := make([]float32, n*cols)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		x[17*cols+33] = bad
		got := splitMul(s, w, x, n)
		for i, v := range got {
			if none := v != v || math.IsInf(float64(v), 0); none != (i/rows == 17) {
				t.Fatalf("with %v in row 17, output %d of row %d is %v", bad, i%rows, i/rows, v)
			}
		}
	}
}

// BenchmarkSplitMul multiplies the rows that a worker has of a prompt with the panels
// of matrices as SmolLM2's.
func BenchmarkSplitMul(b *testing.B) {
	s := withSplit(b)
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range []quant.Type{quant.Q4_1, quant.Q8_0} {
		for _, shape := range [][3]int{{256, 1536, 576}, {128, 576, 1536}} {
			n, rows, cols := shape[0], shape[1], shape[2]
			l, _ := LayoutOf(format)
			w := pack(b, l, rows, cols, matrix(b, r, format, rows, cols))
			var q SplitRows
			s.ReserveSplit(&q, n, cols)
			for i := range n {
				s.Split(&q, i, activations(r, cols))
			}
			out := make([]float32, n*rows)
			var p Panel
			b.Run(fmt.Sprintf("%v/%d×%d×%d", format, n, rows, cols), func(b *testing.B) {
				for b.Loop() {
					s.SplitMul(out, rows, &p, w, 0, w.Panels(), &q)
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(rows*cols*n/(16*16*32)*3), "ns/product")
			})
			b.Run(fmt.Sprintf("narrow %v/%d×%d×%d", format, n, rows, cols), func(b *testing.B) {
				for b.Loop() {
					for i := range w.Panels() {
						s.SplitMul(out, PanelRows, &p, w, i, i+1, &q)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(rows*cols*n/(16*16*32)*3), "ns/product")
			})
			b.Run(fmt.Sprintf("gemm %v/%d×%d×%d", format, n, rows, cols), func(b *testing.B) {
				p.blocks = aligned(p.blocks, 9*bandStep)
				p.partial = aligned(p.partial, 9*bandStep)
				for b.Loop() {
					s.splitGemm(&out[0], 4*PanelRows, &p.blocks[0], &q.bands[0], q.stride(), n/32, 9, &p.partial[0], 0)
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(9*12*n/32), "ns/product")
			})
			b.Run(fmt.Sprintf("split %v/%d×%d×%d", format, n, rows, cols), func(b *testing.B) {
				p.blocks = aligned(p.blocks, cols/32*bandStep)
				for b.Loop() {
					for t := range w.Tiles() {
						s.splitTile[l.index](&p.blocks[0], &w.tile(t)[0], w.blocks())
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(rows*cols/32), "ns/vector")
			})
		}
	}
}
