package cpu_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/quant"
)

// A gated linear unit that is computed along with its products is that of its
// operations to the bit, for every level, for all numbers of rows, for matrices that
// end within a panel, and for those of floats; and nearly so, where products of many
// rows are not batch-invariant.
func TestGatedProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for _, level := range kernel.Levels() {
		for _, variant := range []bool{false, true} {
			b := cpu.With(cpu.Options{Threads: 2, Level: level, BatchVariant: variant})
			for _, format := range []quant.Type{quant.Q4_1, quant.Q8_0, quant.F16} {
				for _, n := range []int{1, 2, 16, 40, 200, 300} {
					if level == kernel.Go && n > 40 && testing.Short() {
						continue // takes seconds, and there are no slabs
					}
					in, out := 256*(1+r.IntN(2)), 1+r.IntN(300)
					x := random(r, n*in)
					x[r.IntN(len(x))] = float32(math.NaN())
					gate, up := quantized(t, r, format, out, in), quantized(t, r, format, out, in)
					for _, a := range []backend.Activation{backend.SiLU, backend.GELUTanh} {
						exact := !variant || level < kernel.AMX || n < 128
						apart, together := gatedUnit(t, b, format, n, x, gate, up, a, false), gatedUnit(t, b, format, n, x, gate, up, a, true)
						for i, v := range apart {
							w := together[i]
							if w != w && v != v || !exact && math.Abs(float64(w-v)) <= 1e-5*math.Abs(float64(v))+1e-12 {
								continue
							}
							if math.Float32bits(w) != math.Float32bits(v) {
								t.Fatalf("%v, batch-variant %v, %v, %d × %d × %d: output %d of row %d is %v alone and %v along with its products",
									level, variant, format, n, in, out, i%out, i/out, v, w)
							}
						}
					}
				}
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// rounds is how often something random is tried: less with -short.
func rounds(n int) int {
	if testing.Short() {
		return (n + 3) / 4
	}
	return n
}

// quantized are the bytes of a random matrix.
func quantized(t *testing.T, r *rand.Rand, format quant.Type, rows, cols int) []byte {
	t.Helper()
	rowBytes, err := format.RowBytes(cols)
	if err != nil {
		t.Fatal(err)
	}
	data, weights := make([]byte, rows*rowBytes), make([]float32, rows*cols)
	for i := range weights {
		weights[i] = float32(r.NormFloat64() / 20)
	}
	if err := quant.Quantize(data, format, weights); err != nil {
		t.Fatal(err)
	}
	return data
}

// gatedUnit computes a unit with its products or after them.
func gatedUnit(t *testing.T, b *cpu.Backend, format quant.Type, n int, x []float32, gate, up []byte, a backend.Activation, together bool) []float32 {
	t.Helper()
	rowBytes := func(cols int) int {
		size, err := format.RowBytes(cols)
		if err != nil {
			t.Fatal(err)
		}
		return size
	}
	in := len(x) / n
	out := len(gate) / rowBytes(in)
	tensor := func(cols int) backend.Tensor {
		v, err := b.NewTensor(n, cols)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	product := func(data []byte) backend.Product {
		w, err := b.NewWeight("w", format, out, in, data)
		if err != nil {
			t.Fatal(err)
		}
		return backend.Product{Dst: tensor(out), W: w}
	}
	input, g, u := tensor(in), product(gate), product(up)
	b.Write(input, 0, x)
	if together {
		b.MatMulGLU(input, n, g, u, a)
	} else {
		b.MatMul(input, n, g, u)
		b.GLU(g.Dst, g.Dst, u.Dst, n, a)
	}
	got := make([]float32, n*out)
	b.Read(got, g.Dst, 0)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	return got
}
