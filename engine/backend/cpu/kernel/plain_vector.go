package kernel

import (
	"math"
	"unsafe"

	"vitrine/engine/quant"
)

// The vector kernels in plain Go.

func floats(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

func greatestGo(x *float32, n int) float32 {
	top := float32(math.Inf(-1))
	for _, v := range floats(x, n) {
		top = max(top, v)
	}
	return top
}

func sumSquaresGo(x *float32, n int) float32 {
	var sum float64
	for _, v := range floats(x, n) {
		sum += float64(v) * float64(v)
	}
	return float32(sum)
}

func expSumGo(x *float32, n int, shift float32) float32 {
	var sum float64
	xs := floats(x, n)
	for i, v := range xs {
		xs[i] = 0
		if !(v-shift < expLeast) {
			xs[i] = float32(math.Exp(float64(v - shift)))
		}
		sum += float64(xs[i])
	}
	return float32(sum)
}

// expLeast is where the kernels' exponential becomes zero.
const expLeast = -87

func scaleGo(x *float32, n int, factor float32) {
	xs := floats(x, n)
	for i := range xs {
		xs[i] *= factor
	}
}

func addGo(dst, x *float32, n int) {
	d := floats(dst, n)
	for i, v := range floats(x, n) {
		d[i] += v
	}
}

func normalizeGo(dst, x, w *float32, n int, factor float32) {
	d, ws := floats(dst, n), floats(w, n)
	for i, v := range floats(x, n) {
		d[i] = v * factor * ws[i]
	}
}

func siluGo(dst, gate, up *float32, n int) {
	d, u := floats(dst, n), floats(up, n)
	for i, v := range floats(gate, n) {
		d[i] = silu(v) * u[i]
	}
}

func geluGo(dst, gate, up *float32, n int) {
	d, u := floats(dst, n), floats(up, n)
	for i, v := range floats(gate, n) {
		d[i] = gelu(v) * u[i]
	}
}

func rotatePairsGo(dst, x, cos, sin *float32, n int) {
	rotatePairs(floats(dst, n), floats(x, n), floats(cos, n), floats(sin, n))
}

func rotateHalvesGo(dst, x, cos, sin *float32, n int) {
	rotateHalves(floats(dst, 2*n), floats(x, 2*n), floats(cos, n), floats(sin, n))
}

func toHalfGo(dst *uint16, x *float32, n int) {
	d := unsafe.Slice(dst, n)
	for i, v := range floats(x, n) {
		d[i] = quant.Float32ToFloat16(v)
	}
}
