package cpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/quant"
)

// How the work is cut to the machine's caches is nobody's to see: products, gated
// units and attention are the same to the bit with caches of any size.
func TestCachesDoNotChangeResults(t *testing.T) {
	for _, level := range kernel.Levels() {
		with := func(c kernel.Caches) *cpu.Backend {
			b := cpu.With(cpu.Options{Threads: 2, Level: level, KV: kernel.KVF16, Caches: c})
			t.Cleanup(func() {
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			})
			return b
		}
		usual := with(kernel.Caches{})
		for _, c := range []kernel.Caches{{L1: 1, L2: 1}, {L1: 9 << 10, L2: 40 << 10}, {L1: 32 << 10, L2: 256 << 10}, {L1: 1 << 30, L2: 1 << 30}} {
			other := with(c)
			same := func(what string, compute func(b *cpu.Backend) []float32) {
				t.Helper()
				want, got := compute(usual), compute(other)
				for i, v := range want {
					if math.Float32bits(v) != math.Float32bits(got[i]) && !(v != v && got[i] != got[i]) {
						t.Fatalf("%v, %+v, %s: number %d is %v, want %v", level, c, what, i, got[i], v)
					}
				}
			}
			r := rand.New(rand.NewPCG(41, 42))
			for _, format := range []quant.Type{quant.Q4_1, quant.Q8_0, quant.Q4_0} {
				for _, n := range []int{1, 2, 17, 40, 300} {
					if level == kernel.Go && n > 40 {
						continue // takes seconds, and nothing is cut for it
					}
					const in, out = 768, 77
					x, data, bias := random(r, n*in), quantized(t, r, format, out, in), random(r, out)
					what := fmt.Sprintf("%v, %d rows", format, n)
					same(what, func(b *cpu.Backend) []float32 { return biased(t, b, format, n, x, data, bias) })
					up := quantized(t, r, format, out, in)
					same(what+" gated", func(b *cpu.Backend) []float32 {
						return gatedUnit(t, b, format, n, x, data, up, backend.SiLU, true)
					})
				}
			}
			for range rounds(10) {
				attention := randomAttention(r)
				same("attention", func(b *cpu.Backend) []float32 {
					out, _ := attention.run(t, b, nil)
					return out
				})
			}
		}
	}
}
