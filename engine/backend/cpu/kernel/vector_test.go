package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// row returns numbers of all sizes, extreme ones among them.
func row(r *rand.Rand, n int) []float32 {
	inf := float32(math.Inf(1))
	special := []float32{0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 1e-38, 80, -80, 87.1, -87.1, 89, -89, 1e30, -1e30, inf, -inf, float32(math.NaN())}
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64() * 4)
		if r.IntN(12) == 0 {
			out[i] = special[r.IntN(len(special))]
		}
	}
	return out
}

// near says whether got is want but for a relative error; NaN is near NaN.
func near(got float32, want, within float64) bool {
	g := float64(got)
	switch {
	case want != want:
		return g != g
	case math.IsInf(want, 0) || math.Abs(want) > math.MaxFloat32:
		return math.IsInf(g, 0) || math.Abs(g) > 1e38
	}
	return math.Abs(g-want) <= within*math.Abs(want)+1e-37
}

// Each map of elements is what its formula says, at every level, and the same
// to the bit at all levels in assembly.
func TestMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	maps := []struct {
		name   string
		within float64
		kernel func(s *Set, dst, x, y []float32)
		want   func(x, y float64) float64
	}{
		{"Add", 1e-7, func(s *Set, dst, x, y []float32) { copy(dst, x); s.Add(dst, y) }, func(x, y float64) float64 { return x + y }},
		{"Scale", 1e-7, func(s *Set, dst, x, _ []float32) { copy(dst, x); s.Scale(dst, 0.37) }, func(x, _ float64) float64 { return x * float64(float32(0.37)) }},
		{"SiLU", 3e-6, func(s *Set, dst, x, y []float32) { s.SiLU(dst, x, y) }, func(x, y float64) float64 {
			if x < -88 && x > -104 || x != 0 && math.Abs(x) < 1e-37 {
				return math.NaN() // not compared: zero in assembly and next to it in Go, and denormals are rounded
			}
			return x / (1 + math.Exp(-x)) * y
		}},
		{"GELU", 3e-5, func(s *Set, dst, x, y []float32) { s.GELU(dst, x, y) }, func(x, y float64) float64 {
			if x < -5 && x > -12 || x != 0 && math.Abs(x) < 1e-37 {
				return math.NaN() // not compared: 1+tanh cancels, and denormals are rounded
			}
			return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) * y
		}},
	}
	for _, m := range maps {
		for range rounds(50) {
			n := 1 + r.IntN(100)
			x, y := row(r, n), row(r, n)
			var first []float32
			for _, level := range Levels() {
				got := make([]float32, n)
				m.kernel(For(level), got, x, y)
				for i := range got {
					want := m.want(float64(x[i]), float64(y[i]))
					if want == want && !near(got[i], want, m.within) {
						t.Fatalf("%s at %v of %v and %v is %v, want %v", m.name, level, x[i], y[i], got[i], want)
					}
					if bad := x[i] != x[i] || y[i] != y[i] && m.name != "Scale"; bad && got[i] == got[i] {
						t.Fatalf("%s at %v of %v and %v is %v: a NaN was lost", m.name, level, x[i], y[i], got[i])
					}
				}
				if level == AVX2 {
					first = got
				}
				if level > AVX2 && !slices.EqualFunc(got, first, same) {
					t.Fatalf("%s: avx2 and %v differ", m.name, level)
				}
			}
		}
	}
}

// The exponentials of the softmax and their sum.
func TestExpSum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range rounds(100) {
		x := row(r, 16*(1+r.IntN(8)))
		shift := float32(r.NormFloat64())
		var first []float32
		for _, level := range Levels() {
			got := slices.Clone(x)
			sum := For(level).ExpSum(got, shift)
			var total float64
			for i, v := range x {
				want := math.Exp(float64(v - shift))
				switch {
				case v-shift < expLeast:
					want = 0
				case v-shift > 88:
					want = float64(got[i]) // the kernels end at e^88, Go at infinity
				}
				if !near(got[i], want, 3e-7) {
					t.Fatalf("%v: exp(%v−%v) is %v, want %v", level, v, shift, got[i], want)
				}
				total += float64(got[i])
			}
			if total < math.MaxFloat32/2 && !near(sum, total, 1e-6) {
				t.Fatalf("%v: the sum is %v, want %v", level, sum, total)
			}
			if level == AVX2 {
				first = append(got, sum)
			}
			if level > AVX2 && !slices.EqualFunc(append(got, sum), first, same) {
				t.Fatalf("avx2 and %v differ", level)
			}
		}
	}
}

func TestRMSNormAndGreatest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range rounds(100) {
		n := 1 + r.IntN(200)
		x, w := activations(r, n), activations(r, n)
		var sum float64
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		factor := 1 / math.Sqrt(sum/float64(n)+1e-5)
		for _, level := range Levels() {
			got := make([]float32, n)
			For(level).RMSNorm(got, x, w, 1e-5)
			for i := range got {
				if want := float64(x[i]) * factor * float64(w[i]); !near(got[i], want, 1e-5) {
					t.Fatalf("%v: element %d of %d is %v, want %v", level, i, n, got[i], want)
				}
			}
			if n >= Lanes {
				if got, want := For(level).Greatest(x[:whole(n)]), slices.Max(x[:whole(n)]); got != want {
					t.Fatalf("%v: the greatest of %d is %v, want %v", level, whole(n), got, want)
				}
			}
		}
	}
}

func TestToHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x := append(row(r, 500), 65504, 65519, 65520, -70000, 6e-8, 5.9e-8, 1e-5, 0x1.002p0, 0x1.006p0)
	want := make([]uint16, len(x))
	For(Go).ToHalf(want, x)
	for _, level := range Levels()[1:] {
		got := make([]uint16, len(x))
		For(level).ToHalf(got, x)
		for i := range got {
			if bothNaN := got[i]&0x7fff > 0x7c00 && want[i]&0x7fff > 0x7c00; got[i] != want[i] && !bothNaN {
				t.Errorf("%v: %v becomes %#04x, want %#04x", level, x[i], got[i], want[i])
			}
		}
	}
}
