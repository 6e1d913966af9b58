package quant

import (
	"math"

	"github.com/x448/float16"
)

// Float16ToFloat32 gives the value of an IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits). It is exact.
//
// The exponent and fraction, put in the places that binary32 has for them, are the same number but for the bias of the
// exponent, 127 instead of 15: a factor of 2¹¹², by which subnormal numbers become normal as well. Only infinity and
// not-a-number need the highest exponent put in by hand.
func Float16ToFloat32(bits uint16) float32 {
	magnitude := math.Float32bits(math.Float32frombits(uint32(bits&0x7fff)<<13) * 0x1p112)
	if bits&0x7c00 == 0x7c00 {
		magnitude |= 0xff << 23
	}
	return math.Float32frombits(uint32(bits&0x8000)<<16 | magnitude)
}

// Float32ToFloat16 gives the bits of the binary16 nearest to f, ties to even; beyond 65,520 in size, infinity.
func Float32ToFloat16(f float32) uint16 {
	return float16.Fromfloat32(f).Bits()
}

// BFloat16ToFloat32 gives the value of a bfloat16, which is the upper half of a binary32. It is exact.
func BFloat16ToFloat32(bits uint16) float32 {
	return math.Float32frombits(uint32(bits) << 16)
}

// Float32ToBFloat16 gives the bits of the bfloat16 nearest to f, ties to even. A NaN stays one, and becomes quiet.
func Float32ToBFloat16(f float32) uint16 {
	bits := math.Float32bits(f)
	if f != f {
		return uint16(bits>>16) | 1<<6 // the cut may leave a fraction of zero, which would be infinity
	}
	roundToEven := 0x7fff + bits>>16&1
	return uint16((bits + roundToEven) >> 16)
}
