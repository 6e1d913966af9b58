package gguf

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"vitrine/engine/quant"
)

// fileTypes are llama.cpp's numbers of the formats that most of a file's weights are in (enum llama_ftype), which
// stand in general.file_type: of those that quant.Quantize writes.
var fileTypes = map[quant.Type]uint32{
	quant.F32: 0, quant.F16: 1, quant.Q4_0: 2, quant.Q4_1: 3, quant.Q8_0: 7, quant.Q5_0: 8, quant.Q5_1: 9, quant.BF16: 32,
}

// QuantizeTypes lists, for error messages, the formats that Quantize writes.
const QuantizeTypes = "f32, f16, bf16, q4_0, q4_1, q5_0, q5_1 and q8_0"

// QuantizeType gives the format of a name such as "q8_0", in letters of either case; false if Quantize does not write it.
func QuantizeType(name string) (quant.Type, bool) {
	for t := range fileTypes {
		if strings.EqualFold(t.String(), name) {
			return t, true
		}
	}
	return 0, false
}

// Quantize gives what a file needs that holds the same model with its matrices in the format t: the metadata, changed
// in general.file_type only, and all tensors. Norms, biases and a router's gate stay as they are, and so do matrices
// whose rows are not whole blocks of t. The matrix that makes the logits (output.weight, or token_embd.weight where it
// is both) is not stored in fewer than the 8 bits of Q8_0: its rounding weighs most. llama.cpp's quantizer does as much.
//
// Already quantized weights are rounded a second time. It uses all processors, and as much memory as the tensors take.
func Quantize(ctx context.Context, f *File, t quant.Type) ([]KV, []Tensor, error) {
	fileType, ok := fileTypes[t]
	if !ok {
		return nil, nil, fmt.Errorf("gguf: writing %v is not supported; want one of %s", t, QuantizeTypes)
	}
	tensors := make([]Tensor, len(f.Tensors))
	copy(tensors, f.Tensors)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range tensors {
		from, to := &f.Tensors[i], &tensors[i]
		to.Type = f.quantizedType(from, t)
		if to.Type == from.Type {
			continue
		}
		rows, cols := from.Rows(), from.Cols()
		size, err := to.Type.RowBytes(cols)
		if err != nil {
			return nil, nil, fmt.Errorf("gguf: tensor %q: %w", from.Name, err)
		}
		to.Data = make([]byte, rows*size)
		piece := max(1, quantizePiece/cols)
		for first := 0; first < rows; first += piece {
			g.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := requantize(to, from, first, min(piece, rows-first)); err != nil {
					return fmt.Errorf("gguf: tensor %q, rows from %d: %w", from.Name, first, err)
				}
				return nil
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	return withFileType(f.Metadata, fileType), tensors, nil
}

// quantizePiece is the number of elements that are float32 at a time and a processor.
const quantizePiece = 1 << 18

// requantize turns n rows of from into the format of to.
func requantize(to, from *Tensor, first, n int) error {
	cols := from.Cols()
	read, err := from.Type.RowBytes(cols)
	if err != nil {
		return err
	}
	written, err := to.Type.RowBytes(cols)
	if err != nil {
		return err
	}
	values := make([]float32, n*cols)
	if err := quant.Dequantize(values, from.Type, from.Data[first*read:][:n*read]); err != nil {
		return err
	}
	return quant.Quantize(to.Data[first*written:][:n*written], to.Type, values)
}

// quantizedType is the format that Quantize stores a tensor in when it is asked for t.
func (f *File) quantizedType(tensor *Tensor, t quant.Type) quant.Type {
	if len(tensor.Shape) < 2 || !strings.HasSuffix(tensor.Name, ".weight") || strings.Contains(tensor.Name, "ffn_gate_inp") {
		return tensor.Type
	}
	makesLogits := tensor.Name == "output.weight"
	if tensor.Name == "token_embd.weight" {
		_, apart := f.Tensor("output.weight")
		makesLogits = !apart
	}
	if info, _ := t.Info(); makesLogits && info.BitsPerWeight() < 8 {
		t = quant.Q8_0
	}
	if _, err := t.RowBytes(tensor.Cols()); err != nil {
		return tensor.Type
	}
	return t
}

// withFileType is the metadata with another general.file_type, in its place or at the end.
func withFileType(metadata []KV, fileType uint32) []KV {
	entry := NewKV("general.file_type", fileType)
	out := append([]KV(nil), metadata...)
	for i := range out {
		if out[i].Key == entry.Key {
			out[i] = entry
			return out
		}
	}
	return append(out, entry)
}
