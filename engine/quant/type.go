package quant

import (
	"fmt"
	"math"
)

// Type is a number format, by the number that GGUF gives it (enum ggml_type).
type Type uint32

// The formats that this package reads. Their numbers are part of the GGUF specification.
const (
	F32  Type = 0  // IEEE 754 binary32
	F16  Type = 1  // IEEE 754 binary16
	Q4_0 Type = 2  // 4 bits and a scale
	Q4_1 Type = 3  // 4 bits, a scale and a minimum
	Q5_0 Type = 6  // 5 bits and a scale
	Q5_1 Type = 7  // 5 bits, a scale and a minimum
	Q8_0 Type = 8  // 8 bits and a scale
	Q2_K Type = 10 // 2 bits, scales and minima of 4 bits
	Q3_K Type = 11 // 3 bits, scales of 6 bits
	Q4_K Type = 12 // 4 bits, scales and minima of 6 bits
	Q5_K Type = 13 // 5 bits, scales and minima of 6 bits
	Q6_K Type = 14 // 6 bits, scales of 8 bits
	BF16 Type = 30 // the upper half of a binary32
)

// Info says how a format is laid out in memory.
type Info struct {
	BlockSize     int // elements in a block, always of one row
	BytesPerBlock int // bytes that a block takes
}

// BitsPerWeight is the storage that one element costs, its share of the scales included.
func (i Info) BitsPerWeight() float64 {
	return 8 * float64(i.BytesPerBlock) / float64(i.BlockSize)
}

// format is all that this package knows of one number format.
type format struct {
	info       Info
	dequantize func(dst []float32, src []byte)       // whole blocks, lengths already checked
	quantize   func(dst []byte, src []float32) error // nil where only reading is supported
}

var formats = map[Type]format{
	F32:  {Info{1, 4}, dequantizeF32, quantizeF32},
	F16:  {Info{1, 2}, dequantizeF16, quantizeF16},
	BF16: {Info{1, 2}, dequantizeBF16, quantizeBF16},
	Q4_0: {Info{32, 18}, dequantizeQ4_0, quantizeQ4_0},
	Q4_1: {Info{32, 20}, dequantizeQ4_1, quantizeQ4_1},
	Q5_0: {Info{32, 22}, dequantizeQ5_0, quantizeQ5_0},
	Q5_1: {Info{32, 24}, dequantizeQ5_1, quantizeQ5_1},
	Q8_0: {Info{32, 34}, dequantizeQ8_0, quantizeQ8_0},
	Q2_K: {Info{256, 84}, dequantizeQ2_K, nil},
	Q3_K: {Info{256, 110}, dequantizeQ3_K, nil},
	Q4_K: {Info{256, 144}, dequantizeQ4_K, nil},
	Q5_K: {Info{256, 176}, dequantizeQ5_K, nil},
	Q6_K: {Info{256, 210}, dequantizeQ6_K, nil},
}

// names has the formats that this package does not read as well, so that an error can call them by name.
var names = map[Type]string{
	F32: "F32", F16: "F16", BF16: "BF16",
	Q4_0: "Q4_0", Q4_1: "Q4_1", Q5_0: "Q5_0", Q5_1: "Q5_1", Q8_0: "Q8_0",
	Q2_K: "Q2_K", Q3_K: "Q3_K", Q4_K: "Q4_K", Q5_K: "Q5_K", Q6_K: "Q6_K",

	9: "Q8_1", 15: "Q8_K",
	16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M",
	24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
	34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}

// Supported lists, for error messages, the formats that Dequantize reads.
const Supported = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K"

// String gives ggml's name of the format, also of one that this package does not read; "type 99" if ggml has none.
func (t Type) String() string {
	if name, ok := names[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Info gives the layout of the format; false if this package does not read it.
func (t Type) Info() (Info, bool) {
	f, ok := formats[t]
	return f.info, ok
}

// RowBytes gives the bytes that n elements take. It fails if the format is not one that this package reads, if n is
// negative or not a whole number of blocks, and if the result does not fit an int.
func (t Type) RowBytes(n int) (int, error) {
	info, ok := t.Info()
	switch {
	case !ok:
		return 0, fmt.Errorf("quant: number format %v is not supported; supported are %s", t, Supported)
	case n < 0 || n%info.BlockSize != 0:
		return 0, fmt.Errorf("quant: %d elements are not a whole number of %v blocks of %d", n, t, info.BlockSize)
	case n/info.BlockSize > math.MaxInt/info.BytesPerBlock:
		return 0, fmt.Errorf("quant: the bytes of %d elements of %v do not fit an int", n, t)
	}
	return n / info.BlockSize * info.BytesPerBlock, nil
}
