package gguf

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"vitrine/engine/quant"
)

// A file that the Python package wrote comes out of Write as it went in, to the byte.
func TestWriteEqualsPython(t *testing.T) {
	want, err := os.ReadFile("testdata/python.gguf")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := Write(&got, f.Metadata, f.Tensors); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%d bytes written, and not those of the %d read", got.Len(), len(want))
	}
}

// Every Go type becomes the value type of its size, and comes back as it was.
func TestNewKV(t *testing.T) {
	tests := []struct {
		kv   KV
		typ  ValueType
		elem ValueType
		want any
		get  func(v Value) (any, error)
	}{
		{NewKV("k", uint8(255)), TypeUint8, 0, uint64(255), decoder(Value.Uint)},
		{NewKV("k", int8(-1)), TypeInt8, 0, int64(-1), decoder(Value.Int)},
		{NewKV("k", uint16(65535)), TypeUint16, 0, uint64(65535), decoder(Value.Uint)},
		{NewKV("k", int16(-1)), TypeInt16, 0, int64(-1), decoder(Value.Int)},
		{NewKV("k", uint32(1<<31)), TypeUint32, 0, uint64(1 << 31), decoder(Value.Uint)},
		{NewKV("k", int32(-1)), TypeInt32, 0, int64(-1), decoder(Value.Int)},
		{NewKV("k", uint64(1<<63)), TypeUint64, 0, uint64(1 << 63), decoder(Value.Uint)},
		{NewKV("k", int64(-1)), TypeInt64, 0, int64(-1), decoder(Value.Int)},
		{NewKV("k", float32(0.5)), TypeFloat32, 0, 0.5, decoder(Value.Float)},
		{NewKV("k", 0.1), TypeFloat64, 0, 0.1, decoder(Value.Float)},
		{NewKV("k", true), TypeBool, 0, true, decoder(Value.Bool)},
		{NewKV("k", ""), TypeString, 0, "", decoder(Value.Text)},
		{NewKV("k", []uint8{255}), TypeArray, TypeUint8, []int64{255}, decoder(Value.Ints)},
		{NewKV("k", []int8{-1}), TypeArray, TypeInt8, []int64{-1}, decoder(Value.Ints)},
		{NewKV("k", []uint16{65535}), TypeArray, TypeUint16, []int64{65535}, decoder(Value.Ints)},
		{NewKV("k", []int16{-1}), TypeArray, TypeInt16, []int64{-1}, decoder(Value.Ints)},
		{NewKV("k", []uint32{1 << 31}), TypeArray, TypeUint32, []int64{1 << 31}, decoder(Value.Ints)},
		{NewKV("k", []int32{-1, 7}), TypeArray, TypeInt32, []int64{-1, 7}, decoder(Value.Ints)},
		{NewKV("k", []uint64{5}), TypeArray, TypeUint64, []int64{5}, decoder(Value.Ints)},
		{NewKV("k", []int64{-1}), TypeArray, TypeInt64, []int64{-1}, decoder(Value.Ints)},
		{NewKV("k", []float32{0.5}), TypeArray, TypeFloat32, []float32{0.5}, decoder(Value.Floats)},
		{NewKV("k", []float64{0.1}), TypeArray, TypeFloat64, []float32{0.1}, decoder(Value.Floats)},
		{NewKV("k", []bool{true, false}), TypeArray, TypeBool, []bool{true, false}, decoder(Value.Bools)},
		{NewKV("k", []string{"a", ""}), TypeArray, TypeString, []string{"a", ""}, decoder(Value.Strings)},
		{NewKV("k", []string(nil)), TypeArray, TypeString, []string{}, decoder(Value.Strings)},
	}
	for _, test := range tests {
		var file bytes.Buffer
		if err := Write(&file, []KV{test.kv}, nil); err != nil {
			t.Fatal(err)
		}
		f, err := Parse(file.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		v := f.Metadata[0].Value
		if v.Type() != test.typ || v.Elem() != test.elem {
			t.Errorf("%v became %v of %v", test.want, v.Type(), v.Elem())
		}
		if got, err := test.get(v); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v became %v, %v", test.want, got, err)
		}
	}
}

// decoder gives the decoding methods one signature.
func decoder[T any](decode func(Value) (T, error)) func(Value) (any, error) {
	return func(v Value) (any, error) { return decode(v) }
}

func TestWriteRefuses(t *testing.T) {
	tensor := Tensor{Name: "t", Type: quant.F32, Shape: []int{2}, Data: make([]byte, 8)}
	with := func(change func(*Tensor)) []Tensor {
		changed := tensor
		change(&changed)
		return []Tensor{changed}
	}
	tests := []struct {
		name     string
		metadata []KV
		tensors  []Tensor
		want     string
	}{
		{"a key twice", []KV{NewKV("k", ""), NewKV("k", "")}, nil, `key "k" is there twice`},
		{"no key", []KV{NewKV("", "")}, nil, "the key has 0 bytes"},
		{"no value", []KV{{Key: "k"}}, nil, `key "k": there is no value`},
		{"an alignment of 7", []KV{NewKV(alignmentKey, uint32(7))}, nil, "general.alignment is 7"},
		{"a name twice", nil, []Tensor{tensor, tensor}, `tensor name "t" is there twice`},
		{"no name", nil, with(func(t *Tensor) { t.Name = "" }), "the name has 0 bytes"},
		{"too much data", nil, with(func(t *Tensor) { t.Shape = []int{1} }), "F32 of shape [1] takes 4 bytes, not 8"},
		{"a negative dimension", nil, with(func(t *Tensor) { t.Shape = []int{-2} }), "every dimension has to be at least 1"},
		{"five dimensions", nil, with(func(t *Tensor) { t.Shape = []int{1, 1, 1, 1, 2} }), "5 dimensions"},
		{"a format not known", nil, with(func(t *Tensor) { t.Type = 17 }), "number format IQ2_XS is not supported"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var file bytes.Buffer
			err := Write(&file, test.metadata, test.tensors)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if file.Len() > 0 {
				t.Errorf("%d bytes were written before the error", file.Len())
			}
		})
	}
}

// errFull is what a full disk says.
var errFull = errors.New("no space left")

// fullAfter takes n bytes and then fails.
type fullAfter struct{ n int }

func (w *fullAfter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return 0, errFull
	}
	w.n -= len(p)
	return len(p), nil
}

func TestWritePassesErrorsOn(t *testing.T) {
	tensors := []Tensor{{Name: "t", Type: quant.F32, Shape: []int{2}, Data: make([]byte, 8)}}
	var whole bytes.Buffer
	if err := Write(&whole, nil, tensors); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if err := Write(&fullAfter{n}, nil, tensors); !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: error %v, want errFull", n, err)
		}
	}
	if err := Write(io.Discard, nil, tensors); err != nil {
		t.Error(err)
	}
}
