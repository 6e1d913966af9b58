package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shortExp computes 2^t = 2^⌊t⌋·2^(t−⌊t⌋), of which a polynomial is the second factor
// within 2.6·10⁻⁶ (Remez): for what no more than sixteen bits are kept of. Of t = −∞ it
// is zero, and a NaN stays one.
type shortExp struct {
	factor reg.VecVirtual // of the exponent: log₂e for e^x
	poly   [5]reg.VecVirtual
}

func newShortExp(factor float32) (e shortExp) {
	e.factor = broadcast(math.Float32bits(factor))
	for i, c := range [...]float32{0.013534168, 0.05201146, 0.24144276, 0.69300383, 1.0000026} { // from t⁴ on
		e.poly[i] = broadcast(math.Float32bits(c))
	}
	return e
}

// exp sets v to 2^(factor·v).
func (e shortExp) exp(v reg.VecVirtual) {
	VMULPS(e.factor, v, v)
	e.power(v)
}

// power sets t to 2^t.
func (e shortExp) power(t reg.VecVirtual) {
	const down = 1 // of the rounding
	rest, p := ZMM(), ZMM()
	VREDUCEPS(Imm(down), t, rest)
	VMOVAPS(e.poly[0], p)
	for _, c := range e.poly[1:] {
		VFMADD213PS(c, rest, p)
	}
	VSCALEFPS(t, p, t)
}
