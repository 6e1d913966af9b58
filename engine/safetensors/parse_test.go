package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// file puts the header's length before it, and n bytes of data after it.
func file(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

// a is a file with the one tensor "a", of which the header says info.
func a(info string, n int) []byte { return file(`{"a":{`+info+`}}`, n) }

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "the file has 0 bytes; the length of its header alone takes 8"},
		{"part of the length", []byte{2, 0, 0}, "the file has 3 bytes"},
		{"a huge header", binary.LittleEndian.AppendUint64(nil, 1<<40), "the header's length is 1099511627776; at most 100000000 bytes are allowed"},
		{"a header past the end", binary.LittleEndian.AppendUint64(nil, 100), "the header's length is 100, and the file has 0 bytes after it"},
		{"no JSON", file("", 0), "header: the JSON is broken near byte 0"},
		{"broken JSON", file(`{"a":{]`, 0), `"a": the JSON is broken near byte`},
		{"JSON cut off", file(`{"a":{"dtype":"F32"`, 0), "unexpected EOF"},
		{"bytes that are not UTF-8", file("{\"\xff\":{}}", 0), "the JSON is not valid UTF-8"},
		{"two objects", file(`{}{}`, 0), "something follows the JSON"},
		{"rubbish after the object", file(`{}x`, 0), "something follows the JSON"},
		{"a list", file(`[]`, 0), `"[" before byte 1 is not an object`},
		{"null", file(`null`, 0), "is not an object"},
		{"a tensor that is a string", file(`{"a":"b"}`, 0), `"a": "b" before byte 8 is not an object`},
		{"a name twice", file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}`, 8), `the name "a" comes twice`},
		{"a field twice", a(`"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,4]`, 4), `"a": the name "dtype" comes twice`},
		{"metadata that is not text", file(`{"__metadata__":{"a":1}}`, 0), `"__metadata__": "a": "1" before byte`},

		{"no dtype", a(`"shape":[],"data_offsets":[0,4]`, 4), `"a": dtype is missing`},
		{"a field in another case", a(`"DTYPE":"F32","shape":[],"data_offsets":[0,4]`, 4), `"a": dtype is missing`},
		{"an unknown dtype", a(`"dtype":"Q4","shape":[],"data_offsets":[0,4]`, 4), `"a": dtype: "Q4" is not one that the format has`},
		{"a dtype that is a number", a(`"dtype":32`, 4), `"a": "dtype": "32" before byte`},
		{"no shape", a(`"dtype":"F32","data_offsets":[0,4]`, 4), `"a": shape is missing`},
		{"a shape that is null", a(`"dtype":"F32","shape":null,"data_offsets":[0,4]`, 4), `"shape": "<nil>" before byte`},
		{"a negative dimension", a(`"dtype":"F32","shape":[-1],"data_offsets":[0,4]`, 4), `"shape": -1 is not an integer from 0`},
		{"a dimension that is not whole", a(`"dtype":"F32","shape":[1.0],"data_offsets":[0,4]`, 4), "1.0 is not an integer"},
		{"a dimension beyond 64 bits", a(`"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]`, 4), "18446744073709551616 is not an integer"},
		{"a dimension beyond an int", a(`"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]`, 4), "9223372036854775808 is not an integer"},
		{"a dimension that is a string", a(`"dtype":"F32","shape":["1"],"data_offsets":[0,4]`, 4), `"shape": "1" before byte`},
		{"a shape that overflows", a(`"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]`, 0), "the number of its bits does not fit an int"},
		{"bytes that overflow", a(`"dtype":"I64","shape":[2305843009213693952],"data_offsets":[0,0]`, 0), "the number of its bits does not fit an int"},
		{"many dimensions", a(`"dtype":"F32","shape":[`+strings.Repeat("1,", 64)+`1],"data_offsets":[0,4]`, 4), `"shape": the array has more than 64 numbers`},
		{"half a byte", a(`"dtype":"F4","shape":[3],"data_offsets":[0,1]`, 1), "3 elements of 4 bits are not a whole number of bytes"},

		{"no data_offsets", a(`"dtype":"F32","shape":[]`, 4), `"a": data_offsets []: two numbers are needed`},
		{"one data_offset", a(`"dtype":"F32","shape":[],"data_offsets":[0]`, 4), `"a": data_offsets [0]: two numbers are needed`},
		{"three data_offsets", a(`"dtype":"F32","shape":[],"data_offsets":[0,4,8]`, 4), `"data_offsets": the array has more than 2 numbers`},
		{"data_offsets that go back", a(`"dtype":"F32","shape":[],"data_offsets":[4,0]`, 4), "data_offsets [4, 0]: F32 of shape [] takes 4 bytes"},
		{"fewer bytes than the shape", a(`"dtype":"F32","shape":[2],"data_offsets":[0,4]`, 4), "data_offsets [0, 4]: F32 of shape [2] takes 8 bytes"},
		{"a hole before", a(`"dtype":"F32","shape":[],"data_offsets":[4,8]`, 8), `tensor "a": data_offsets [4, 8] leave a hole from 0`},
		{"a hole between", file(`{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[],"data_offsets":[2,3]}}`, 3), `tensor "b": data_offsets [2, 3] leave a hole from 1`},
		{"an overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), `tensor "b": data_offsets [1, 3] overlap another tensor, which ends at 2`},
		{"past the end", a(`"dtype":"F32","shape":[],"data_offsets":[0,4]`, 3), `tensor "a": data_offsets [0, 4] end past the data, which has 3 bytes`},
		{"offsets near the limit", a(fmt.Sprintf(`"dtype":"F32","shape":[],"data_offsets":[%d,%d]`, math.MaxInt-4, math.MaxInt), 4), "leave a hole from 0"},
		{"data that no tensor covers", a(`"dtype":"F32","shape":[],"data_offsets":[0,4]`, 5), "the tensors cover 4 bytes of data, and the file has 5"},
		{"data and no tensors", file(`{}`, 1), "the tensors cover 0 bytes of data, and the file has 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.data)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// What Parse takes because the reference implementation does.
func TestParseAccepts(t *testing.T) {
	tests := []struct {
		name string
		data []byte
	}{
		{"nothing", file(`{}`, 0)},
		{"space around", file(" {} \n", 0)},
		{"a field that nobody knows", a(`"dtype":"F32","shape":[],"new":{"x":[1,{}]},"data_offsets":[0,4]`, 4)},
		{"no name", file(`{"":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4)},
		{"elements of 4 bits", a(`"dtype":"F4","shape":[2,3],"data_offsets":[0,3]`, 3)},
		{"an empty tensor between others", file(`{"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"n":{"dtype":"U8","shape":[0],"data_offsets":[1,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}`, 3)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse(test.data); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file cut off at any byte is an error, never a panic.
func TestParseCutFile(t *testing.T) {
	data, err := os.ReadFile("testdata/python.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := Parse(data[:n:n]); err == nil {
			t.Errorf("cut at byte %d of %d: no error", n, len(data))
		}
	}
}

// A small file that claims to hold a lot costs what it is, not what it claims.
func TestHostileSizesDoNotAllocate(t *testing.T) {
	tests := map[string][]byte{
		"header":  append(binary.LittleEndian.AppendUint64(nil, maxHeaderBytes), '{'),
		"shape":   a(`"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]`, 4),
		"offsets": a(`"dtype":"U8","shape":[1],"data_offsets":[1099511627776,1099511627777]`, 4),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Parse(data)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("no error")
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 64<<10 {
				t.Errorf("%d bytes allocated for a file of %d", allocated, len(data))
			}
		})
	}
}

// Whatever the bytes: Parse does not panic, and what it accepts is written and read again as it was.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/python.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(file(`{"__metadata__":{"a":"b"}}`, 0))
	f.Add(a(`"dtype":"BF16","shape":[2],"data_offsets":[0,4]`, 4))
	f.Add(a(`"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]`, 0))
	f.Add(binary.LittleEndian.AppendUint64(nil, math.MaxUint64))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		for i := range s.Tensors {
			tensor := &s.Tensors[i]
			elements := tensor.Rows() * tensor.Cols()
			if elements > 2*len(data) {
				t.Fatalf("%d elements in a file of %d bytes", elements, len(data))
			}
			if _, ok := tensor.Type(); ok {
				if err := tensor.Float32(make([]float32, elements)); err != nil {
					t.Errorf("accepted, but not read: %v", err)
				}
			}
		}
		var again bytes.Buffer
		if err := Write(&again, s.Tensors, s.Metadata); err != nil {
			t.Fatalf("accepted, but not written: %v", err)
		}
		back, err := Parse(again.Bytes())
		if err != nil {
			t.Fatalf("written, but not accepted: %v", err)
		}
		same := func(x, y Tensor) bool {
			return x.Name == y.Name && x.DType == y.DType && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Data, y.Data)
		}
		if !slices.EqualFunc(s.Tensors, back.Tensors, same) {
			t.Error("what was read again differs from what was written")
		}
	})
}

// Whatever the bytes: the index gives plain names of files or an error.
func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":4},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../../x.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"C:x.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		shards, err := parseIndex(data)
		if err != nil {
			return
		}
		for shard := range shards {
			if strings.ContainsAny(shard, `/\`) || shard == "" || shard == "." || shard == ".." {
				t.Errorf("shard %q accepted", shard)
			}
		}
	})
}
