package sampler

import "math"

// The probabilities that a draw compares must be the same bits in the server
// and in the browser. math.Exp and math.Log are assembly on some platforms and
// Go on others, with different last bits, and a Go compiler may fuse x*y+z where
// the processor can. So both functions are written here, with every product
// converted explicitly, which forbids fusing (Go specification,
// "Floating-point operators").

// exp2Table has an entry for each of stepsPerOctave steps of a doubling.
const (
	stepsPerOctave = 128
	stepsPerE      = stepsPerOctave / math.Ln2
	lnStep         = math.Ln2 / stepsPerOctave
)

// A float64 has 52 bits of mantissa, and an exponent to which 1023 was added.
const (
	exponentBias = 1023
	mantissaBits = 52
)

// weight returns a token's weight, 2^shift · e^((z−top)/T) rounded to an integer. It does
// not grow as z falls, except by the last bit that the arithmetic may turn.
//
// The exponent is t/128 + shift octaves. t is split into an integer k and a rest f in
// [−½, ½]: 2^(k/128) comes from the table and the exponent's bits, and 2^(f/128) from
// five terms of the series of e^(f·ln2/128), of which the first one left out is
// below 2^-60. Before the rounding the relative error is 2^-52, or |t|·2^-59 where that is more.
func (c scale) weight(z float32) uint64 {
	t := float64(c.below(z) * c.steps)
	if !(t > -64*stepsPerOctave) {
		return 0
	}
	k := int64(t - 0.5) // t ≤ 0: truncation rounds to nearest
	f := t - float64(k)
	const (
		c1 = lnStep
		c2 = c1 * lnStep / 2
		c3 = c2 * lnStep / 3
		c4 = c3 * lnStep / 4
		c5 = c4 * lnStep / 5
	)
	// Estrin's scheme: shorter chains of dependent operations than Horner's.
	f2 := float64(f * f)
	q := float64(c5*f2) + (c3 + float64(c4*f))
	q = float64(q*f2) + (c1 + float64(c2*f))
	octaves := c.shift + k>>7 // ⌊k/128⌋
	v := math.Float64frombits(math.Float64bits(exp2Table[k&(stepsPerOctave-1)]) + uint64(octaves)<<mantissaBits)
	v += float64(v * float64(q*f))
	// By way of int64: that conversion is one instruction.
	return uint64(int64(v + 0.5))
}

// logPos returns ln x for finite, normal x > 0, with an error of at most 2 ulp.
// x = m·2^e with m in [√½, √2); ln m = 2·artanh((m−1)/(m+1)) by its series.
func logPos(x float64) float64 {
	b := math.Float64bits(x)
	e := int(b>>mantissaBits) - exponentBias
	m := math.Float64frombits(b&(1<<mantissaBits-1) | exponentBias<<mantissaBits)
	if m > math.Sqrt2 {
		m *= 0.5
		e++
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	var tail float64 // s²/3 + s⁴/5 + …
	for n := 21; n >= 3; n -= 2 {
		tail = float64(s2 * (tail + 1/float64(n)))
	}
	// e·ln2 is added in two parts (Cody and Waite, 1980): the high one has 20 trailing zero
	// bits, so that its product with e is exact.
	const ln2Hi, ln2Lo = 0x1.62e42fefp-1, 7.440617110012397e-11
	n := float64(e)
	return float64(n*ln2Hi) + (float64(2*s) + (float64(2*float64(s*tail)) + float64(n*ln2Lo)))
}
