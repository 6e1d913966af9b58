package gguf

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"vitrine/engine/quant"
)

// small is a file with a tensor of every sort that Quantize tells apart. The weights are i/1000, of either sign.
func small(t *testing.T, tied bool) *File {
	t.Helper()
	tensor := func(name string, shape ...int) Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i%200-100) / 1000
		}
		data := make([]byte, 4*n)
		if err := quant.Quantize(data, quant.F32, values); err != nil {
			t.Fatal(err)
		}
		return Tensor{Name: name, Type: quant.F32, Shape: shape, Data: data}
	}
	tensors := []Tensor{
		tensor("token_embd.weight", 10, 64), tensor("blk.0.attn_norm.weight", 64), tensor("blk.0.attn_q.weight", 9000, 64),
		tensor("blk.0.attn_q.bias", 1, 64), tensor("blk.0.ffn_gate_inp.weight", 4, 64), tensor("blk.0.odd.weight", 3, 33),
	}
	if !tied {
		tensors = append(tensors, tensor("output.weight", 10, 64))
	}
	var file bytes.Buffer
	if err := Write(&file, []KV{NewKV("a", "b"), NewKV("general.file_type", uint32(0)), NewKV("c", uint8(1))}, tensors); err != nil {
		t.Fatal(err)
	}
	f, err := Parse(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestQuantize(t *testing.T) {
	for _, c := range []struct {
		to                     quant.Type
		tied                   bool
		embedding, output, odd quant.Type
		fileType               uint64
		precision              float64 // half a step of blocks that reach 0.1, and the rounding of the scale
	}{
		{quant.Q4_0, true, quant.Q8_0, 0, quant.F32, 2, 0.1 / 8},
		{quant.Q4_0, false, quant.Q4_0, quant.Q8_0, quant.F32, 2, 0.1 / 8},
		{quant.Q8_0, false, quant.Q8_0, quant.Q8_0, quant.F32, 7, 0.1 / 240},
		{quant.F16, true, quant.F16, 0, quant.F16, 1, 1e-4},
	} {
		f := small(t, c.tied)
		metadata, tensors, err := Quantize(context.Background(), f, c.to)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "out.gguf")
		if err := WriteFile(path, metadata, tensors); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		want := map[string]quant.Type{
			"token_embd.weight": c.embedding, "blk.0.attn_norm.weight": quant.F32, "blk.0.attn_q.weight": c.to,
			"blk.0.attn_q.bias": quant.F32, "blk.0.ffn_gate_inp.weight": quant.F32, "blk.0.odd.weight": c.odd, "output.weight": c.output,
		}
		if len(got.Tensors) != len(f.Tensors) {
			t.Fatalf("%d tensors, want the %d of the file", len(got.Tensors), len(f.Tensors))
		}
		for i, tensor := range got.Tensors {
			from := f.Tensors[i]
			if tensor.Name != from.Name || !reflect.DeepEqual(tensor.Shape, from.Shape) || tensor.Type != want[tensor.Name] {
				t.Errorf("%v: tensor %d is %s %v %v, want %s %v %v", c.to, i, tensor.Name, tensor.Shape, tensor.Type, from.Name, from.Shape, want[from.Name])
			}
			a, b := make([]float32, from.Rows()*from.Cols()), make([]float32, from.Rows()*from.Cols())
			if err := errors.Join(from.Float32(a), tensor.Float32(b)); err != nil {
				t.Fatal(err)
			}
			for j := range a {
				if !(math.Abs(float64(a[j]-b[j])) <= c.precision) {
					t.Errorf("%v: element %d of %s is %g, want %g within %g", c.to, j, tensor.Name, b[j], a[j], c.precision)
					break
				}
			}
		}
		for i, kv := range f.Metadata {
			if kv.Key == "general.file_type" {
				if n, err := got.Metadata[i].Value.Uint(); err != nil || n != c.fileType {
					t.Errorf("%v: general.file_type is %d, %v; want %d", c.to, n, err, c.fileType)
				}
				continue
			}
			if !reflect.DeepEqual(got.Metadata[i], kv) {
				t.Errorf("%v: metadata %d is %v, want %v", c.to, i, got.Metadata[i], kv)
			}
		}
	}
}

func TestQuantizeRefuses(t *testing.T) {
	f := small(t, true)
	if _, _, err := Quantize(context.Background(), f, quant.Q4_K); err == nil || !strings.Contains(err.Error(), "q8_0") {
		t.Errorf("Q4_K: %v, want an error that lists what can be written", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Quantize(cancelled, f, quant.Q8_0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := f.Tensors[2]
	broken.Data = bytes.Clone(broken.Data)
	if err := quant.Quantize(broken.Data[4*64*5000:][:4], quant.F32, []float32{float32(math.NaN())}); err != nil {
		t.Fatal(err)
	}
	f.Tensors[2] = broken
	if _, _, err := Quantize(context.Background(), f, quant.Q8_0); err == nil || !strings.Contains(err.Error(), `"blk.0.attn_q.weight", rows from 4096`) {
		t.Errorf("a NaN: %v, want the tensor's name and the rows", err)
	}
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "x.gguf"), nil, []Tensor{{Name: "short", Type: quant.F32, Shape: []int{4}}}); err == nil {
		t.Error("a tensor without its data was written")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a failed write leaves %v, %v", left, err)
	}
}

func TestQuantizeType(t *testing.T) {
	for name, want := range map[string]quant.Type{"q8_0": quant.Q8_0, "Q4_0": quant.Q4_0, "bf16": quant.BF16} {
		if got, ok := QuantizeType(name); !ok || got != want {
			t.Errorf("%s is %v, %v", name, got, ok)
		}
	}
	for name := range strings.SplitSeq(strings.ReplaceAll(QuantizeTypes, " and ", ", "), ", ") {
		if _, ok := QuantizeType(name); !ok {
			t.Errorf("%s is listed but not written", name)
		}
	}
	if _, ok := QuantizeType("q4_k"); ok {
		t.Error("q4_k cannot be written")
	}
}
