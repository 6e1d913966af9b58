package safetensors

import (
	"fmt"
	"math"

	"vitrine/engine/quant"
)

// DType is the type of a tensor's elements, by its name in the header.
type DType string

// The types that Float32 converts. There are others (integers, 8-bit floats, …), which are listed but not converted.
const (
	F32  DType = "F32"  // IEEE 754 binary32
	F16  DType = "F16"  // IEEE 754 binary16
	BF16 DType = "BF16" // the upper half of a binary32
)

// dtypes has all types of the specification and the bits that an element takes. The order is that of the reference
// implementation, whose writer goes through it from the end.
var dtypes = []struct {
	name DType
	bits int
}{
	{"BOOL", 8}, {"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6},
	{"U8", 8}, {"I8", 8}, {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
	{"I16", 16}, {"U16", 16}, {F16, 16}, {BF16, 16},
	{"I32", 32}, {"U32", 32}, {F32, 32},
	{"C64", 64}, {"F64", 64}, {"I64", 64}, {"U64", 64},
}

// index gives the place of the type in dtypes; −1 if it is unknown.
func (d DType) index() int {
	for i := range dtypes {
		if dtypes[i].name == d {
			return i
		}
	}
	return -1
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int  // row-major, the outermost dimension first; empty for a single number; a dimension may be 0
	Data  []byte // the elements, little-endian; a view of the file
}

// Rows is the number of rows: the product of all dimensions but the last.
func (t *Tensor) Rows() int {
	rows := 1
	for _, d := range t.Shape[:max(len(t.Shape)-1, 0)] {
		rows *= d
	}
	return rows
}

// Cols is the length of a row: the last dimension, whose elements lie side by side; 1 for a tensor without dimensions.
func (t *Tensor) Cols() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[len(t.Shape)-1]
}

// Type gives the number format of the elements; false if package quant has none for them.
func (t *Tensor) Type() (quant.Type, bool) {
	switch t.DType {
	case F32:
		return quant.F32, true
	case F16:
		return quant.F16, true
	case BF16:
		return quant.BF16, true
	}
	return 0, false
}

// Float32 converts the whole tensor into dst, which needs Rows()·Cols() elements. It refuses types other than F32, F16
// and BF16.
func (t *Tensor) Float32(dst []float32) error {
	typ, ok := t.Type()
	if !ok {
		return fmt.Errorf("safetensors: tensor %q: dtype %s is not converted, only F32, F16 and BF16", t.Name, t.DType)
	}
	if err := quant.Dequantize(dst, typ, t.Data); err != nil {
		return fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
	}
	return nil
}

// NewFloat32 makes a tensor for Write from the row-major values of a shape, which it copies.
func NewFloat32(name string, shape []int, values []float32) (Tensor, error) {
	size, err := dataSize(F32, shape)
	if err != nil {
		return Tensor{}, fmt.Errorf("safetensors: tensor %q: %w", name, err)
	}
	if len(values) != size/4 {
		return Tensor{}, fmt.Errorf("safetensors: tensor %q: shape %v takes %d values, not %d", name, shape, size/4, len(values))
	}
	t := Tensor{Name: name, DType: F32, Shape: shape, Data: make([]byte, size)}
	return t, quant.Quantize(t.Data, quant.F32, values)
}

// maxDimensions is NumPy's limit; the format sets none.
const maxDimensions = 64

// dataSize gives the bytes that a tensor takes. It fails if the type is unknown or the shape is not one that can be.
func dataSize(dtype DType, shape []int) (int, error) {
	i := dtype.index()
	if i < 0 {
		return 0, fmt.Errorf("dtype: %q is not one that the format has", string(dtype))
	}
	if len(shape) > maxDimensions {
		return 0, fmt.Errorf("shape: %d dimensions; a tensor has at most %d", len(shape), maxDimensions)
	}
	bits, elements := dtypes[i].bits, 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v: a dimension is negative", shape)
		}
		if d > 0 && elements > math.MaxInt/64/d { // 64 bits is the largest element
			return 0, fmt.Errorf("shape %v: the number of its bits does not fit an int", shape)
		}
		elements *= d
	}
	if elements*bits%8 != 0 {
		return 0, fmt.Errorf("shape %v: %d elements of %d bits are not a whole number of bytes", shape, elements, bits)
	}
	return elements * bits / 8, nil
}
