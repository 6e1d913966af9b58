package quant

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Dequantize turns the len(dst) elements stored in src in the format t into float32. len(dst) has to be a whole number
// of blocks and len(src) exactly the bytes that they take (see Type.RowBytes), or it fails and leaves dst as it was.
// Not-a-number and infinite scales are passed on into the elements of their block.
//
// It runs on the calling goroutine: split the rows of a large tensor over several.
func Dequantize(dst []float32, t Type, src []byte) error {
	if err := checkLengths(len(dst), t, len(src)); err != nil {
		return err
	}
	formats[t].dequantize(dst, src)
	return nil
}

// checkLengths holds the lengths of both sides of a conversion against each other.
func checkLengths(elements int, t Type, bytes int) error {
	want, err := t.RowBytes(elements)
	if err != nil {
		return err
	}
	if bytes != want {
		return fmt.Errorf("quant: %d elements of %v take %d bytes, not %d", elements, t, want, bytes)
	}
	return nil
}

// dequantizeF32 reads little-endian binary32.
func dequantizeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// dequantizeF16 reads little-endian binary16.
func dequantizeF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = Float16ToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// dequantizeBF16 reads little-endian bfloat16.
func dequantizeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = BFloat16ToFloat32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

// scaleAt reads the float16 scale that stands at the start of b.
func scaleAt(b []byte) float32 {
	return Float16ToFloat32(binary.LittleEndian.Uint16(b))
}
