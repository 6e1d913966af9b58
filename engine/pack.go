package engine

import "math"

// The square root spreads the many small attention weights over the byte;
// taken apart into exponent and the top of the mantissa, a float32 finds its
// byte in a table, which costs a load where a square root costs a division.
const (
	packShift = 13 // keeps 10 bits of the mantissa: the byte is right to within a rounding of 0.05 %
	packOne   = 0x3f800000 >> packShift
)

var packTable = func() (t [packOne + 1]uint8) {
	for i := range t {
		a := math.Float32frombits(uint32(i) << packShift)
		t[i] = uint8(math.Round(255 * math.Sqrt(float64(a))))
	}
	return t
}()

// packed is round(255·√a) for a weight a in [0, 1].
func packed(a float32) uint8 {
	if !(a > 0) {
		return 0
	}
	return packTable[min(math.Float32bits(a)>>packShift, packOne)]
}

// pack turns attention weights into bytes: round(255·√a).
func pack(weights []float32) []uint8 {
	out := make([]uint8, len(weights))
	for i, a := range weights {
		out[i] = packed(a)
	}
	return out
}
