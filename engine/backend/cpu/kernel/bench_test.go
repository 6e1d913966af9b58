package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"vitrine/engine/quant"
)

// BenchmarkMatVec multiplies one row with a matrix that fits no cache but the
// last: 1,536 × 576, 30 times, as the gates of SmolLM2 do.
func BenchmarkMatVec(b *testing.B) {
	const rows, cols = 49152, 576
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range []quant.Type{quant.Q4_1, quant.Q4_0, quant.Q8_0, quant.Q5_0, quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
		cols := cols
		if blocks, _ := format.Info(); cols%blocks.BlockSize != 0 {
			cols = 512
		}
		l, _ := LayoutOf(format)
		w := pack(b, l, rows, cols, matrix(b, r, format, rows, cols))
		x := activations(r, cols)
		for _, level := range Levels() {
			b.Run(format.String()+"/"+level.String(), func(b *testing.B) {
				s := For(level)
				var q Rows
				s.Reserve(&q, 1, cols)
				s.Quantize(&q, 0, x)
				out := make([]float32, w.Tiles()*Lanes)
				b.SetBytes(int64(len(w.data)))
				for b.Loop() {
					s.MatVec(out, w, &q, 0, 0, w.Tiles())
				}
				b.ReportMetric(float64(rows*cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}

// BenchmarkMatMul multiplies 16 rows, as a batch of decodes has them, and 480, as a
// prompt has, with the panels of a matrix.
func BenchmarkMatMul(b *testing.B) {
	const rows, cols, most = 1536, 576, 480
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range []quant.Type{quant.Q4_1, quant.Q4_0, quant.Q8_0, quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K} {
		cols := cols
		if blocks, _ := format.Info(); cols%blocks.BlockSize != 0 {
			cols = 512
		}
		l, _ := LayoutOf(format)
		w := pack(b, l, rows, cols, matrix(b, r, format, rows, cols))
		for _, level := range Levels() {
			s := For(level)
			out := make([]float32, most*rows)
			var p Panel
			for _, n := range []int{16, most} {
				b.Run(fmt.Sprintf("%v/%v/%d", format, level, n), func(b *testing.B) {
					var q Rows
					s.Reserve(&q, n, cols, w)
					for i := range n {
						s.Quantize(&q, i, activations(r, cols))
					}
					for b.Loop() {
						const panels = 4 // as one worker takes them at once
						for i := 0; i < w.Panels(); i += panels {
							s.MatMul(out[i*PanelRows:], rows, &p, w, i, i+panels, &q, n)
						}
					}
					b.ReportMetric(float64(rows*cols*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
				})
			}
		}
	}
}

// BenchmarkGates activates the rows of a gated linear unit as SmolLM2 has them.
func BenchmarkGates(b *testing.B) {
	const n = 1536
	r := rand.New(rand.NewPCG(1, 2))
	gate, up, dst := activations(r, n), activations(r, n), make([]float32, n)
	for _, level := range Levels() {
		s := For(level)
		for name, f := range map[string]func(dst, gate, up []float32){"silu": s.SiLU, "gelu": s.GELU} {
			b.Run(name+"/"+level.String(), func(b *testing.B) {
				for b.Loop() {
					f(dst, gate, up)
				}
				b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/n, "ns/number")
			})
		}
	}
}

// BenchmarkPack interleaves a matrix of 4,096 × 1,024 as loading does, on one thread.
func BenchmarkPack(b *testing.B) {
	const rows, cols = 4096, 1024
	r := rand.New(rand.NewPCG(1, 2))
	for _, format := range []quant.Type{quant.F32, quant.F16, quant.Q4_1, quant.Q8_0, quant.Q4_K, quant.Q6_K} {
		rowBytes, err := format.RowBytes(cols)
		if err != nil {
			b.Fatal(err)
		}
		data := make([]byte, rows*rowBytes)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		b.Run(format.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			if f, ok := FloatOf(format); ok {
				w, err := NewFloats(f, rows, cols, make([]byte, f.FloatsBytes(rows, cols)))
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					w.Pack(data, 0, w.Tiles())
				}
				return
			}
			l, _ := LayoutOf(format)
			w, err := NewPacked(l, rows, cols, make([]byte, l.PackedBytes(rows, cols)))
			if err != nil {
				b.Fatal(err)
			}
			var k Packer
			for b.Loop() {
				if err := k.Pack(w, data, 0, w.Tiles()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
