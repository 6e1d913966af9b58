package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"vitrine/engine/quant"
)

// fixedMul computes all outputs of n rows in fixed point.
func fixedMul(s *Set, w *Packed, x []float32, n int) []float32 {
	var q FixedRows
	s.ReserveFixed(&q, n, w.Cols)
	for i := range n {
		s.Fix(&q, i, x[i*w.Cols:])
	}
	width, stride := w.Tiles()*Lanes, w.Panels()*PanelRows
	all, out := make([]float32, n*stride), make([]float32, n*width)
	var p Panel
	middle := w.Panels() / 2
	s.FixedMul(all, stride, &p, w, 0, middle, &q)
	s.FixedMul(all[middle*PanelRows:], stride, &p, w, middle, w.Panels(), &q)
	for row := range n {
		copy(out[row*width:(row+1)*width], all[row*stride:])
	}
	return out
}

// fixedSets are the kernels in fixed point, and of attention in tiles: their definition,
// and where there is AMX those in assembly.
func fixedSets() map[string]*Set {
	sets := map[string]*Set{"definition": Definition()}
	if s := For(Best()); s.fixedGemm != nil {
		sets[s.level.String()] = s
	}
	return sets
}

func withFixed(t *testing.T, check func(t *testing.T, s *Set)) {
	t.Helper()
	for name, s := range fixedSets() {
		t.Run(name, func(t *testing.T) { check(t, s) })
	}
}

// Products in fixed point are near the exact ones.
func TestFixedProducts(t *testing.T) { withFixed(t, checkNearExact) }

func checkNearExact(t *testing.T, s *Set) {
	for _, l := range layouts {
		t.Run(l.Format.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, uint64(l.index)))
			for range tileRounds(s, 12) {
				n, rows, cols := 1+r.IntN(150), 1+r.IntN(70), 256*(1+r.IntN(7))
				data, x := matrix(t, r, l.Format, rows, cols), activations(r, n*cols)
				w := pack(t, l, rows, cols, data)
				want, scale := exact(t, l.Format, rows, cols, data, x)
				got := fixedMul(s, w, x, n)
				var num float64
				for i := range n {
					for o := range rows {
						d := float64(got[i*w.Tiles()*Lanes+o]) - want[i*rows+o]
						num += d * d
					}
				}
				if e := num / scale; !(e <= 1e-6) {
					t.Errorf("%d × %d × %d: normalised mean squared error %.2g", n, rows, cols, e)
				}
			}
		})
	}
}

// fixed is the number whose high and low byte are at a place, and so far behind it.
func fixed(b []byte, behind int) float64 { return 256*float64(int8(b[0])) + float64(int8(b[behind])) }

// Activations and weights in fixed point are what they are but for a rounding.
func TestFixedPoint(t *testing.T) { withFixed(t, checkFixedPoint) }

func checkFixedPoint(t *testing.T, s *Set) {
	r := rand.New(rand.NewPCG(11, 12))
	const n, cols = 33, 1280
	x := activations(r, n*cols)
	var q FixedRows
	s.ReserveFixed(&q, n, cols)
	for i := range n {
		s.Fix(&q, i, x[i*cols:])
		for part := range q.parts() {
			from, to := q.part(part)
			factor := float64(q.factors[part*len(q.factors)/q.parts()+i])
			for k := from * stepColumns; k < to*stepColumns; k++ {
				at := q.bands[i/bunchRows*q.stride()+k/stepColumns*fixedStep+i%bunchRows*vectorBytes+k%stepColumns:]
				if got, v := factor*fixed(at, fixedTile), float64(x[i*cols+k]); math.Abs(got-v) > 0.501*factor {
					t.Fatalf("%v became %v, with a scale of %v", v, got, factor)
				}
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
		panel := make([]byte, cols/stepColumns*fixedStep)
		var inverse [Lanes]float32
		for row := range inverse {
			inverse[row] = 1 / w.fixed[row]
		}
		s.fixedTile[l.index](&panel[0], &w.tile(0)[0], cols/stepColumns, &inverse[0])
		for row := range rows {
			for k := range cols {
				at := panel[k/stepColumns*fixedStep+k%stepColumns/4*vectorBytes+4*row+k%4:]
				factor, v := float64(w.fixed[row]), float64(want[row*cols+k])
				if got := factor * fixed(at, fixedTile); math.Abs(got-v) > 0.51*factor {
					t.Fatalf("%v: weight %d of row %d is %v, became %v, with a scale of %v", l.Format, k, row, v, got, factor)
				}
			}
		}
	}
}

// What is no number stays one, in its row alone.
func TestFixedNaN(t *testing.T) { withFixed(t, checkFixedNaN) }

func checkFixedNaN(t *testing.T, s *Set) {
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
		got := fixedMul(s, w, x, n)
		for i, v := range got {
			if none := v != v || math.IsInf(float64(v), 0); none != (i/rows == 17) {
				t.Fatalf("with %v in row 17, output %d of row %d is %v", bad, i%rows, i/rows, v)
			}
		}
	}
}

// A panel's gating is that of the exact activations within 10⁻⁵, from where they vanish
// to where they are the number itself; what is no number stays one, by itself.
func TestGatePanel(t *testing.T) { withFixed(t, checkPanelGates) }

func checkPanelGates(t *testing.T, s *Set) {
	r := rand.New(rand.NewPCG(15, 16))
	const n, stride = 37, 50
	gate, up, got := make([]float32, n*PanelRows), make([]float32, n*PanelRows), make([]float32, n*stride)
	for i := range gate {
		gate[i], up[i] = float32(r.NormFloat64()*math.Exp(3*r.NormFloat64())), float32(r.NormFloat64())
	}
	extremes := []float32{0, -80, -100, -1e30, 1e30, math.MaxFloat32, -math.MaxFloat32, 1e-40, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for i, x := range extremes {
		gate[97*i], up[97*i] = x, 1
	}
	for _, gelu := range []bool{false, true} {
		exact := silu
		if gelu {
			exact = func(x float32) float32 {
				v := float64(x)
				return float32(v / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
			}
		}
		s.GatePanel(got, stride, gate, up, n, gelu)
		for i, x := range gate {
			v, want := float64(got[i/PanelRows*stride+i%PanelRows]), float64(exact(x))*float64(up[i])
			switch {
			case math.IsInf(float64(x), -1) || x != x:
				if v-v == 0 {
					t.Errorf("gelu %v, gate %v: %v", gelu, x, v)
				}
			case want > math.MaxFloat32 || want < -math.MaxFloat32:
				if !math.IsInf(v, int(want)) && math.Abs(v) < 3e38 {
					t.Errorf("gelu %v, gate %v, up %v: %v, want %v", gelu, x, up[i], v, want)
				}
			case !(math.Abs(v-want) <= 1e-5*math.Abs(want)+1e-30):
				t.Errorf("gelu %v, gate %v, up %v: %v, want %v", gelu, x, up[i], v, want)
			}
		}
	}
}

// BenchmarkFixedMul multiplies the rows that a worker has of a prompt with the panels
// of matrices as SmolLM2's.
func BenchmarkFixedMul(b *testing.B) {
	s := For(Best())
	if s.fixedGemm == nil {
		b.Skipf("%v has no products in fixed point", s.level)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range []quant.Type{quant.Q4_1, quant.Q8_0} {
		for _, shape := range [][3]int{{256, 1536, 576}, {256, 576, 1536}} {
			n, rows, cols := shape[0], shape[1], shape[2]
			l, _ := LayoutOf(format)
			w := pack(b, l, rows, cols, matrix(b, r, format, rows, cols))
			var q FixedRows
			s.ReserveFixed(&q, n, cols)
			for i := range n {
				s.Fix(&q, i, activations(r, cols))
			}
			out := make([]float32, n*rows)
			var p Panel
			b.Run(fmt.Sprintf("%v/%d×%d×%d", format, n, rows, cols), func(b *testing.B) {
				for b.Loop() {
					s.FixedMul(out, rows, &p, w, 0, w.Panels(), &q)
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(rows*cols*n/(16*16*64)*3), "ns/product")
			})
			b.Run(fmt.Sprintf("expand_%v/%d×%d×%d", format, n, rows, cols), func(b *testing.B) {
				for b.Loop() {
					for t := range w.Tiles() {
						for part := range q.parts() {
							from, to := q.part(part)
							s.fixedTile[l.index](&p.blocks[0], &w.tile(t)[2*from*l.blockBytes()], to-from, &w.fixed[0])
						}
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(rows*cols/32), "ns/vector")
			})
		}
	}
}
