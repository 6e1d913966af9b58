package sampler

import "math"

// The probabilities that a draw compares must be the same bits in the server
// and in the browser. math.Exp and math.Log are assembly on some platforms and Go on others, with
// different last bits, and a Go compiler may fuse x*y+z where the processor
// can. So both functions are written here, with every product
// converted explicitly, which forbids fusing (Go specification, "Floating-point operators").

const (
	// k·ln2/128 is subtracted in two parts; the first has 24 trailing zero bits, so that
	// its product with any k in use is exact (Cody and Waite, 1980).
	invLn2x128 = 184.6649652337873
	ln2by128Hi = 0x1.62e42fep-8
	ln2by128Lo = 0x1.f473de6af278fp-37

	ln2Hi = 0x1.62e42fefp-1
	ln2Lo = 7.440617110012397e-11

	// expFloor is where expNeg returns 0: far below the last weight that
	// fixed point can hold, far above the subnormal numbers.
	expFloor = -700
)

// expNeg returns e^x for x ≤ 0, and 0 below −700, with an error under 1 ulp.
// x = k·ln2/128 + r with |r| ≤ ln2/256: 2^(k/128) comes from a table and e^r from
// five terms of its Taylor series (the first one left out is below 2^-60).
func expNeg(x float64) float64 {
	if !(x > expFloor) {
		return 0
	}
	k := int(float64(x*invLn2x128) - 0.5) // x ≤ 0: truncation rounds to nearest
	n := float64(k)
	r := float64(x-float64(n*ln2by128Hi)) - float64(n*ln2by128Lo)
	r2 := float64(r * r)
	odd := float64(r*(1.0/6)) + 0.5
	even := float64(r*(1.0/120)) + 1.0/24
	q := r + float64(r2*(odd+float64(r2*even)))
	t := exp2Table[k&127]
	// k is negative or zero: 2^floor(k/128) is built in the exponent's bits.
	scale := math.Float64frombits(uint64(1023+k>>7) << 52)
	return float64((t + float64(t*q)) * scale)
}

// logPos returns ln x for finite, normal x > 0, with an error of about 1 ulp.
// x = m·2^e with m in [√½, √2); ln m = 2·artanh((m−1)/(m+1)) by its series.
func logPos(x float64) float64 {
	b := math.Float64bits(x)
	e := int(b>>52) - 1023
	m := math.Float64frombits(b&(1<<52-1) | 1023<<52)
	if m > math.Sqrt2 {
		m *= 0.5
		e++
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	var sum float64
	for n := 21; n >= 3; n -= 2 {
		sum = float64(s2 * (sum + 1/float64(n)))
	}
	n := float64(e)
	return float64(n*ln2Hi) + (float64(2*s) + (float64(2*float64(s*sum)) + float64(n*ln2Lo)))
}
