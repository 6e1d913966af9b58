package asmtest

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// rounded is x·y + z, exact and then rounded to float32.
func rounded(x, y, z float32) float32 {
	const bits = 800 // from the product of the least numbers to that of the greatest
	number := func(v float32) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(float64(v)) }
	sum := new(big.Float).SetPrec(bits).Mul(number(x), number(y))
	v, _ := sum.Add(sum, number(z)).Float32()
	return v
}

// FMA rounds once: a sum that lies next to the middle of two numbers goes to the nearer one.
func TestFMA(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 24))
	number := func(least, most int) float32 {
		v := math.Ldexp(1+float64(r.IntN(1<<23))/(1<<23), least+r.IntN(most-least+1))
		if r.IntN(2) == 0 {
			v = -v
		}
		return float32(v)
	}
	twice := 0
	check := func(x, y, z float32) {
		t.Helper()
		got, want := FMA(x, y, z), rounded(x, y, z)
		if got != want {
			t.Fatalf("%x·%x + %x is %x, want %x", x, y, z, got, want)
		}
		if float32(math.FMA(float64(x), float64(y), float64(z))) != want {
			twice++
		}
	}
	for range 200_000 {
		check(number(-20, 20), number(-20, 20), number(-60, 60))
		check(number(-149, 127), number(-149, 127), number(-149, 127)) // denormals and overflow too
		// A product that is off half a unit of z's last place by far less than float64 tells.
		e, odd := -r.IntN(12), float32(1+2*r.IntN(1<<10))/(1<<23)
		half := math.Ldexp(1, -24-e)
		check(float32(half)*(1+odd), (1-odd)*float32(math.Ldexp(1, e)), number(0, 0))
	}
	if twice == 0 {
		t.Error("no sum was so near to the middle that to round it twice is wrong")
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ x, y, z, want float32 }{
		{inf, 1, 1, inf}, {inf, -1, 1, -inf}, {1, 1, -inf, -inf}, {math.MaxFloat32, 2, 0, inf},
		{inf, 0, 1, nan}, {inf, 1, -inf, nan}, {nan, 1, 1, nan}, {2, 3, -6, 0},
	} {
		if got := FMA(c.x, c.y, c.z); got != c.want && (got == got || c.want == c.want) {
			t.Errorf("%g·%g + %g is %g, want %g", c.x, c.y, c.z, got, c.want)
		}
	}
}
