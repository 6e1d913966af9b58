package gguf

import (
	"errors"
	"fmt"

	"vitrine/engine/quant"
)

// ErrMissing is what a getter's error wraps when the file has no entry of that key.
var ErrMissing = errors.New("the file has no such key")

// File is the content of a GGUF file. It does not change, and may be read by several goroutines at once until Close.
type File struct {
	Version   uint32   // 2 or 3
	Alignment int      // bytes; each tensor's data starts at a multiple of it
	Metadata  []KV     // in the order of the file, no key twice
	Tensors   []Tensor // in the order of the file, no name twice

	metadataIndex map[string]int
	tensorIndex   map[string]int
	unmap         func() error // nil for a file that was not mapped
}

// KV is one metadata entry.
type KV struct {
	Key   string // 1 to 65,535 bytes
	Value Value
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string     // 1 to 64 bytes
	Type  quant.Type // number format of the elements
	Shape []int      // row-major, the outermost dimension first (GGUF lists them the other way round); at most 4, each at least 1
	Data  []byte     // the elements, a view of the file
}

// Lookup gives the value of a key; false if the file has none.
func (f *File) Lookup(key string) (Value, bool) {
	i, ok := f.metadataIndex[key]
	if !ok {
		return Value{}, false
	}
	return f.Metadata[i].Value, true
}

// Tensor gives the tensor of a name; false if the file has none.
func (f *File) Tensor(name string) (*Tensor, bool) {
	i, ok := f.tensorIndex[name]
	if !ok {
		return nil, false
	}
	return &f.Tensors[i], true
}

// Close unmaps a file that Open mapped. No Value and no Tensor's Data may be used from then on: to make a mistake
// show early, the file's own lists are emptied. A second Close does nothing.
func (f *File) Close() error {
	unmap := f.unmap
	if unmap == nil {
		return nil
	}
	for i := range f.Tensors {
		f.Tensors[i].Data = nil
	}
	*f = File{Version: f.Version, Alignment: f.Alignment}
	return unmap()
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

// Float32 dequantizes the whole tensor into dst, which needs Rows()·Cols() elements.
func (t *Tensor) Float32(dst []float32) error {
	if err := quant.Dequantize(dst, t.Type, t.Data); err != nil {
		return fmt.Errorf("gguf: tensor %q: %w", t.Name, err)
	}
	return nil
}
