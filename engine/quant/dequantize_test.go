package quant

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// reference is testdata/reference.json, which testdata/generate.py wrote with the Python package gguf.
type reference struct {
	Dequantize []referenceRow `json:"dequantize"`
	Quantize   []referenceRow `json:"quantize"`
}

type referenceRow struct {
	Type   string    `json:"type"`
	Bytes  string    `json:"bytes"` // hexadecimal
	Values []float32 `json:"values"`
}

func readReference(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// decode gives the row's format and bytes.
func (r referenceRow) decode(t *testing.T) (Type, []byte) {
	t.Helper()
	data, err := hex.DecodeString(r.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for typ := range formats {
		if typ.String() == r.Type {
			return typ, data
		}
	}
	t.Fatalf("reference.json has the format %q, which this package does not", r.Type)
	return 0, nil
}

// The float32 of every element of random blocks equals what the Python package gguf computes, to the last bit.
func TestDequantizeEqualsReference(t *testing.T) {
	rows := readReference(t).Dequantize
	if len(rows) != 10 {
		t.Fatalf("reference.json has %d formats, want the 10 quantized ones", len(rows))
	}
	for _, row := range rows {
		t.Run(row.Type, func(t *testing.T) {
			typ, src := row.decode(t)
			got := make([]float32, len(row.Values))
			if err := Dequantize(got, typ, src); err != nil {
				t.Fatal(err)
			}
			for i, want := range row.Values {
				if got[i] != want {
					t.Fatalf("element %d = %v, want %v", i, got[i], want)
				}
			}
		})
	}
}

// one is 1.0 and half 0.5 as a little-endian float16.
var one, half = []byte{0x00, 0x3c}, []byte{0x00, 0x38}

// zeros is n bytes of zero, in which a test sets a few.
func zeros(n int, set map[int]byte) []byte {
	b := make([]byte, n)
	for i, v := range set {
		b[i] = v
	}
	return b
}

// Blocks worked out on paper from the layouts, with d = 1 and dmin or m = 0.5: which element each bit belongs to.
func TestDequantizeByHand(t *testing.T) {
	tests := []struct {
		typ    Type
		block  []byte
		others float32         // what the elements not listed are
		want   map[int]float32 // elements by index
	}{
		{F32, []byte{0, 0, 0xc0, 0x3f}, 0, map[int]float32{0: 1.5}},
		{F16, []byte{0x01, 0xc0}, 0, map[int]float32{0: -2.001953125}}, // −2·(1 + 1/1024)
		{BF16, []byte{0x81, 0x3f}, 0, map[int]float32{0: 1.0078125}},   // 1 + 1/128
		{Q4_0, slices.Concat(one, zeros(16, map[int]byte{1: 0xf3})), -8, map[int]float32{1: 3 - 8, 17: 15 - 8}},
		{Q4_1, slices.Concat(one, half, zeros(16, map[int]byte{1: 0xf3})), 0.5, map[int]float32{1: 3.5, 17: 15.5}},
		// Byte 2 of the fifth bits holds those of elements 16 … 23: its bit 1 is element 17's.
		{Q5_0, slices.Concat(one, []byte{0, 0, 0x02, 0}, zeros(16, map[int]byte{1: 0xf3})), -16, map[int]float32{1: 3 - 16, 17: 31 - 16}},
		{Q5_1, slices.Concat(one, half, []byte{0x02, 0, 0, 0}, zeros(16, map[int]byte{1: 0xf3})), 0.5, map[int]float32{1: 19.5, 17: 15.5}},
		{Q8_0, slices.Concat(half, zeros(32, map[int]byte{0: 127, 31: 0x80})), 0, map[int]float32{0: 63.5, 31: -64}},
		// Sub-block 2 (elements 32 … 47) has s = 5 and m = 4, and its q in bits 2 and 3 of bytes 0 … 15: 0x0c is 3.
		{Q2_K, slices.Concat(zeros(16, map[int]byte{2: 0x45}), zeros(64, map[int]byte{15: 0x0c}), one, half), 0,
			func() map[int]float32 {
				want := map[int]float32{}
				for i := 32; i < 48; i++ {
					want[i] = -0.5 * 4
				}
				want[47] = 5*3 - 0.5*4
				return want
			}()},
		// Sub-block 13 (elements 208 … 223) has s = 0x2f: nibble 15 in the high half of byte 5, upper bits 2 in bits 6
		// and 7 of byte 9. Its elements stand in byte 32 + 16 + j of the lower bits at bits 4 and 5, third bit 6. All
		// other scales are −32, and all other q −4, hence 128.
		{Q3_K, slices.Concat(zeros(32, map[int]byte{17: 1 << 6}), zeros(64, map[int]byte{32 + 17: 3 << 4}), zeros(12, map[int]byte{5: 0xf0, 9: 2 << 6}), one), 128,
			func() map[int]float32 {
				want := map[int]float32{}
				for i := 208; i < 224; i++ {
					want[i] = (0x2f - 32) * -4
				}
				want[209] = (0x2f - 32) * (7 - 4)
				return want
			}()},
		// Sub-block 5 (elements 160 … 191): s = 0x25 and m = 0x13 from byte 9 (m's low nibble over s's), byte 1 (upper
		// bits of s) and byte 5 (upper bits of m); q in the high nibbles of bytes 64 … 95.
		{Q4_K, slices.Concat(one, half, zeros(12, map[int]byte{9: 0x35, 1: 2 << 6, 5: 1 << 6}), zeros(128, map[int]byte{64 + 31: 0x90})), 0,
			func() map[int]float32 {
				want := map[int]float32{}
				for i := 160; i < 192; i++ {
					want[i] = -0.5 * 0x13
				}
				want[191] = 0x25*9 - 0.5*0x13
				return want
			}()},
		// The same sub-block, with the fifth bit of element 191: bit 5 of byte 31.
		{Q5_K, slices.Concat(one, half, zeros(12, map[int]byte{9: 0x35, 1: 2 << 6, 5: 1 << 6}), zeros(32, map[int]byte{31: 1 << 5}), zeros(128, map[int]byte{64 + 31: 0x90})), 0,
			func() map[int]float32 {
				want := map[int]float32{}
				for i := 160; i < 192; i++ {
					want[i] = -0.5 * 0x13
				}
				want[191] = 0x25*25 - 0.5*0x13
				return want
			}()},
		// Sub-block 14 (elements 224 … 239) has s = −2; element 225 has its lower bits in the high nibble of byte
		// 64 + 32 + 1, its upper bits in bits 6 and 7 of byte 32 + 1.
		{Q6_K, slices.Concat(zeros(128, map[int]byte{97: 0x90}), zeros(64, map[int]byte{33: 3 << 6}), zeros(16, map[int]byte{14: 0xfe}), one), 0,
			func() map[int]float32 {
				want := map[int]float32{}
				for i := 224; i < 240; i++ {
					want[i] = -2 * -32
				}
				want[225] = -2 * (0x39 - 32)
				return want
			}()},
	}
	if len(tests) != len(formats) {
		t.Errorf("%d formats are tested, there are %d", len(tests), len(formats))
	}
	for _, test := range tests {
		t.Run(test.typ.String(), func(t *testing.T) {
			info, _ := test.typ.Info()
			got := make([]float32, info.BlockSize)
			if err := Dequantize(got, test.typ, test.block); err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				want, ok := test.want[i]
				if !ok {
					want = test.others
				}
				if v != want {
					t.Errorf("element %d = %v, want %v", i, v, want)
				}
			}
		})
	}
}

func TestDequantizeRefuses(t *testing.T) {
	tests := []struct {
		name     string
		elements int
		typ      Type
		bytes    int
		want     string
	}{
		{"a format not read", 256, 17, 74, "number format IQ2_XS is not supported"},
		{"an unknown format", 32, 99, 18, "number format type 99 is not supported"},
		{"part of a block", 33, Q4_0, 18, "33 elements are not a whole number of Q4_0 blocks of 32"},
		{"too few bytes", 32, Q4_1, 19, "32 elements of Q4_1 take 20 bytes, not 19"},
		{"too many bytes", 256, Q6_K, 211, "256 elements of Q6_K take 210 bytes, not 211"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := Dequantize(make([]float32, test.elements), test.typ, make([]byte, test.bytes))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestRowBytes(t *testing.T) {
	tests := []struct {
		typ  Type
		n    int
		want int // −1: an error
	}{
		{Q4_1, 576, 360},
		{Q6_K, 1536, 1260},
		{BF16, 7, 14},
		{F32, 0, 0},
		{Q8_0, -32, -1},
		{Q8_0, 48, -1},
		{F32, math.MaxInt, -1},
		{16, 256, -1},
	}
	for _, test := range tests {
		got, err := test.typ.RowBytes(test.n)
		if (err != nil) != (test.want < 0) || err == nil && got != test.want {
			t.Errorf("%v.RowBytes(%d) = %d, %v, want %d", test.typ, test.n, got, err, test.want)
		}
	}
}

// Supported and the table of names have to keep up with the table of formats.
func TestEveryFormatIsNamed(t *testing.T) {
	for typ := range formats {
		if !strings.Contains(strings.ReplaceAll(Supported, " and", ",")+",", typ.String()+",") {
			t.Errorf("Supported does not name %v", typ)
		}
	}
	if info, _ := Q4_1.Info(); info.BitsPerWeight() != 5 {
		t.Errorf("Q4_1 takes %v bits a weight, want 5", info.BitsPerWeight())
	}
}

func BenchmarkDequantize(b *testing.B) {
	for _, typ := range []Type{F16, Q4_1, Q8_0, Q4_K, Q6_K} {
		b.Run(typ.String(), func(b *testing.B) {
			const n = 1 << 16
			size, err := typ.RowBytes(n)
			if err != nil {
				b.Fatal(err)
			}
			src, dst := make([]byte, size), make([]float32, n)
			for b.Loop() {
				if err := Dequantize(dst, typ, src); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mweights/s")
		})
	}
}
