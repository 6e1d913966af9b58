package cpu_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/quant"
)

// withVariants are pairs of a backend that is batch-invariant and one that is not: by the
// definition of the kernels, and where there is AMX by those in assembly.
func withVariants(t *testing.T, check func(t *testing.T, invariant, variant *cpu.Backend)) {
	t.Helper()
	for _, defined := range []bool{true, false} {
		if !defined && kernel.Best() < kernel.AMX {
			continue
		}
		t.Run(map[bool]string{true: "definition", false: "amx"}[defined], func(t *testing.T) {
			o := cpu.Options{Threads: 2, Level: kernel.Best(), KV: kernel.KVF16}
			invariant := cpu.With(o)
			o.BatchVariant = true
			variant := cpu.With(o)
			t.Cleanup(func() {
				if err := errors.Join(invariant.Close(), variant.Close()); err != nil {
					t.Error(err)
				}
			})
			if defined {
				variant.Defined()
			}
			check(t, invariant, variant)
		})
	}
}

// Without kernels for it, the option changes nothing: products of many rows are the same to the bit.
func TestVariantWithoutKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	const n, in, out = 300, 512, 40
	data, x, bias := quantized(t, r, quant.Q4_1, out, in), random(r, n*in), random(r, out)
	var want []float32
	for _, variant := range []bool{false, true} {
		b := cpu.With(cpu.Options{Threads: 2, Level: min(kernel.Best(), kernel.AVX512), KV: kernel.KVF16, BatchVariant: variant})
		got := biased(t, b, quant.Q4_1, n, x, data, bias)
		if want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Error("other results")
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Products of many rows are near those that are the same to the bit for few, with a
// bias, and what is no number stays in its row.
func TestVariantProducts(t *testing.T) { withVariants(t, checkVariantProducts) }

func checkVariantProducts(t *testing.T, invariant, variant *cpu.Backend) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, format := range []quant.Type{quant.Q4_1, quant.Q8_0, quant.Q5_0, quant.F16} {
		for range rounds(6) {
			n, in, out := 100+r.IntN(300), 256*(1+r.IntN(6)), 1+r.IntN(100)
			data := quantized(t, r, format, out, in)
			x, bias := random(r, n*in), random(r, out)
			bad := r.IntN(n)
			x[bad*in+r.IntN(in)] = float32(math.NaN())
			var results [2][]float32
			for i, b := range []*cpu.Backend{invariant, variant} {
				got := biased(t, b, format, n, x, data, bias)
				for o := range out {
					if v := &got[bad*out+o]; *v == *v {
						t.Fatalf("%v: output %d of a row that is no number is %v", format, o, *v)
					} else {
						*v = 0
					}
				}
				results[i] = got
			}
			if e := nmse(results[1], results[0]); !(e <= 1e-6) {
				t.Errorf("%v, %d × %d × %d: normalised mean squared error %.2g", format, n, in, out, e)
			}
		}
	}
}

// Attention of many queries is near that of few, its weights too, over all ends of
// chunks and windows.
func TestVariantAttention(t *testing.T) { withVariants(t, checkVariantAttention) }

func checkVariantAttention(t *testing.T, invariant, variant *cpu.Backend) {
	r := rand.New(rand.NewPCG(23, 24))
	for range rounds(40) {
		c := attentionCase{config: backend.KVConfig{Layers: 1, Blocks: 100, BlockSize: []int{16, 32, 6}[r.IntN(3)], KVHeads: 1 + r.IntN(2), HeadDim: 64 * (1 + r.IntN(2))}}
		c.attention = backend.Attention{Heads: c.config.KVHeads * (1 + r.IntN(4)), Scale: 0.1}
		if r.IntN(3) == 0 {
			c.attention.Window = 1 + r.IntN(300)
		}
		table := r.Perm(c.config.Blocks)
		for range 1 + r.IntN(2) {
			first, count := r.IntN(200), 1+r.IntN(90)
			s := backend.Sequence{Start: c.rows, Count: count, First: first}
			for range (first + count + c.config.BlockSize - 1) / c.config.BlockSize {
				s.Blocks, table = append(s.Blocks, int32(table[0])), table[1:]
			}
			width := c.config.KVHeads * c.config.HeadDim
			normal := func(n int) []float32 {
				x := make([]float32, n)
				for i := range x {
					x[i] = float32(r.NormFloat64())
				}
				return x
			}
			c.k, c.v = append(c.k, normal((first+count)*width)), append(c.v, normal((first+count)*width))
			c.attention.Sequences = append(c.attention.Sequences, s)
			c.rows += count
			c.q = append(c.q, normal(count*c.attention.Heads*c.config.HeadDim)...)
		}
		want, wantProbs := c.run(t, invariant, nil)
		got, gotProbs := c.run(t, variant, nil)
		c.compare(t, got, want, gotProbs, wantProbs, 1e-8)
	}
}

// A later row's value, whatever it is, does not reach an earlier one.
func TestVariantAttentionHidesWhatIsNoNumber(t *testing.T) {
	withVariants(t, checkVariantAttentionHidesWhatIsNoNumber)
}

func checkVariantAttentionHidesWhatIsNoNumber(t *testing.T, invariant, variant *cpu.Backend) {
	r := rand.New(rand.NewPCG(25, 26))
	const count, dim = 100, 64
	c := attentionCase{config: backend.KVConfig{Layers: 1, Blocks: 8, BlockSize: 16, KVHeads: 1, HeadDim: dim}, rows: count}
	c.attention = backend.Attention{Heads: 3, Scale: 0.1, Sequences: []backend.Sequence{{Count: count, Blocks: []int32{7, 6, 5, 4, 3, 2, 1}}}}
	c.q, c.k, c.v = random(r, count*3*dim), [][]float32{random(r, count*dim)}, [][]float32{random(r, count*dim)}
	for e := range dim {
		c.v[0][70*dim+e] = 1e6 // more than float16 holds
	}
	want, _ := c.run(t, invariant, nil)
	got, _ := c.run(t, variant, nil)
	if e := nmse(got[:70*3*dim], want[:70*3*dim]); !(e <= 1e-8) {
		t.Errorf("normalised mean squared error %.2g before the value that is none", e)
	}
	for i, v := range got[70*3*dim:] {
		if v-v == 0 {
			t.Fatalf("number %d behind it is %v", i, v)
		}
	}
}
