package quant

import (
	"math"
	"testing"

	"github.com/x448/float16"
)

// All 65,536 float16 values equal the library's, and turn back into themselves.
func TestFloat16ToFloat32(t *testing.T) {
	for i := range 1 << 16 {
		bits := uint16(i)
		got, want := Float16ToFloat32(bits), float16.Frombits(bits).Float32()
		if want != want {
			if got == got {
				t.Errorf("%#04x = %v, want not a number", bits, got)
			}
			continue
		}
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("%#04x = %v, want %v", bits, got, want)
		}
		if back := Float32ToFloat16(got); back != bits {
			t.Errorf("%#04x came back as %#04x", bits, back)
		}
	}
}

func TestBFloat16(t *testing.T) {
	tests := []struct {
		f    float32
		want uint16
	}{
		{1, 0x3f80},
		{-2, 0xc000},
		{math.Float32frombits(0x3f80_8000), 0x3f80}, // a tie goes to the even fraction, down
		{math.Float32frombits(0x3f81_8000), 0x3f82}, // and up
		{math.Float32frombits(0x3f80_8001), 0x3f81},
		{math.MaxFloat32, 0x7f80}, // infinity
		{float32(math.Inf(-1)), 0xff80},
		{math.Float32frombits(0x7f80_0001), 0x7fc0}, // the fraction's upper bits are zero, but it stays a NaN
	}
	for _, test := range tests {
		if got := Float32ToBFloat16(test.f); got != test.want {
			t.Errorf("Float32ToBFloat16(%v) = %#04x, want %#04x", test.f, got, test.want)
		}
	}
	for i := range 1 << 16 {
		f := BFloat16ToFloat32(uint16(i))
		if f == f && Float32ToBFloat16(f) != uint16(i) {
			t.Errorf("%#04x came back as %#04x", i, Float32ToBFloat16(f))
		}
	}
}
