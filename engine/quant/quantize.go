package quant

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Quantize stores the elements of src in dst in the format t, each rounded to the nearest that its block can hold. It
// writes F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0, the bits equal to those of ggml's quantize_row_*_ref.
//
// len(src) has to be a whole number of blocks and len(dst) exactly the bytes that they take (see Type.RowBytes). The
// quantized formats cannot hold infinities and not-a-numbers, nor a block whose scale or minimum is beyond float16
// (65,504): these fail, and dst is left partly written.
func Quantize(dst []byte, t Type, src []float32) error {
	if err := checkLengths(len(src), t, len(dst)); err != nil {
		return err
	}
	quantize := formats[t].quantize
	if quantize == nil {
		return fmt.Errorf("quant: writing %v is not supported, only reading it", t)
	}
	return quantize(dst, src)
}

// quantizeF32 writes little-endian binary32.
func quantizeF32(dst []byte, src []float32) error {
	for i, x := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
	}
	return nil
}

// quantizeF16 writes little-endian binary16, ties to even.
func quantizeF16(dst []byte, src []float32) error {
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], Float32ToFloat16(x))
	}
	return nil
}

// quantizeBF16 writes little-endian bfloat16, ties to even.
func quantizeBF16(dst []byte, src []float32) error {
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], Float32ToBFloat16(x))
	}
	return nil
}

// quantizeQ4_0 writes the blocks that dequantizeQ4_0 reads.
func quantizeQ4_0(dst []byte, src []float32) error {
	return quantizeSymmetric(dst, src, 4)
}

// quantizeQ5_0 writes the blocks that dequantizeQ5_0 reads.
func quantizeQ5_0(dst []byte, src []float32) error {
	return quantizeSymmetric(dst, src, 5)
}

// quantizeQ4_1 writes the blocks that dequantizeQ4_1 reads.
func quantizeQ4_1(dst []byte, src []float32) error {
	return quantizeAffine(dst, src, 4)
}

// quantizeQ5_1 writes the blocks that dequantizeQ5_1 reads.
func quantizeQ5_1(dst []byte, src []float32) error {
	return quantizeAffine(dst, src, 5)
}

// quantizeSymmetric writes blocks of 32 elements x = d·(q − 2^(bits−1)) with 4 or 5 bits. The element farthest from
// zero, whatever its sign, gets the level −2^(bits−1), of which the positive side has no counterpart.
func quantizeSymmetric(dst []byte, src []float32, bits int) error {
	zero := float32(int(1) << (bits - 1))
	for block := range len(src) / 32 {
		x := src[32*block:][:32]
		if err := checkFinite(x, 32*block); err != nil {
			return err
		}
		var farthest float32
		for _, v := range x {
			if abs(v) > abs(farthest) {
				farthest = v
			}
		}
		d := farthest / -zero
		var err error
		if dst, err = putScale(dst, d, "scale", block); err != nil {
			return err
		}
		inverse := inverseOf(d)
		dst = putLevels(dst, bits, func(j int) uint32 {
			return uint32(min(float32(x[j]*inverse)+zero+0.5, 2*zero-1))
		})
	}
	return nil
}

// quantizeAffine writes blocks of 32 elements x = d·q + m with 4 or 5 bits, m being the smallest of them.
func quantizeAffine(dst []byte, src []float32, bits int) error {
	highest := float32(int(1)<<bits - 1)
	for block := range len(src) / 32 {
		x := src[32*block:][:32]
		if err := checkFinite(x, 32*block); err != nil {
			return err
		}
		smallest, largest := x[0], x[0]
		for _, v := range x {
			smallest, largest = min(smallest, v), max(largest, v)
		}
		d := (largest - smallest) / highest
		var err error
		if dst, err = putScale(dst, d, "scale", block); err != nil {
			return err
		}
		if dst, err = putScale(dst, smallest, "minimum", block); err != nil {
			return err
		}
		inverse := inverseOf(d)
		dst = putLevels(dst, bits, func(j int) uint32 {
			return uint32(min(float32((x[j]-smallest)*inverse)+0.5, highest))
		})
	}
	return nil
}

// putLevels packs 32 levels of 4 or 5 bits at the start of dst, and returns what is left of it: with 5 bits first the
// fifth bits, then in both the lower four, element j with element j+16.
func putLevels(dst []byte, bits int, level func(j int) uint32) []byte {
	var fifth uint32
	var nibbles [16]byte
	for j := range nibbles {
		low, high := level(j), level(j+16)
		nibbles[j] = byte(low&0xf | high&0xf<<4)
		fifth |= low>>4<<j | high>>4<<(j+16)
	}
	if bits == 5 {
		binary.LittleEndian.PutUint32(dst, fifth)
		dst = dst[4:]
	}
	return dst[copy(dst, nibbles[:]):]
}

// quantizeQ8_0 writes the blocks that dequantizeQ8_0 reads. The level −128 is never used.
func quantizeQ8_0(dst []byte, src []float32) error {
	for block := range len(src) / 32 {
		x := src[32*block:][:32]
		if err := checkFinite(x, 32*block); err != nil {
			return err
		}
		var largest float32
		for _, v := range x {
			largest = max(largest, abs(v))
		}
		d := largest / 127
		var err error
		if dst, err = putScale(dst, d, "scale", block); err != nil {
			return err
		}
		inverse := inverseOf(d)
		for j, v := range x {
			// ggml rounds halves away from zero here.
			dst[j] = byte(int8(math.Round(float64(v * inverse))))
		}
		dst = dst[32:]
	}
	return nil
}

// inverseOf gives 1/d, and 0 where that is no finite number: then all elements of the block get one level, which is
// right, since they differ by less than a float16 can tell.
func inverseOf(d float32) float32 {
	if inverse := 1 / d; !math.IsInf(float64(inverse), 0) {
		return inverse
	}
	return 0
}

// putScale puts a block's scale or minimum at the start of dst as a float16, and returns what is left of dst.
func putScale(dst []byte, v float32, what string, block int) ([]byte, error) {
	half := Float32ToFloat16(v)
	if half&0x7fff >= 0x7c00 {
		return nil, fmt.Errorf("quant: the %s %g of block %d does not fit a float16, whose largest is 65504", what, v, block)
	}
	binary.LittleEndian.PutUint16(dst, half)
	return dst[2:], nil
}

// checkFinite refuses what a block of integers cannot hold. first is the index of x[0], for the message.
func checkFinite(x []float32, first int) error {
	for j, v := range x {
		if v-v != 0 {
			return fmt.Errorf("quant: element %d is %g; a quantized format holds only finite numbers", first+j, v)
		}
	}
	return nil
}

func abs(v float32) float32 {
	return math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
}
