package sampler

import (
	"math"
	"math/bits"
)

// scale says how weights are computed from logits: w = 2^shift · e^((z−top)/T)
// rounded to an integer, so that the best token weighs 2^shift.
type scale struct {
	top   float32 // the largest logit
	shift int64   // vocabulary · 2^shift fits 63 bits
	invT  float64 // 1/T
	steps float64 // 128/(T·ln2), which brings z−top to steps of exp2Table
}

// newScale returns the scale of temperature 1 for a row with the largest logit.
func newScale(vocab int, top float32) scale {
	top = keyOf(top).logit() // never −0
	return scale{top: top, shift: int64(63 - bits.Len(uint(vocab))), invT: 1, steps: stepsPerE}
}

// at returns the scale with another temperature.
func (c scale) at(temperature float32) scale {
	c.invT = 1 / float64(temperature)
	c.steps = float64(stepsPerE * c.invT)
	return c
}

// one is the weight of the best token.
func (c scale) one() uint64 { return 1 << c.shift }

// scaled returns z/T.
func (c scale) scaled(z float32) float64 { return float64(float64(z) * c.invT) }

// below returns z − top. Tokens at +Inf share all probability evenly, which is the
// limit of the softmax as their logits grow together.
func (c scale) below(z float32) float64 {
	if z == c.top {
		return 0
	}
	return float64(z) - float64(c.top)
}

// exponent returns (z−top)/T.
func (c scale) exponent(z float32) float64 { return float64(c.below(z) * c.invT) }

// logTotal returns ln Σ e^((z−top)/T) for a sum of weights.
func (c scale) logTotal(total uint64) float64 {
	return logPos(float64(total)) - float64(float64(c.shift)*math.Ln2)
}

// share returns w/total.
func share(w, total uint64) float64 { return float64(w) / float64(total) }
