package gguf

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"vitrine/engine/quant"
)

// python.gguf was written by the Python package gguf (testdata/generate.py), with a value of every type.
func openPython(t *testing.T) *File {
	t.Helper()
	f, err := Open("testdata/python.gguf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestGetters(t *testing.T) {
	f := openPython(t)
	tests := []struct {
		key  string
		get  func(key string) (any, error)
		want any
		show string // Value.String
	}{
		{"a.uint8", getter(f.Uint), uint64(200), "200"},
		{"a.int8", getter(f.Int), int64(-100), "-100"},
		{"a.uint16", getter(f.Uint), uint64(60000), "60000"},
		{"a.int16", getter(f.Int), int64(-30000), "-30000"},
		{"a.uint32", getter(f.Uint), uint64(4000000000), "4000000000"},
		{"a.uint32", getter(f.Int), int64(4000000000), "4000000000"},
		{"a.int32", getter(f.Int), int64(-2000000000), "-2000000000"},
		{"a.float32", getter(f.Float), 1.5, "1.5"},
		{"a.bool", getter(f.Bool), true, "true"},
		{"a.string", getter(f.String), "注意力 attention", "注意力 attention"},
		{"a.uint64", getter(f.Uint), uint64(math.MaxUint64), "18446744073709551615"},
		{"a.int64", getter(f.Int), int64(math.MinInt64), "-9223372036854775808"},
		{"a.float64", getter(f.Float), 0.1, "0.1"},
		{"an.array.of.strings", getter(f.Strings), []string{"", "a", "注意"}, "3 × string [, a, 注意]"},
		{"an.array.of.ints", getter(f.Ints), []int64{1, -2, 3}, "3 × int32 [1, -2, 3]"},
		{"an.array.of.floats", getter(f.Floats), []float32{0.5, -0.25}, "2 × float32 [0.5, -0.25]"},
		{"an.array.of.bools", getter(f.Bools), []bool{true, false}, "2 × bool [true, false]"},
	}
	for _, test := range tests {
		t.Run(test.key, func(t *testing.T) {
			got, err := test.get(test.key)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
			if v, _ := f.Lookup(test.key); v.String() != test.show {
				t.Errorf("shown as %q, want %q", v, test.show)
			}
		})
	}
}

// getter gives all getters one signature.
func getter[T any](get func(string) (T, error)) func(string) (any, error) {
	return func(key string) (any, error) { return get(key) }
}

func TestNestedArray(t *testing.T) {
	v, ok := openPython(t).Lookup("an.array.of.arrays")
	if !ok || v.Type() != TypeArray || v.Elem() != TypeArray || v.Len() != 2 {
		t.Fatalf("%v of %v, %d elements, want an array of 2 arrays", v.Type(), v.Elem(), v.Len())
	}
	inner, err := v.Values()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]int64{{1, 2}, {3}} {
		if got, err := inner[i].Ints(); err != nil || !slices.Equal(got, want) {
			t.Errorf("array %d = %v, %v, want %v", i, got, err, want)
		}
	}
}

func TestGettersRefuse(t *testing.T) {
	f := openPython(t)
	tests := []struct {
		get  func(key string) (any, error)
		key  string
		want string
	}{
		{getter(f.Uint), "a.int8", `"a.int8": it is -100, which may not be negative`},
		{getter(f.Int), "a.uint64", `"a.uint64": it is 18446744073709551615, beyond what an int64 holds`},
		{getter(f.Uint), "a.string", `it is of type string; it has to be an integer`},
		{getter(f.Int), "a.bool", `it is of type bool; it has to be an integer`},
		{getter(f.Float), "a.uint8", `it is of type uint8; it has to be a float32 or float64`},
		{getter(f.Bool), "a.uint8", `it is of type uint8; it has to be a bool`},
		{getter(f.String), "an.array.of.strings", `it is of type array of string; it has to be a string`},
		{getter(f.Strings), "an.array.of.ints", `it is of type array of int32; it has to be an array of strings`},
		{getter(f.Strings), "a.string", `it has to be an array of strings`},
		{getter(f.Ints), "a.uint8", `it has to be an array of integers`},
		{getter(f.Ints), "an.array.of.bools", `it has to be an array of integers`},
		{getter(f.Floats), "an.array.of.ints", `it has to be an array of float32 or float64`},
		{getter(f.Bools), "an.array.of.ints", `it has to be an array of bools`},
	}
	for _, test := range tests {
		_, err := test.get(test.key)
		if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrMissing) {
			t.Errorf("%s: error %v, want one with %q", test.key, err, test.want)
		}
	}
}

func TestMissingKeys(t *testing.T) {
	f := openPython(t)
	if _, err := f.Uint("llama.block_count"); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "llama.block_count") {
		t.Errorf("error %v, want ErrMissing with the key", err)
	}
	if got, err := f.UintOr("no.such", 7); got != 7 || err != nil {
		t.Errorf("UintOr = %v, %v, want 7", got, err)
	}
	if got, err := f.IntOr("no.such", -7); got != -7 || err != nil {
		t.Errorf("IntOr = %v, %v, want -7", got, err)
	}
	if got, err := f.FloatOr("no.such", 0.5); got != 0.5 || err != nil {
		t.Errorf("FloatOr = %v, %v, want 0.5", got, err)
	}
	if got, err := f.BoolOr("no.such", true); !got || err != nil {
		t.Errorf("BoolOr = %v, %v, want true", got, err)
	}
	if got, err := f.StringOr("no.such", "x"); got != "x" || err != nil {
		t.Errorf("StringOr = %v, %v, want x", got, err)
	}
	if got, err := f.UintOr("a.uint8", 7); got != 200 || err != nil {
		t.Errorf("UintOr = %v, %v, want the file's 200", got, err)
	}
	if _, err := f.UintOr("a.string", 7); err == nil {
		t.Error("UintOr gave its default for a value of another type")
	}
}

// The value that Lookup gives for a missing key, and that a forgotten field has, fails like any other wrong type.
func TestZeroValue(t *testing.T) {
	var v Value
	if _, err := v.Uint(); err == nil {
		t.Error("the zero Value is an integer")
	}
	if _, err := v.Float(); err == nil || !strings.Contains(err.Error(), "of type none") {
		t.Errorf("error %v, want one that says that there is no value", err)
	}
	if v.String() != "no value" {
		t.Errorf("shown as %q", v)
	}
}

func TestTensors(t *testing.T) {
	f := openPython(t)
	if f.Version != 3 || f.Alignment != 64 || len(f.Tensors) != 3 {
		t.Fatalf("version %d, alignment %d, %d tensors, want 3, 64, 3", f.Version, f.Alignment, len(f.Tensors))
	}
	tests := []struct {
		name       string
		typ        quant.Type
		shape      []int
		rows, cols int
	}{
		{"matrix", quant.F32, []int{2, 3}, 2, 3},
		{"half", quant.F16, []int{2, 2, 2}, 4, 2},
		{"quantized", quant.Q8_0, []int{1, 64}, 1, 64},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tensor, ok := f.Tensor(test.name)
			if !ok {
				t.Fatal("not found")
			}
			if tensor.Type != test.typ || !slices.Equal(tensor.Shape, test.shape) || tensor.Rows() != test.rows || tensor.Cols() != test.cols {
				t.Errorf("%v %v, %d rows, %d columns, want %+v", tensor.Type, tensor.Shape, tensor.Rows(), tensor.Cols(), test)
			}
			got := make([]float32, test.rows*test.cols)
			if err := tensor.Float32(got); err != nil {
				t.Fatal(err)
			}
			for i, x := range got { // all tensors count up from 0; Q8_0 is off by at most half a step
				if math.Abs(float64(x)-float64(i)) > 0.5*63/127+0.02 || test.typ != quant.Q8_0 && x != float32(i) {
					t.Errorf("element %d = %v", i, x)
				}
			}
			if err := tensor.Float32(got[1:]); err == nil || !strings.Contains(err.Error(), test.name) {
				t.Errorf("error %v for a short destination, want one that names the tensor", err)
			}
		})
	}
	if _, ok := f.Tensor("no.such"); ok {
		t.Error("found a tensor that the file does not have")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	whole, err := os.ReadFile("testdata/python.gguf")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct{ path, want string }{
		{filepath.Join(dir, "none.gguf"), "none.gguf: no such file"},
		{dir, "not a regular file"},
		{write("empty.gguf", nil), "empty.gguf: gguf: the file is empty"},
		{write("half.gguf", whole[:len(whole)/2]), "half.gguf: gguf: metadata entry"},
		{write("cut.gguf", whole[:len(whole)-64]), `tensor 2 ("quantized"): 68 bytes at offset 128 end past the tensor data`},
	}
	for _, test := range tests {
		f, err := Open(test.path)
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
	}
}

func TestClose(t *testing.T) {
	f, err := Open("testdata/python.gguf")
	if err != nil {
		t.Fatal(err)
	}
	name, err := f.String("a.string")
	if err != nil {
		t.Fatal(err)
	}
	tensor, _ := f.Tensor("matrix")
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if name != "注意力 attention" {
		t.Errorf("a string read before Close became %q", name)
	}
	if tensor.Data != nil {
		t.Error("a tensor still has its data after Close")
	}
	if _, err := f.String("a.string"); !errors.Is(err, ErrMissing) {
		t.Errorf("error %v after Close, want ErrMissing", err)
	}
}

func TestVersion2(t *testing.T) {
	data, err := os.ReadFile("testdata/python.gguf")
	if err != nil {
		t.Fatal(err)
	}
	three, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Clone(data)
	old[4] = 2 // version 3 only added big-endian files
	two, err := Parse(old)
	if err != nil {
		t.Fatal(err)
	}
	if two.Version != 2 || !reflect.DeepEqual(two.Metadata, three.Metadata) || !reflect.DeepEqual(two.Tensors, three.Tensors) {
		t.Error("a file of version 2 reads otherwise than the same of version 3")
	}
}
