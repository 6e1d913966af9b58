package kernel

import (
	"math"
	"slices"
	"testing"

	"vitrine/engine/quant"
)

// Whatever the numbers of a row are and however many, what is done with each row or
// number by itself is what its formula says.
func FuzzRows(f *testing.F) {
	f.Add([]byte{1, 2, 3, 60, 0, 0, 0x80, 0x7f}, []byte{0, 0, 0x80, 0x3f, 5, 6, 7, 0xbf}, uint8(37), float32(0.5))
	f.Add([]byte{0xff, 0xff, 0x7f, 0xff, 0, 0, 0x80, 0xff, 1, 0, 0, 0}, []byte{0, 0, 0xc0, 0x7f, 1}, uint8(160), float32(-1e30))
	f.Fuzz(func(t *testing.T, first, second []byte, count uint8, number float32) {
		if len(first) == 0 || len(second) == 0 {
			return
		}
		n := 1 + int(count)
		checkRows(t, floatsOf(first, n), floatsOf(second, n), number)
	})
}

// rowOperations are what a level does with a row of numbers x, those beside them and one
// more, and what the formula says; want may be nil where got is only compared among levels.
var rowOperations = []struct {
	name  string
	got   func(s *Set, dst, x, y []float32, number float32)
	check func(t *testing.T, what string, got, x, y []float32, number float32)
}{
	{"RMSNorm", func(s *Set, dst, x, y []float32, _ float32) { s.RMSNorm(dst, x, y, 1e-5) }, checkRMSNorm},
	{"SiLU", func(s *Set, dst, x, y []float32, _ float32) { s.SiLU(dst, x, y) }, func(t *testing.T, what string, got, x, y []float32, _ float32) {
		t.Helper()
		checkGates(t, what, got, x, y, 1e-5, func(v float64) float64 { return v / (1 + math.Exp(-v)) })
	}},
	{"GELU", func(s *Set, dst, x, y []float32, _ float32) { s.GELU(dst, x, y) }, func(t *testing.T, what string, got, x, y []float32, _ float32) {
		t.Helper()
		checkGates(t, what, got, x, y, 1e-4, exactGELU)
	}},
	{"RotatePairs", func(s *Set, dst, x, y []float32, number float32) {
		n := len(x) &^ 1
		cos, sin := turns(number, n)
		for i := 0; i < n; i += 2 {
			sin[i] = -sin[i]
		}
		s.RotatePairs(dst[:n], x[:n], cos, sin)
	}, func(t *testing.T, what string, got, x, _ []float32, number float32) {
		t.Helper()
		checkTurns(t, what, got, x, number, 1, 2)
	}},
	{"RotateHalves", func(s *Set, dst, x, y []float32, number float32) {
		n := len(x) &^ 1
		cos, sin := turns(number, n/2)
		s.RotateHalves(dst[:n], x[:n], cos, sin)
	}, func(t *testing.T, what string, got, x, _ []float32, number float32) {
		t.Helper()
		checkTurns(t, what, got, x, number, len(x)/2, 1)
	}},
	{"Add", func(s *Set, dst, x, y []float32, _ float32) { copy(dst, x); s.Add(dst, y) }, func(t *testing.T, what string, got, x, y []float32, _ float32) {
		t.Helper()
		for i := range got {
			if !same(got[i], x[i]+y[i]) {
				t.Fatalf("%s: %v + %v is %v", what, x[i], y[i], got[i])
			}
		}
	}},
	{"Scale", func(s *Set, dst, x, _ []float32, number float32) { copy(dst, x); s.Scale(dst, number) }, func(t *testing.T, what string, got, x, _ []float32, number float32) {
		t.Helper()
		for i := range got {
			if !same(got[i], x[i]*number) {
				t.Fatalf("%s: %v · %v is %v", what, x[i], number, got[i])
			}
		}
	}},
}

// checkRows checks all that is done with rows, at all levels.
func checkRows(t *testing.T, x, y []float32, number float32) {
	t.Helper()
	for _, o := range rowOperations {
		compute := func(s *Set) []float32 {
			dst := make([]float32, len(x))
			o.got(s, dst, x, y, number)
			return dst
		}
		levelsAgree(t, o.name, compute)
		for _, level := range Levels() {
			o.check(t, o.name+" at "+level.String(), compute(For(level)), x, y, number)
		}
	}
	checkExpSum(t, x, number)
	checkToHalf(t, x)
	for _, s := range fixedSets() {
		checkGatePanel(t, s, x, y)
	}
}

func checkRMSNorm(t *testing.T, what string, got, x, w []float32, _ float32) {
	t.Helper()
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	factor := 1 / math.Sqrt(sum/float64(len(x))+1e-5)
	for i := range got {
		normed := float64(x[i]) * factor
		want := normed * float64(w[i])
		switch g := float64(got[i]); {
		case want != want: // of ∞·0 and what there is besides
			if g == g {
				t.Fatalf("%s: element %d is %v, want NaN", what, i, g)
			}
		case math.Abs(want) > math.MaxFloat32/2:
			if math.Abs(g) < math.MaxFloat32/4 {
				t.Fatalf("%s: element %d is %v, want %v", what, i, g, want)
			}
		// The factor and x·factor are rounded where they may be denormal.
		case !(math.Abs(g-want) <= 3e-5*math.Abs(want)+0x1p-148*(1+math.Abs(float64(w[i])))):
			t.Fatalf("%s: element %d is %v, want %v", what, i, g, want)
		}
	}
}

// exactGELU is gelu without cancellation: x·σ(2y).
func exactGELU(v float64) float64 {
	return v / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
}

// checkGates checks got = a(gate) ⊙ up within a part of each, and where a(gate) vanishes.
func checkGates(t *testing.T, what string, got, gate, up []float32, within float64, a func(float64) float64) {
	t.Helper()
	for i, v := range gate {
		g, u := float64(got[i]), float64(up[i])
		activated := a(float64(v))
		want := activated * u
		switch {
		case math.IsInf(float64(v), -1) || want != want:
			if g == g && !(activated == 0 && math.IsInf(u, 0)) { // of what is next to zero, and ∞, comes either
				t.Fatalf("%s: gate %v, up %v: %v, want NaN", what, v, u, g)
			}
		case math.IsInf(u, 0):
			if !math.IsInf(g, 0) && math.Abs(activated) > 1e-35 {
				t.Fatalf("%s: gate %v, up %v: %v, want %v", what, v, u, g, want)
			}
		case math.Abs(want) > math.MaxFloat32/2:
			if math.Abs(g) < math.MaxFloat32/4 {
				t.Fatalf("%s: gate %v, up %v: %v, want %v", what, v, u, g, want)
			}
		case !(math.Abs(g-want) <= within*math.Abs(want)+1e-34*math.Abs(u)+0x1p-126):
			t.Fatalf("%s: gate %v, up %v: %v, want %v", what, v, u, g, want)
		}
	}
}

// turns are the cosines and sines of n/2 angles, each twice.
func turns(number float32, n int) (cos, sin []float32) {
	cos, sin = make([]float32, n), make([]float32, n)
	if !(math.Abs(float64(number)) < 1e9) {
		number = 1
	}
	for i := range n {
		s, c := math.Sincos(float64(number) / float64(1+i/2))
		cos[i], sin[i] = float32(c), float32(s)
	}
	return cos, sin
}

// checkTurns checks pairs, far apart, of which the next begins step further on.
func checkTurns(t *testing.T, what string, got, x []float32, number float32, far, step int) {
	t.Helper()
	n := len(x) &^ 1
	cos, sin := turns(number, n)
	if step == 1 {
		cos, sin = turns(number, n/2)
	}
	for p := range n / 2 {
		a, b := p*step, p*step+far
		c, s := float64(cos[a]), float64(sin[a])
		for at, terms := range map[int][2]float64{
			a: {float64(x[a]) * c, -float64(x[b]) * s},
			b: {float64(x[b]) * c, float64(x[a]) * s},
		} {
			var want total
			want.add(terms[0])
			want.add(terms[1])
			if !want.agrees(got[at]) {
				t.Fatalf("%s: element %d of %d is %v, want %v", what, at, n, got[at], want)
			}
		}
	}
}

func checkExpSum(t *testing.T, x []float32, shift float32) {
	t.Helper()
	x = x[:whole(len(x))]
	compute := func(s *Set) []float32 {
		got := slices.Clone(x)
		sum := s.ExpSum(got, shift)
		return append(got, sum)
	}
	levelsAgree(t, "ExpSum", compute)
	for _, level := range Levels() {
		got := compute(For(level))
		var sum total
		for i, v := range x {
			d, g := float64(v-shift), float64(got[i])
			sum.add(g)
			switch {
			case d != d:
				if g == g {
					t.Fatalf("%v: exp(%v − %v) is %v, want NaN", level, v, shift, g)
				}
			case d < expLeast:
				if g != 0 {
					t.Fatalf("%v: exp(%v − %v) is %v, want 0", level, v, shift, g)
				}
			case d > 88: // no softmax asks for it
				if !(g > 1e38) {
					t.Fatalf("%v: exp(%v − %v) is %v, want more than 10³⁸", level, v, shift, g)
				}
			case !(math.Abs(g-math.Exp(d)) <= 1e-6*math.Exp(d)):
				t.Fatalf("%v: exp(%v − %v) is %v, want %v", level, v, shift, g, math.Exp(d))
			}
		}
		if !sum.agrees(got[len(x)]) {
			t.Fatalf("%v: the sum of exp is %v, want %v", level, got[len(x)], sum)
		}
	}
}

func checkToHalf(t *testing.T, x []float32) {
	t.Helper()
	for _, level := range Levels() {
		got := make([]uint16, len(x))
		For(level).ToHalf(got, x)
		for i, v := range x {
			want := quant.Float32ToFloat16(v)
			if got[i] != want && !(v != v && got[i]&0x7fff > 0x7c00) {
				t.Fatalf("%v: %v becomes %#04x, want %#04x", level, v, got[i], want)
			}
		}
	}
}

// checkGatePanel gates rows of a panel, made of gates and ups again and again.
func checkGatePanel(t *testing.T, s *Set, x, y []float32) {
	t.Helper()
	const stride = PanelRows + 3
	n := 1 + len(x)/PanelRows
	gate, up, got := make([]float32, n*PanelRows), make([]float32, n*PanelRows), make([]float32, n*stride)
	for i := range gate {
		gate[i], up[i] = x[i%len(x)], y[i%len(y)]
	}
	for _, gelu := range []bool{false, true} {
		exact := func(v float64) float64 { return v / (1 + math.Exp(-v)) }
		if gelu {
			exact = exactGELU
		}
		s.GatePanel(got, stride, gate, up, n, gelu)
		for row := range n {
			cells := got[row*stride:][:PanelRows]
			for i, g := range cells {
				v, u := gate[row*PanelRows+i], up[row*PanelRows+i]
				// x·up comes before the quotient here, so it may be beyond float32 where that is not.
				if product := math.Abs(float64(v) * float64(u)); product > math.MaxFloat32/2 && !(g-g == 0) {
					continue
				}
				checkGates(t, "GatePanel", []float32{g}, []float32{v}, []float32{u}, 3e-5, exact)
			}
		}
	}
}
