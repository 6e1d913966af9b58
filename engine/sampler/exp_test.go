package sampler

import (
	"math"
	"math/big"
	"testing"
)

// TestExp2Table compares the literals with 2^(j/128) computed by seven square roots in 200 bits.
func TestExp2Table(t *testing.T) {
	root := new(big.Float).SetPrec(200).SetInt64(2)
	for range 7 {
		root.Sqrt(root)
	}
	want := new(big.Float).SetPrec(200).SetInt64(1)
	for j, got := range exp2Table {
		if w, _ := want.Float64(); got != w {
			t.Errorf("entry %d is %v, want %v", j, got, w)
		}
		want.Mul(want, root)
	}
}

// TestWeight compares weights with math.Exp: half a unit of rounding, and the last bits of float64.
func TestWeight(t *testing.T) {
	for _, vocab := range []int{2, 1000, 49152, 262144, 1 << 22} {
		c := newScale(vocab, 0)
		if c.weight(0) != c.one() {
			t.Fatalf("the best of %d tokens weighs %d, want %d", vocab, c.weight(0), c.one())
		}
		if total := uint64(vocab) * c.one(); total/c.one() != uint64(vocab) || total > 1<<63 {
			t.Fatalf("weights of %d tokens overflow", vocab)
		}
		previous := c.one()
		for i := range 200000 {
			z := -float32(i) / 3000
			got, want := c.weight(z), math.Ldexp(math.Exp(float64(z)), int(c.shift))
			ulps := want * (4 + 2*math.Abs(float64(z))) * 0x1p-53
			if math.Abs(float64(got)-want) > 0.5+ulps {
				t.Fatalf("%d tokens: weight at %v is %d, want %v", vocab, z, got, want)
			}
			if got > previous+1 {
				t.Fatalf("%d tokens: weight grows at %v from %d to %d", vocab, z, previous, got)
			}
			previous = got
		}
		for _, z := range []float32{-70, -1e4, -math.MaxFloat32, float32(math.Inf(-1))} {
			if w := c.weight(z); w != 0 {
				t.Errorf("weight at %v is %d, want 0", z, w)
			}
		}
	}
}

func TestWeightAtTemperature(t *testing.T) {
	for _, T := range []float32{0.01, 0.3, 0.7, 2, 100, 1e30} {
		c := newScale(1000, 12.5).at(T)
		for i := range 1000 {
			z := 12.5 - float32(i)/37
			x := (float64(z) - 12.5) / float64(T)
			want := math.Ldexp(math.Exp(x), int(c.shift))
			if got := c.weight(z); math.Abs(float64(got)-want) > 0.5+want*(4+3*math.Abs(x))*0x1p-53 {
				t.Fatalf("T = %v: weight at %v is %d, want %v", T, z, got, want)
			}
			if x2 := c.exponent(z); math.Abs(x2-x) > 1e-15*math.Abs(x) {
				t.Fatalf("T = %v: exponent at %v is %v, want %v", T, z, x2, x)
			}
		}
	}
}

func TestLogPos(t *testing.T) {
	for _, x := range []float64{1, 2, 0.5, math.Sqrt2, math.Nextafter(math.Sqrt2, 2), math.Nextafter(1, 2), math.Nextafter(1, 0), 1e300, 1e-300, 1 << 62} {
		checkLog(t, x)
	}
	for i := range 100000 {
		checkLog(t, math.Exp(float64(i-50000)/80))
		checkLog(t, 1+float64(i-50000)*1e-7)
	}
}

func checkLog(t *testing.T, x float64) {
	t.Helper()
	got, want := logPos(x), math.Log(x)
	if math.Abs(got-want) > 4*0x1p-53*math.Abs(want) {
		t.Fatalf("ln %v = %v, want %v", x, got, want)
	}
}
