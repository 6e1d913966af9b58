package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"vitrine/engine/quant"
)

// bytesOf builds a file by hand: integers little-endian by their size, strings without their length, text with it.
func bytesOf(parts ...any) []byte {
	var b []byte
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			b = append(b, p...)
		case text:
			b = append(binary.LittleEndian.AppendUint64(b, uint64(len(p))), p...)
		default:
			var err error
			if b, err = binary.Append(b, binary.LittleEndian, p); err != nil {
				panic(err)
			}
		}
	}
	return b
}

type text string

type (
	u32 = uint32
	u64 = uint64
)

// header is the start of a file of version 3.
func header(tensors, entries u64) []byte { return bytesOf("GGUF", u32(3), tensors, entries) }

// room is enough that no count in these tests is refused for want of it.
var room = make([]byte, 4096)

// oneTensor is a file with one tensor info and room for its data.
func oneTensor(parts ...any) []byte {
	return slices.Concat(header(1, 0), bytesOf(parts...), room)
}

func TestParseRefuses(t *testing.T) {
	const huge = u64(1) << 40
	valid := []any{text("t"), u32(1), u64(8), u32(quant.F32), u64(0)}
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "magic number at byte 0 takes 4 bytes, and the file has 0 left"},
		{"another format", []byte("PK\x03\x04zip"), `the file starts with "PK\x03\x04", a GGUF file with "GGUF"`},
		{"version 1", bytesOf("GGUF", u32(1), u32(0), u32(0), room), "version 1 is not supported, only 2 and 3"},
		{"version 4", bytesOf("GGUF", u32(4), room), "version 4 is not supported"},
		{"big-endian", bytesOf("GGUF", []byte{0, 0, 0, 3}, room), "the file is big-endian"},
		{"too many tensors", slices.Concat(header(huge, 0), room), "1099511627776 tensors take at least 25 bytes each"},
		{"too many entries", slices.Concat(header(0, math.MaxUint64), room), "18446744073709551615 metadata entries take at least 14 bytes each"},

		{"an endless key", bytesOf(header(0, 1), u64(math.MaxUint64), room), "metadata entry 0: at byte 32: the key has 18446744073709551615 bytes; it has to have 1 to 65535"},
		{"a key past the end", bytesOf(header(0, 1), u64(60000), room), "key at byte 32 takes 60000 bytes, and the file has 4096 left"},
		{"no key", bytesOf(header(0, 1), text(""), u32(0), room), "the key has 0 bytes"},
		{"a key twice", bytesOf(header(0, 2), text("k"), u32(0), uint8(1), text("k"), u32(0), uint8(2), room), `metadata entry 1: key "k" is that of entry 0 already`},
		{"an unknown type", bytesOf(header(0, 1), text("k"), u32(13), room), `key "k": the value's type is 13; types are 0 to 12`},
		{"a boolean of 2", bytesOf(header(0, 1), text("k"), u32(TypeBool), uint8(2), room), "boolean 0 is 2, neither 0 (false) nor 1 (true)"},
		{"a string past the end", bytesOf(header(0, 1), text("k"), u32(TypeString), huge, room), `key "k": string at byte 45 takes 1099511627776 bytes`},

		{"an array past the end", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeFloat64), huge, room), "1099511627776 array elements of type float64 take at least 8 bytes each"},
		{"an array whose bytes overflow", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeFloat64), u64(1)<<61, room), "2305843009213693952 array elements of type float64 take"},
		{"an array of too many strings", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeString), huge, room), "array elements of type string take at least 8 bytes each"},
		{"an array of an unknown type", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(99), u64(1), room), "the type of the array's elements is 99"},
		{"a string in an array past the end", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeString), u64(2), text("a"), huge, room), "array element 1: string at byte"},
		{"a boolean of 7 in an array", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeBool), u64(2), []byte{1, 7}, room), "boolean 1 is 7"},
		{"deep arrays", bytesOf(header(0, 1), text("k"), u32(TypeArray), bytes.Repeat(bytesOf(u32(TypeArray), u64(1)), 1000), room), "arrays are nested more than 8 deep"},

		{"an alignment of 0", bytesOf(header(0, 1), text(alignmentKey), u32(TypeUint32), u32(0), room), "general.alignment is 0; it has to be a power of two from 8 to 65536"},
		{"an alignment of 24", bytesOf(header(0, 1), text(alignmentKey), u32(TypeUint32), u32(24), room), "general.alignment is 24"},
		{"a huge alignment", bytesOf(header(0, 1), text(alignmentKey), u32(TypeUint32), u32(1<<17), room), "general.alignment is 131072"},
		{"an alignment that is a string", bytesOf(header(0, 1), text(alignmentKey), u32(TypeString), text("32"), room), `key "general.alignment": it is of type string; it has to be an integer`},

		{"a long name", oneTensor(text(strings.Repeat("n", 65)), u32(1), u64(8), u32(0), u64(0)), "the name has 65 bytes; it has to have 1 to 64"},
		{"a name twice", bytesOf(header(2, 0), bytesOf(valid...), bytesOf(valid...), room), `tensor 1: name "t" is that of tensor 0 already`},
		{"five dimensions", oneTensor(text("t"), u32(5), []u64{1, 1, 1, 1, 1}, u32(0), u64(0)), `tensor 0: name "t": 5 dimensions; a tensor has at most 4`},
		{"a billion dimensions", oneTensor(text("t"), u32(1<<30)), "1073741824 dimensions"},
		{"a dimension of 0", oneTensor(text("t"), u32(2), []u64{8, 0}, u32(0), u64(0)), "shape [0 8]: every dimension has to be at least 1"},
		{"a dimension beyond an int", oneTensor(text("t"), u32(1), u64(1)<<63, u32(0), u64(0)), "dimension 0 is 9223372036854775808, beyond what an int holds"},
		{"elements that overflow", oneTensor(text("t"), u32(3), []u64{1 << 30, 1 << 30, 1 << 30}, u32(0), u64(0)), "the number of elements does not fit an int"},
		{"bytes that overflow", oneTensor(text("t"), u32(2), []u64{1 << 31, 1 << 31}, u32(0), u64(0)), "do not fit an int"},
		{"an unknown number format", oneTensor(text("t"), u32(1), u64(8), u32(77), u64(0)), "number format type 77 is not supported; supported are F32"},
		{"a number format not read", oneTensor(text("t"), u32(1), u64(256), u32(23), u64(0)), "number format IQ4_XS is not supported"},
		{"part of a block", oneTensor(text("t"), u32(2), []u64{16, 2}, u32(quant.Q8_0), u64(0)), "shape [2 16]: quant: 16 elements are not a whole number of Q8_0 blocks of 32"},
		{"an offset that is not aligned", oneTensor(text("t"), u32(1), u64(8), u32(0), u64(16)), `tensor 0 ("t"): offset 16 is not a multiple of the alignment, 32`},
		{"an offset past the end", oneTensor(text("t"), u32(1), u64(8), u32(0), u64(1)<<32), "32 bytes at offset 4294967296 end past the tensor data"},
		{"an offset that overflows", oneTensor(text("t"), u32(1), u64(8), u32(0), u64(math.MaxUint64-31)), "end past the tensor data"},
		{"data past the end", oneTensor(text("t"), u32(1), u64(4096), u32(0), u64(0)), "16384 bytes at offset 0 end past the tensor data"},
		{"tensors that overlap", bytesOf(header(2, 0), text("b"), u32(1), u64(8), u32(0), u64(32), text("a"), u32(1), u64(9), u32(0), u64(0), room),
			`tensor 0 ("b") at offset 32 overlaps tensor 1 ("a"), which ends at 36`},
		{"no data", bytesOf(header(1, 0), bytesOf(valid...)), "padding before the tensor data"},
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

// What Parse takes at the edge of what it refuses.
func TestParseAccepts(t *testing.T) {
	tests := []struct {
		name string
		data []byte
	}{
		{"no entries and no tensors", header(0, 0)},
		{"arrays as deep as may be", bytesOf(header(0, 1), text("k"), u32(TypeArray), bytes.Repeat(bytesOf(u32(TypeArray), u64(1)), 7), u32(TypeUint8), u64(0))},
		{"a tensor without dimensions", oneTensor(text("t"), u32(0), u32(quant.F32), u64(0))},
		{"tensors out of order", bytesOf(header(2, 0), text("b"), u32(1), u64(8), u32(0), u64(64), text("a"), u32(1), u64(9), u32(0), u64(0), room)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Parse(test.data); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file cut off at any byte is an error, or the whole file but for padding at its end; never a panic.
func TestParseCutFile(t *testing.T) {
	data, err := os.ReadFile("testdata/python.gguf")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	last := whole.Tensors[len(whole.Tensors)-1].Data
	end := len(data) - padding(len(last), whole.Alignment)
	for n := range data {
		f, err := Parse(data[:n:n])
		if n < end && err == nil {
			t.Errorf("cut at byte %d of %d: no error", n, len(data))
		}
		if n >= end && (err != nil || !reflect.DeepEqual(f.Tensors, whole.Tensors)) {
			t.Errorf("cut at byte %d, in the padding: %v", n, err)
		}
	}
}

// A small file that claims to hold a lot costs what it is, not what it claims.
func TestHostileCountsDoNotAllocate(t *testing.T) {
	const huge = u64(1) << 40
	tests := []struct {
		name string
		data []byte
	}{
		{"tensors", header(huge, 0)},
		{"entries", header(0, huge)},
		{"a key", bytesOf(header(0, 1), huge)},
		{"a string", bytesOf(header(0, 1), text("k"), u32(TypeString), huge)},
		{"an array of numbers", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeFloat32), huge)},
		{"an array of strings", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeString), huge)},
		{"an array of arrays", bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeArray), huge)},
		{"dimensions", bytesOf(header(1, 0), text("t"), u32(math.MaxUint32))},
		{"a tensor", bytesOf(header(1, 0), text("t"), u32(1), huge, u32(0), u64(0))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := slices.Concat(test.data, make([]byte, max(0, 100-len(test.data))))
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

// Reading a vocabulary takes an allocation for the list and one for all of its text.
func TestStringsAllocations(t *testing.T) {
	vocabulary := make([]string, 10000)
	for i := range vocabulary {
		vocabulary[i] = strings.Repeat("x", i%20)
	}
	var file bytes.Buffer
	if err := Write(&file, []KV{NewKV("tokens", vocabulary)}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Parse(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if n := testing.AllocsPerRun(5, func() { got, err = f.Strings("tokens") }); n > 2 || err != nil {
		t.Errorf("%v allocations, %v, want 2", n, err)
	}
	if !slices.Equal(got, vocabulary) {
		t.Error("the strings read are not those written")
	}
}

// Whatever the bytes: Parse does not panic, and what it accepts can be looked through, written and read again.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/python.gguf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(header(0, 0))
	f.Add(header(1<<40, 1<<40))
	f.Add(oneTensor(text("t"), u32(2), []u64{32, 2}, u32(quant.Q4_1), u64(0)))
	f.Add(bytesOf(header(0, 1), text("k"), u32(TypeArray), u32(TypeString), u64(2), text("a"), text("b")))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		for _, kv := range file.Metadata {
			lookThrough(t, kv.Value)
		}
		for i := range file.Tensors {
			tensor := &file.Tensors[i]
			if err := tensor.Float32(make([]float32, tensor.Rows()*tensor.Cols())); err != nil {
				t.Errorf("accepted, but not read: %v", err)
			}
		}
		var again bytes.Buffer
		if err := Write(&again, file.Metadata, file.Tensors); err != nil {
			t.Fatalf("accepted, but not written: %v", err)
		}
		back, err := Parse(again.Bytes())
		if err != nil {
			t.Fatalf("written, but not accepted: %v", err)
		}
		if !sameContent(file, back) {
			t.Error("what was read again differs from what was written")
		}
	})
}

// lookThrough decodes a value in every way that there is. Exactly those of its type may succeed.
func lookThrough(t *testing.T, v Value) {
	_ = v.String()
	number, text, array := 0, 0, 0
	for _, decode := range []struct {
		count *int
		err   func() error
	}{
		{&number, func() error { _, err := v.Int(); return err }},
		{&number, func() error { _, err := v.Float(); return err }},
		{&number, func() error { _, err := v.Bool(); return err }},
		{&text, func() error { _, err := v.Text(); return err }},
		{&array, func() error { _, err := v.Strings(); return err }},
		{&array, func() error { _, err := v.Ints(); return err }},
		{&array, func() error { _, err := v.Floats(); return err }},
		{&array, func() error { _, err := v.Bools(); return err }},
	} {
		if decode.err() == nil {
			*decode.count++
		}
	}
	if number+text+array > 1 {
		t.Errorf("%v of %v decodes as %d numbers, %d strings and %d arrays", v.Type(), v.Elem(), number, text, array)
	}
	elements, err := v.Values()
	if (err == nil) != (v.Type() == TypeArray) || len(elements) != v.Len() {
		t.Errorf("%v: %d elements, %v, want %d", v.Type(), len(elements), err, v.Len())
	}
	for _, e := range elements {
		lookThrough(t, e)
	}
}

// sameContent compares two files but for their version and where their bytes stand.
func sameContent(a, b *File) bool {
	sameValue := func(x, y KV) bool {
		return x.Key == y.Key && x.Value.typ == y.Value.typ && x.Value.elem == y.Value.elem && x.Value.n == y.Value.n && bytes.Equal(x.Value.raw, y.Value.raw)
	}
	sameTensor := func(x, y Tensor) bool {
		return x.Name == y.Name && x.Type == y.Type && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Data, y.Data)
	}
	return a.Alignment == b.Alignment && slices.EqualFunc(a.Metadata, b.Metadata, sameValue) && slices.EqualFunc(a.Tensors, b.Tensors, sameTensor)
}
