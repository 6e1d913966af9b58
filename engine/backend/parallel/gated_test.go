package parallel_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/quant"
)

// A gated linear unit whose columns are divided is to the bit that of its operations,
// of ranks that compute it along with its products and of others.
func TestDividedGatedUnit(t *testing.T) {
	const width, inner = 256, 160
	for name, rank := range map[string]func() backend.Backend{
		"cpu": func() backend.Backend { return cpu.New(1) }, "ref": func() backend.Backend { return ref.New() },
	} {
		for _, at := range []backend.Borders{{0, inner}, {0, 96, inner}, {0, 32, 64, inner}} {
			var list []backend.Backend
			for range len(at) - 1 {
				list = append(list, rank())
			}
			b := must[*parallel.Backend](t)(parallel.New(list...))
			r := rand.New(rand.NewPCG(8, 9))
			gate := must[backend.Weight](t)(b.NewColumnParallel("gate", quant.Q4_1, inner, width, quantized(t, quant.Q4_1, random(r, inner*width)), at))
			up := must[backend.Weight](t)(b.NewColumnParallel("up", quant.Q4_1, inner, width, quantized(t, quant.Q4_1, random(r, inner*width)), at))
			for _, rows := range []int{1, 2, 40} {
				x := must[backend.Tensor](t)(b.NewTensor(rows, width))
				b.Write(x, 0, random(r, rows*width))
				unit := func(together bool) []float32 {
					g, u := must[backend.Tensor](t)(b.NewDivided(rows, at)), must[backend.Tensor](t)(b.NewDivided(rows, at))
					products := []backend.Product{{Dst: g, W: gate}, {Dst: u, W: up}}
					if together {
						b.MatMulGLU(x, rows, products[0], products[1], backend.SiLU)
					} else {
						b.MatMul(x, rows, products...)
						b.GLU(g, g, u, rows, backend.SiLU)
					}
					out := make([]float32, rows*inner)
					b.Read(out, g, 0)
					if err := b.Sync(); err != nil {
						t.Fatal(err)
					}
					return out
				}
				if apart, together := unit(false), unit(true); !slices.Equal(apart, together) {
					t.Errorf("%s, borders %v, %d rows: another result along with the products", name, at, rows)
				}
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
