package kernel

import (
	"math"

	"vitrine/engine/quant"
)

// The vector kernels take whole vectors of sixteen numbers; what is left of a
// row is done here. How a row is cut depends on its length alone.

// whole is the part of n numbers that vectors cover.
func whole(n int) int { return n &^ (Lanes - 1) }

// Add sets dst = dst + x.
func (s *Set) Add(dst, x []float32) {
	x = x[:len(dst)]
	n := whole(len(dst))
	if n > 0 {
		s.add(&dst[0], &x[0], n)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += x[i]
	}
}

// Scale sets x = x·factor.
func (s *Set) Scale(x []float32, factor float32) {
	n := whole(len(x))
	if n > 0 {
		s.scale(&x[0], n, factor)
	}
	for i := n; i < len(x); i++ {
		x[i] *= factor
	}
}

// RMSNorm sets dst = x / √(mean(x²)+eps) ⊙ w (Zhang and Sennrich 2019,
// equation 4). x and dst may be the same.
func (s *Set) RMSNorm(dst, x, w []float32, eps float32) {
	dst, w = dst[:len(x)], w[:len(x)]
	n := whole(len(x))
	var sum float64
	if n > 0 {
		sum = float64(s.sumSquares(&x[0], n))
	}
	for _, v := range x[n:] {
		sum += float64(v) * float64(v)
	}
	if sum > math.MaxFloat32 { // the squares are beyond float32, the numbers need not be
		sum = 0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
	}
	factor := float32(1 / math.Sqrt(sum/float64(len(x))+float64(eps)))
	if n > 0 {
		s.normalize(&dst[0], &x[0], &w[0], n, factor)
	}
	for i := n; i < len(x); i++ {
		dst[i] = x[i] * factor * w[i]
	}
}

// SiLU sets dst = gate/(1+e^−gate) ⊙ up. Of a gate below −88 it is zero or less
// than 10⁻³⁶ of up; of one of −∞, where the formula is −∞/∞, NaN, so that what is no number stays visible.
func (s *Set) SiLU(dst, gate, up []float32) {
	dst, up = dst[:len(gate)], up[:len(gate)]
	n := whole(len(gate))
	if n > 0 {
		s.silu(&dst[0], &gate[0], &up[0], n)
	}
	for i := n; i < len(gate); i++ {
		dst[i] = silu(gate[i]) * up[i]
	}
}

// GELU sets dst = gelu(gate) ⊙ up, in the approximation by tanh. Of a gate below −11 it
// is zero; of one of −∞, where the formula is −∞·0, NaN.
func (s *Set) GELU(dst, gate, up []float32) {
	dst, up = dst[:len(gate)], up[:len(gate)]
	n := whole(len(gate))
	if n > 0 {
		s.gelu(&dst[0], &gate[0], &up[0], n)
	}
	for i := n; i < len(gate); i++ {
		dst[i] = gelu(gate[i]) * up[i]
	}
}

func silu(x float32) float32 { return float32(float64(x) / (1 + math.Exp(-float64(x)))) }

// gelu is x/2·(1+tanh(y)) with y = √(2/π)·(x+0.044715·x³): tanh(y) = 1 −
// 2/(e^2y+1), so (1+tanh(y))/2 = σ(2y).
func gelu(v float32) float32 {
	x := float64(v)
	return float32(x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))))
}

// RotatePairs turns neighbours: dst[2i], dst[2i+1] = the pair turned by the
// angle whose cosine is cos[2i] and whose sine is sin[2i+1] = −sin[2i].
func (s *Set) RotatePairs(dst, x, cos, sin []float32) {
	dst, cos, sin = dst[:len(x)], cos[:len(x)], sin[:len(x)]
	n := whole(len(x))
	if n > 0 {
		s.rotatePairs(&dst[0], &x[0], &cos[0], &sin[0], n)
	}
	rotatePairs(dst[n:], x[n:], cos[n:], sin[n:])
}

func rotatePairs(dst, x, cos, sin []float32) {
	for i := 0; i+1 < len(x); i += 2 {
		a, b := x[i], x[i+1]
		dst[i] = a*cos[i] + b*sin[i]
		dst[i+1] = b*cos[i+1] + a*sin[i+1]
	}
}

// RotateHalves turns element i with the one half a head further: cos and sin
// have half as many numbers as x.
func (s *Set) RotateHalves(dst, x, cos, sin []float32) {
	half := len(x) / 2
	dst, cos, sin = dst[:len(x)], cos[:half], sin[:half]
	if half > 0 && whole(half) == half {
		s.rotateHalves(&dst[0], &x[0], &cos[0], &sin[0], half)
		return
	}
	rotateHalves(dst, x, cos, sin)
}

func rotateHalves(dst, x, cos, sin []float32) {
	half := len(cos)
	for i := range half {
		a, b := x[i], x[i+half]
		dst[i] = a*cos[i] - b*sin[i]
		dst[i+half] = b*cos[i] + a*sin[i]
	}
}

// Greatest is max(x); len(x) is a multiple of 16, at least 16.
func (s *Set) Greatest(x []float32) float32 { return s.greatest(&x[0], len(x)) }

// ExpSum sets x = exp(x−shift) and returns the sum; len(x) is a multiple of 16.
// What lies more than 87 below shift becomes zero.
func (s *Set) ExpSum(x []float32, shift float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return s.expSum(&x[0], len(x), shift)
}

// ToHalf sets dst to the float16 nearest to x, ties to even.
func (s *Set) ToHalf(dst []uint16, x []float32) {
	dst = dst[:len(x)]
	n := whole(len(x))
	if n > 0 {
		s.toHalf(&dst[0], &x[0], n)
	}
	for i := n; i < len(x); i++ {
		dst[i] = quant.Float32ToFloat16(x[i])
	}
}
