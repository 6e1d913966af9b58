//go:build amd64 && !noasm

package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"vitrine/engine/backend/cpu/kernel/internal/alternatives"
	"vitrine/engine/quant"
)

// alternativeSets are those that this processor can run.
func alternativeSets() map[Level]*alternatives.Set {
	sets := map[Level]*alternatives.Set{}
	if Best() >= AVX2 {
		sets[AVX2] = &alternatives.AVX2
	}
	if Best() >= AVX512 {
		sets[AVX512] = &alternatives.AVX512
	}
	return sets
}

func alternativeMatrix(w *Packed) *alternatives.Matrix {
	return &alternatives.Matrix{Tiles: w.data, Stride: w.stride, Cols: w.Cols}
}

// normal returns n numbers without extremes.
func normal(r *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64())
	}
	return out
}

// relative is the distance of got from want over the length of want.
func relative(got []float32, stride int, want []float64, width int, scale float64) float64 {
	var sum float64
	for i, v := range want {
		d := float64(got[i/width*stride+i%width]) - v
		sum += d * d
	}
	return math.Sqrt(sum / scale)
}

// The alternatives are right, or to measure them would mean nothing; and what each
// loses is what the choice depends on.
func TestAlternatives(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	l, _ := LayoutOf(quant.Q4_1)
	for level, s := range alternativeSets() {
		for range rounds(20) {
			n, rows, cols := 1+r.IntN(30), 32*(1+r.IntN(3)), 32*(1+r.IntN(20))
			data, x := matrix(t, r, quant.Q4_1, rows, cols), normal(r, n*cols)
			w := pack(t, l, rows, cols, data)
			m := alternativeMatrix(w)
			want, scale := exact(t, quant.Q4_1, rows, cols, data, x)
			check := func(name string, got []float32, most float64) {
				t.Helper()
				if d := relative(got, rows, want, rows, scale); !(d <= most) {
					t.Errorf("%v, %s, %d rows with %d × %d: off by %.2g, want at most %.2g", level, name, n, rows, cols, d, most)
				}
			}
			out, sums := make([]float32, n*rows), make([]float32, cols/BlockColumns)
			for i := range n {
				alternatives.BlockSums(sums, x[i*cols:][:cols])
				s.FloatVec(out[i*rows:], m, x[i*cols:], sums)
			}
			check("a row of floats", out, 1e-6)
			clear(out)
			s.FloatMul(out, rows, m, x, n, make([]float32, alternatives.PanelFloats))
			check("rows of floats", out, 1e-6)
			if !s.HasInt8() {
				continue
			}
			blocks := make([]alternatives.Block, n*cols/BlockColumns)
			alternatives.Quantize(blocks, x)
			clear(out)
			s.Int8Mul(out, rows, m, blocks, n)
			check("rows of 8 bits", out, 0.02)
			whole := append([]float32(nil), out...)
			for i := range n { // alone they are the same
				s.Int8Mul(out[i*rows:], rows, m, blocks[i*cols/BlockColumns:], 1)
			}
			for i := range out {
				if out[i] != whole[i] {
					t.Fatalf("output %d of bytes is %g alone and %g among %d rows", i, out[i], whole[i], n)
				}
			}
		}
	}
}

// copies returns a matrix as often as it takes to be far larger than the processor's
// last cache, but not more than a GiB: read one after the other they come from memory.
func copies(w *Packed) []*Packed {
	bytes := min(max(256<<20, 2*cpuid.CPU.Cache.L3), 1<<30)
	var out []*Packed
	for n := 0; n < bytes; n += len(w.data) {
		c := *w
		c.data = aligned[byte](nil, len(w.data))
		copy(c.data, w.data)
		out = append(out, &c)
	}
	return out
}

// inHalves calls f on as many goroutines as Go may use, each with its part of the tiles,
// an even number.
func inHalves(tiles int, f func(worker, lo, hi int)) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { f(i, tiles/2*i/workers*2, tiles/2*(i+1)/workers*2) })
	}
	wg.Wait()
}

// BenchmarkFloatOrInteger compares the kernels for Q4_1, whose activations are integers
// of 16 bits, with two others: weights unpacked to float32, activations in float32, and
// activations of 8 bits. All cores decode a row with matrices of SmolLM2's width that
// come from memory, and one core multiplies the rows of a prompt with its gates.
// rel-error is how far the outputs are from those of float64.
//
//	go test -run '^$' -bench FloatOrInteger ./engine/backend/cpu/kernel
func BenchmarkFloatOrInteger(b *testing.B) {
	const cols = 576
	r := rand.New(rand.NewPCG(1, 2))
	l, _ := LayoutOf(quant.Q4_1)
	b.Run("decode", func(b *testing.B) {
		const rows = 49152
		w := pack(b, l, rows, cols, matrix(b, r, quant.Q4_1, rows, cols))
		all := copies(w)
		x := normal(r, cols)
		out := make([]float32, rows)
		run := func(name string, multiply func(w *Packed, lo, hi int)) {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(int64(len(w.data)))
				i := 0
				for b.Loop() {
					inHalves(w.Tiles(), func(_, lo, hi int) { multiply(all[i], lo, hi) })
					i = (i + 1) % len(all)
				}
				b.ReportMetric(rows*cols*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
		part := func(w *Packed, lo, hi int) *alternatives.Matrix {
			return &alternatives.Matrix{Tiles: w.data[lo*w.stride : hi*w.stride], Stride: w.stride, Cols: cols}
		}
		sums, blocks := make([]float32, cols/BlockColumns), make([]alternatives.Block, cols/BlockColumns)
		alternatives.BlockSums(sums, x)
		alternatives.Quantize(blocks, x)
		for _, level := range []Level{AVX2, AVX512} {
			alternative, ok := alternativeSets()[level]
			if !ok {
				continue
			}
			s := For(level)
			var q Rows
			s.Reserve(&q, 1, cols)
			s.Quantize(&q, 0, x)
			run("int16/"+level.String(), func(w *Packed, lo, hi int) { s.MatVec(out[lo*Lanes:], w, &q, 0, lo, hi) })
			run("float32/"+level.String(), func(w *Packed, lo, hi int) {
				alternative.FloatVec(out[lo*Lanes:], part(w, lo, hi), x, sums)
			})
			if alternative.HasInt8() {
				run("int8/"+level.String(), func(w *Packed, lo, hi int) {
					alternative.Int8Mul(out[lo*Lanes:], rows, part(w, lo, hi), blocks, 1)
				})
			}
		}
	})
	const rows, n = 1536, 480
	data, x := matrix(b, r, quant.Q4_1, rows, cols), normal(r, n*cols)
	w := pack(b, l, rows, cols, data)
	want, scale := exact(b, quant.Q4_1, rows, cols, data, x)
	out := make([]float32, n*rows)
	run := func(name string, multiply func()) {
		b.Run(fmt.Sprintf("prefill-%d/%s", n, name), func(b *testing.B) {
			for b.Loop() {
				multiply()
			}
			b.ReportMetric(float64(rows*cols*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			b.ReportMetric(relative(out, rows, want, rows, scale), "rel-error")
		})
	}
	panel, blocks := make([]float32, alternatives.PanelFloats), make([]alternatives.Block, n*cols/BlockColumns)
	alternatives.Quantize(blocks, x)
	for _, level := range []Level{AVX2, AVX512, AMX} {
		if level > Best() {
			continue
		}
		s := For(level)
		var q Rows
		var p Panel
		s.Reserve(&q, n, cols, w)
		for i := range n {
			s.Quantize(&q, i, x[i*cols:][:cols])
		}
		run("int16/"+level.String(), func() { s.MatMul(out, rows, &p, w, 0, w.Panels(), &q, n) })
		alternative, ok := alternativeSets()[level]
		if !ok {
			continue
		}
		run("float32/"+level.String(), func() { alternative.FloatMul(out, rows, alternativeMatrix(w), x, n, panel) })
		if alternative.HasInt8() {
			run("int8/"+level.String(), func() { alternative.Int8Mul(out, rows, alternativeMatrix(w), blocks, n) })
		}
	}
}
