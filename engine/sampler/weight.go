package sampler

import (
	"math"
	"math/bits"
)

// scale says how weights are computed from logits: w = 2^shift · exp((z−top)/T)
// rounded to an integer, so that the best token weighs 2^shift.
type scale struct {
	top   float32 // the largest logit
	invT  float64 // 1/T
	shift uint    // vocabulary · 2^shift fits 63 bits
}

func newScale(vocab int) scale { return scale{invT: 1, shift: uint(63 - bits.Len(uint(vocab)))} }

// one is the weight of the best token.
func (c scale) one() uint64 { return 1 << c.shift }

// exponent returns (z−top)/T. Tokens at +Inf share all probability
// evenly, which is the limit of the softmax as their logits grow together.
func (c scale) exponent(z float32) float64 {
	if z == c.top {
		return 0
	}
	return float64((float64(z) - float64(c.top)) * c.invT)
}

// weight returns a token's weight in fixed point. It does not grow as z falls
// except by the last bit, which the rounding of expNeg may turn.
func (c scale) weight(z float32) uint64 { return c.fixed(c.exponent(z)) }

// fixed returns 2^shift · e^x, rounded to nearest, for x ≤ 0.
func (c scale) fixed(x float64) uint64 {
	// int64 rather than uint64: the conversion is one instruction, and the
	// value is at most 2^shift < 2^63.
	return uint64(int64(float64(expNeg(x)*float64(c.one())) + 0.5))
}

// logTotal returns ln Σ exp((z−top)/T) for a sum of weights.
func (c scale) logTotal(total uint64) float64 {
	return logPos(float64(total)) - float64(float64(c.shift)*math.Ln2)
}

// share returns w/total.
func share(w, total uint64) float64 { return float64(w) / float64(total) }

// scaled returns z/T.
func (c scale) scaled(z float32) float64 { return float64(float64(z) * c.invT) }
