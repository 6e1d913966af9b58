package safetensors

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vitrine/engine/quant"
)

// floats is what the floating-point tensors of python.safetensors hold, which testdata/generate.py wrote.
var floats = []float32{1.5, -2, 0.25, 8, 0, -0.5}

func openSet(t *testing.T, path string) *Set {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOpenFile(t *testing.T) {
	s := openSet(t, "testdata/python.safetensors")
	if want := map[string]string{"format": "<np> & 注意"}; !maps.Equal(s.Metadata, want) {
		t.Errorf("metadata %v, want %v", s.Metadata, want)
	}
	tests := []struct { // in the order of the set, which is by name
		name       string
		dtype      DType
		typ        quant.Type
		shape      []int
		rows, cols int
		values     []float32 // nil: not converted
	}{
		{`a "quoted" <name> 注意`, "U32", 0, []int{1}, 1, 1, nil},
		{"brain", BF16, quant.BF16, []int{6}, 1, 6, floats},
		{"byte", "U8", 0, []int{1}, 1, 1, nil},
		{"half", F16, quant.F16, []int{3, 2}, 3, 2, floats},
		{"ids", "I64", 0, []int{2}, 1, 2, nil},
		{"matrix", F32, quant.F32, []int{2, 3}, 2, 3, floats},
		{"nothing", F32, quant.F32, []int{0, 4}, 0, 4, []float32{}},
		{"number", F32, quant.F32, []int{}, 1, 1, floats[:1]},
	}
	if len(s.Tensors) != len(tests) {
		t.Fatalf("%d tensors, want %d", len(s.Tensors), len(tests))
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tensor, ok := s.Tensor(test.name)
			if !ok || tensor != &s.Tensors[i] {
				t.Fatalf("found: %t, or not at place %d", ok, i)
			}
			if tensor.DType != test.dtype || !slices.Equal(tensor.Shape, test.shape) || tensor.Rows() != test.rows || tensor.Cols() != test.cols {
				t.Errorf("%s %v, %d rows, %d columns, want %+v", tensor.DType, tensor.Shape, tensor.Rows(), tensor.Cols(), test)
			}
			typ, ok := tensor.Type()
			if ok != (test.values != nil) || typ != test.typ {
				t.Errorf("number format %v, %t, want %v", typ, ok, test.typ)
			}
			got := make([]float32, test.rows*test.cols)
			err := tensor.Float32(got)
			if test.values == nil {
				if want := "dtype " + string(test.dtype) + " is not converted"; err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want one with %q", err, want)
				}
				return
			}
			if err != nil || !slices.Equal(got, test.values) {
				t.Errorf("values %v, %v, want %v", got, err, test.values)
			}
			if err := tensor.Float32(make([]float32, len(got)+1)); err == nil || !strings.Contains(err.Error(), test.name) {
				t.Errorf("error %v for a long destination, want one that names the tensor", err)
			}
		})
	}
	for _, name := range []string{"", "Matrix", "zzz"} {
		if _, ok := s.Tensor(name); ok {
			t.Errorf("found a tensor %q that the file does not have", name)
		}
	}
}

func TestClose(t *testing.T) {
	s, err := Open("testdata/python.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	tensor, _ := s.Tensor("matrix")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := s.Tensor("matrix"); ok || tensor.Data != nil {
		t.Error("the set still has tensors, or a tensor its data, after Close")
	}
}

// folder makes a folder with files of the given contents.
func folder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shard is a file with one number under each name.
func shard(t *testing.T, metadata map[string]string, numbers map[string]float32) []byte {
	t.Helper()
	var tensors []Tensor
	for name, x := range numbers {
		tensor, err := NewFloat32(name, nil, []float32{x})
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, tensor)
	}
	var file strings.Builder
	if err := Write(&file, tensors, metadata); err != nil {
		t.Fatal(err)
	}
	return []byte(file.String())
}

func TestOpenFolder(t *testing.T) {
	one := shard(t, map[string]string{"format": "pt"}, map[string]float32{"b": 1, "d": 2})
	two := shard(t, map[string]string{"x": "y"}, map[string]float32{"a": 3, "c": 4, "not listed": 5, "d": 6})
	index := []byte(`{"metadata": {"total_size": 16}, "weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "2.safetensors", "d": "1.safetensors"}}`)
	tests := []struct {
		name  string
		files map[string][]byte
		want  map[string]float32
	}{
		{"one file of the usual name", map[string][]byte{fileName: one, "other.safetensors": two}, map[string]float32{"b": 1, "d": 2}},
		{"one file of another name", map[string][]byte{"other.safetensors": one, "config.json": nil}, map[string]float32{"b": 1, "d": 2}},
		// Shard 2 has a tensor that the index does not list and one that it places in shard 1: neither counts.
		{"shards", map[string][]byte{indexName: index, "1.safetensors": one, "2.safetensors": two}, map[string]float32{"a": 3, "b": 1, "c": 4, "d": 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openSet(t, folder(t, test.files))
			if len(s.Tensors) != len(test.want) || s.Metadata["format"] != "pt" {
				t.Errorf("%d tensors, metadata %v, want %d and the format pt", len(s.Tensors), s.Metadata, len(test.want))
			}
			for name, want := range test.want {
				tensor, ok := s.Tensor(name)
				if !ok {
					t.Errorf("tensor %q not found", name)
					continue
				}
				got := make([]float32, 1)
				if err := tensor.Float32(got); err != nil || got[0] != want {
					t.Errorf("%q = %v, %v, want %v", name, got[0], err, want)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	one := shard(t, nil, map[string]float32{"a": 1})
	index := func(weightMap string) map[string][]byte {
		return map[string][]byte{indexName: []byte(`{"weight_map": ` + weightMap + `}`), "1.safetensors": one}
	}
	tests := []struct {
		name string
		path string
		want string
	}{
		{"no such file", filepath.Join(t.TempDir(), "none"), "none: no such file"},
		{"an empty folder", t.TempDir(), "the folder has neither model.safetensors nor model.safetensors.index.json"},
		{"two files and no index", folder(t, map[string][]byte{"1.safetensors": one, "2.safetensors": one}), "the folder has 2 files that end in .safetensors, and no model.safetensors.index.json"},
		{"an empty file", filepath.Join(folder(t, map[string][]byte{"x": nil}), "x"), "x: safetensors: the file is empty"},
		{"a device", os.DevNull, "not a regular file"},
		{"half a file", filepath.Join(folder(t, map[string][]byte{"x": one[:len(one)-2]}), "x"), `x: safetensors: tensor "a": data_offsets [0, 4] end past the data, which has 2 bytes`},

		{"an empty index", folder(t, map[string][]byte{indexName: nil}), "the JSON is broken near byte 0: unexpected EOF"},
		{"an index without a map", folder(t, map[string][]byte{indexName: []byte(`{"metadata": {}}`)}), `"weight_map" is missing`},
		{"an index that is a list", folder(t, index(`["a"]`)), `"weight_map": "[" before byte 16 is not an object`},
		{"a shard that is a number", folder(t, index(`{"a": 1}`)), `"weight_map": "a": "1" before byte 22 is not a string`},
		{"a tensor twice", folder(t, index(`{"a": "1.safetensors", "a": "1.safetensors"}`)), `"weight_map": the name "a" comes twice`},
		{"a shard outside", folder(t, index(`{"a": "../1.safetensors"}`)), `"a": the shard "../1.safetensors" has to be the plain name of a file`},
		{"a shard outside, absolute", folder(t, index(`{"a": "/etc/x.safetensors"}`)), "has to be the plain name"},
		{"a shard outside, on Windows", folder(t, index(`{"a": "..\\x.safetensors"}`)), "has to be the plain name"},
		{"a shard in a folder", folder(t, index(`{"a": "sub/x.safetensors"}`)), "has to be the plain name"},
		{"a shard of another kind", folder(t, index(`{"a": "config.json"}`)), "has to be the plain name of a file that ends in .safetensors"},
		{"a shard without a name", folder(t, index(`{"a": ""}`)), "has to be the plain name"},
		{"a shard that is missing", folder(t, index(`{"a": "2.safetensors"}`)), "2.safetensors: no such file"},
		{"a tensor that the shard does not have", folder(t, index(`{"a": "1.safetensors", "b": "1.safetensors"}`)), `1.safetensors: safetensors: the index places tensor "b" in this shard, which does not have it`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := Open(test.path)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestIndexTooLarge(t *testing.T) {
	dir := folder(t, map[string][]byte{indexName: nil})
	if err := os.Truncate(filepath.Join(dir, indexName), maxHeaderBytes+1); err != nil { // a sparse file: it takes no room
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "the index has 100000001 bytes; at most 100000000 are allowed") {
		t.Errorf("error %v, want one that names the limit", err)
	}
}
