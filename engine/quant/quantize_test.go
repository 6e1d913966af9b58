package quant

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The bytes written for random rows equal those that the Python package gguf writes.
func TestQuantizeEqualsReference(t *testing.T) {
	rows := readReference(t).Quantize
	if len(rows) != 7 {
		t.Fatalf("reference.json has %d formats, want 7", len(rows))
	}
	for _, row := range rows {
		t.Run(row.Type, func(t *testing.T) {
			typ, want := row.decode(t)
			got := make([]byte, len(want))
			if err := Quantize(got, typ, row.Values); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("bytes differ:\n got %x\nwant %x", got, want)
			}
		})
	}
}

// What is written and read again differs by no more than the format's step: half of one in the middle, a whole one at
// the open end of Q4_0 and Q5_0, and what rounding the scale and the minimum to float16 (2⁻¹¹ of them) adds.
func TestQuantizeRoundTrip(t *testing.T) {
	tests := []struct {
		typ   Type
		bound func(largest, spread float64) float64 // of |x − x'|, by the block's largest |x| and its max − min
	}{
		{F32, func(float64, float64) float64 { return 0 }},
		{F16, func(largest, _ float64) float64 { return largest*0x1p-11 + 0x1p-25 }},
		{BF16, func(largest, _ float64) float64 { return largest * 0x1p-8 }},
		{Q4_0, func(largest, _ float64) float64 { return largest*(1.0/8+0x1p-10) + 0x1p-21 }},
		{Q5_0, func(largest, _ float64) float64 { return largest*(1.0/16+0x1p-10) + 0x1p-20 }},
		{Q8_0, func(largest, _ float64) float64 { return largest*(0.5/127+0x1p-10) + 0x1p-17 }},
		{Q4_1, func(largest, spread float64) float64 { return spread*0.5/15 + (largest+spread)*0x1p-10 + 0x1p-20 }},
		{Q5_1, func(largest, spread float64) float64 { return spread*0.5/31 + (largest+spread)*0x1p-10 + 0x1p-19 }},
	}
	for _, test := range tests {
		t.Run(test.typ.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				const n = 32
				src := rapid.SliceOfN(rapid.Float32Range(-30000, 30000), n, n).Draw(t, "x")
				if rapid.Bool().Draw(t, "small") {
					for i := range src {
						src[i] /= 1 << 20
					}
				}
				size, err := test.typ.RowBytes(n)
				if err != nil {
					t.Fatal(err)
				}
				stored, got := make([]byte, size), make([]float32, n)
				if err := Quantize(stored, test.typ, src); err != nil {
					t.Fatal(err)
				}
				if err := Dequantize(got, test.typ, stored); err != nil {
					t.Fatal(err)
				}
				smallest, biggest := math.Inf(1), math.Inf(-1)
				for _, x := range src {
					smallest, biggest = min(smallest, float64(x)), max(biggest, float64(x))
				}
				bound := test.bound(max(-smallest, biggest), biggest-smallest)
				for i, x := range src {
					if diff := math.Abs(float64(got[i]) - float64(x)); diff > bound {
						t.Fatalf("element %d: %v became %v, off by %v, more than %v", i, x, got[i], diff, bound)
					}
				}
			})
		})
	}
}

func TestQuantizeRefuses(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	tests := []struct {
		name  string
		typ   Type
		set   map[int]float32
		bytes int
		want  string
	}{
		{"infinity", Q4_0, map[int]float32{5: inf}, 36, "element 5 is +Inf"},
		{"not a number", Q8_0, map[int]float32{40: nan}, 68, "element 40 is NaN"},
		{"a minimum beyond float16", Q4_1, map[int]float32{33: -70000}, 40, "the minimum -70000 of block 1 does not fit a float16"},
		{"a scale beyond float16", Q5_1, map[int]float32{0: 3e38, 1: -3e38}, 48, "the scale +Inf of block 0 does not fit a float16"},
		{"a format only read", Q4_K, nil, 36, "64 elements are not a whole number of Q4_K blocks"},
		{"too little room", Q5_0, nil, 43, "64 elements of Q5_0 take 44 bytes, not 43"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := make([]float32, 64)
			for i, v := range test.set {
				src[i] = v
			}
			err := Quantize(make([]byte, test.bytes), test.typ, src)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	if err := Quantize(make([]byte, 144), Q4_K, make([]float32, 256)); err == nil || !strings.Contains(err.Error(), "writing Q4_K is not supported") {
		t.Errorf("error %v, want one that says that Q4_K is not written", err)
	}
}
