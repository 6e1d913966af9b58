package cpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/ref"
)

// extremes are what numbers of a row are replaced by, one of them or all.
func extremes() []float32 {
	inf := float32(math.Inf(1))
	return []float32{0, float32(math.NaN()), inf, -inf, 3e38, -3e38, 2e19, 1e-45, -3e-42, 1.2e-38, 1e4}
}

// agree says whether got is ref's number: none where that is none.
func agree(got, want, within float64) bool {
	if want-want != 0 {
		return got-got != 0
	}
	if math.Abs(want) > math.MaxFloat32/2 {
		return math.Abs(got) > math.MaxFloat32/4
	}
	return math.Abs(got-want) <= within
}

// Operations on rows with numbers that are none, too great or too small are those of
// ref, at every level.
func TestExtremesAgreeWithRef(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	positions := []int32{0, 1, 8191}
	rope := backend.RoPE{Scale: 1}
	const n, cols, out, head = 3, 96, 37, 32
	for i := range head / 2 {
		rope.InvFreq = append(rope.InvFreq, math.Pow(10000, -float64(i)/(head/2)))
	}
	for _, level := range kernel.Levels() {
		b := newBench(t, 2, level)
		for _, extreme := range extremes() {
			for _, all := range []bool{false, true} {
				x, up, w, norm := random(r, n*cols), random(r, n*cols), random(r, out*cols), random(r, cols)
				for i := cols; i < 2*cols; i++ { // of the middle row
					if all || i == cols+70 {
						x[i] = extreme
					}
				}
				check := func(what string, width int, op func(i int, be backend.Backend) backend.Tensor) {
					t.Helper()
					var got [2][]float32
					for i, be := range b.both {
						result := op(i, be)
						got[i] = make([]float32, n*width)
						be.Read(got[i], result, 0)
					}
					for row := range n {
						scale := 0.0
						for _, v := range got[0][row*width:][:width] {
							if v-v == 0 {
								scale = max(scale, math.Abs(float64(v)))
							}
						}
						for c := range width {
							if g, want := got[1][row*width+c], got[0][row*width+c]; !agree(float64(g), float64(want), 3e-5*scale+1e-35) {
								t.Fatalf("%s at %v, %v (all: %v): element %d of row %d is %v, want %v", what, level, extreme, all, c, row, g, want)
							}
						}
					}
				}
				if extreme != 3e38 && extreme != -3e38 { // of which parts of a sum are beyond float32
					check("MatMul", out, func(i int, be backend.Backend) backend.Tensor {
						d := b.tensor(i, n, out, nil)
						be.MatMul(b.tensor(i, n, cols, x), n, backend.Product{Dst: d, W: b.weight(i, out, cols, w)})
						return d
					})
				}
				check("RMSNorm", cols, func(i int, be backend.Backend) backend.Tensor {
					d := b.tensor(i, n, cols, nil)
					be.RMSNorm(d, b.tensor(i, n, cols, x), b.weight(i, 1, cols, norm), 1e-5, n)
					return d
				})
				check("RMSNormHeads", cols, func(i int, be backend.Backend) backend.Tensor {
					d := b.tensor(i, n, cols, x)
					be.RMSNormHeads(d, head, b.weight(i, 1, head, norm[:head]), 1e-5, n)
					return d
				})
				for _, a := range []backend.Activation{backend.SiLU, backend.GELUTanh} {
					check(fmt.Sprintf("GLU %v", a), cols, func(i int, be backend.Backend) backend.Tensor {
						d := b.tensor(i, n, cols, x)
						be.GLU(d, d, b.tensor(i, n, cols, up), n, a)
						return d
					})
				}
				for _, style := range []backend.RoPEStyle{backend.Interleaved, backend.Halves} {
					rope.Style = style
					check("RoPE", cols, func(i int, be backend.Backend) backend.Tensor {
						d := b.tensor(i, n, cols, x)
						be.RoPE(d, d, head, positions, &rope)
						return d
					})
				}
				check("Scale", cols, func(i int, be backend.Backend) backend.Tensor {
					d := b.tensor(i, n, cols, x)
					be.Scale(d, 0.3, n)
					return d
				})
				check("Add", cols, func(i int, be backend.Backend) backend.Tensor {
					d := b.tensor(i, n, cols, x)
					be.Add(d, b.tensor(i, n, cols, up), n)
					return d
				})
			}
		}
	}
}

// Attention with an extreme number in a query, a key or a value is that of ref, at every
// level, with keys and values in every format, batch-variant or not. Where a score is
// beyond float32, which ref's are not, it may be none, but only for that query. What a
// number becomes in the cache is the format's: beyond 65,504, an infinity in float16; and
// in int8 the others of its key or value are rounded as coarsely as it is, or none with it.
func TestExtremesOfAttention(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 54))
	const rows, dim, heads = 40, 64, 2
	config := backend.KVConfig{Layers: 1, Blocks: 3, BlockSize: 16, KVHeads: 1, HeadDim: dim}
	slots := make([]int32, rows)
	for i := range slots {
		slots[i] = int32(i)
	}
	attend := func(b backend.Backend, q, k, v []float32) []float32 {
		kv, err := b.NewKVCache(config)
		if err != nil {
			t.Fatal(err)
		}
		tensor := func(cols int, values []float32) backend.Tensor {
			x, err := b.NewTensor(rows, cols)
			if err != nil {
				t.Fatal(err)
			}
			b.Write(x, 0, values)
			return x
		}
		b.StoreKV(kv, 0, tensor(dim, k), tensor(dim, v), slots)
		dst := tensor(heads*dim, make([]float32, rows*heads*dim))
		b.Attention(dst, tensor(heads*dim, q), kv, &backend.Attention{
			Heads: heads, Scale: 0.125, Sequences: []backend.Sequence{{Count: rows, Blocks: []int32{0, 1, 2}}},
		})
		out := make([]float32, rows*heads*dim)
		b.Read(out, dst, 0)
		return out
	}
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	const row = 17 // with an extreme number, which later queries see too
	for _, where := range []string{"query", "key", "value"} {
		for _, extreme := range extremes() {
			q, k, v := normal(rows*heads*dim), normal(rows*dim), normal(rows*dim)
			switch where {
			case "query":
				q[row*heads*dim+5] = extreme
			case "key":
				k[row*dim+5] = extreme
			case "value":
				v[row*dim+5] = extreme
			}
			want := attend(ref.New(), q, k, v)
			for _, level := range kernel.Levels() {
				for _, format := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
					for _, variant := range []bool{false, true} {
						b := cpu.With(cpu.Options{Threads: 2, Level: level, KV: format, BatchVariant: variant})
						got := attend(b, q, k, v)
						if err := b.Close(); err != nil {
							t.Fatal(err)
						}
						huge := math.Abs(float64(extreme)) > 65504 && (where != "query" || math.Abs(float64(extreme)) > 1e30)
						within := map[kernel.KV]float64{kernel.KVF32: 1e-3, kernel.KVF16: 1e-2, kernel.KVI8: 0.2}[format]
						for i := range got {
							at := i / (heads * dim)
							touched := at >= row && where != "query" || at == row && i/dim%heads == 0 && where == "query"
							g, w := float64(got[i]), float64(want[i])
							switch {
							case !touched:
								if !agree(g, w, within) {
									t.Fatalf("%v, %v, batch-variant %v, %s of %v: query %d, which does not see it, is %v at %d, want %v", level, format, variant, where, extreme, at, g, i%dim, w)
								}
							case huge || format == kernel.KVI8 && where != "query" && !(math.Abs(float64(extreme)) < 1e4): // none is right; a number where ref has none is not
								if w-w != 0 && g-g == 0 {
									t.Fatalf("%v, %v, batch-variant %v, %s of %v: query %d is %v at %d, want %v", level, format, variant, where, extreme, at, g, i%dim, w)
								}
							case !agree(g, w, within*max(1, math.Abs(w))):
								t.Fatalf("%v, %v, batch-variant %v, %s of %v: query %d is %v at %d, want %v", level, format, variant, where, extreme, at, g, i%dim, w)
							}
						}
					}
				}
			}
		}
	}
}
