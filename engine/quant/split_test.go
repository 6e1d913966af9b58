package quant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// What Split takes apart, put together again by its scheme, is what Dequantize gives, to the bit.
func TestSplitIsLossless(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for typ, s := range splitters {
		t.Run(typ.String(), func(t *testing.T) {
			const n = 1024
			bytes, err := typ.RowBytes(n)
			if err != nil {
				t.Fatal(err)
			}
			src := make([]byte, bytes)
			for i := range src {
				src[i] = byte(random.Uint32())
			}
			q, d, m := make([]uint8, n), make([]float32, n/s.Group), make([]float32, n/s.Group)
			if err := Split(q, d, m, typ, src); err != nil {
				t.Fatal(err)
			}
			want := make([]float32, n)
			if err := Dequantize(want, typ, src); err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				g := i / s.Group
				got := float32(d[g]*float32(int(q[i])-s.Offset)) + m[g]
				if !s.Minima {
					got = d[g] * float32(int(q[i])-s.Offset)
				}
				if math.Float32bits(got) != math.Float32bits(w) && !(got != got && w != w) {
					t.Fatalf("element %d: %d with scale %v and minimum %v is %v, want %v", i, q[i], d[g], m[g], got, w)
				}
				if q[i]>>(s.Bits-1)>>1 != 0 {
					t.Fatalf("element %d is %d, which has more than %d bits", i, q[i], s.Bits)
				}
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, c := range []struct {
		typ     Type
		q, d, m int
		bytes   int
	}{
		{F32, 32, 1, 1, 128},   // not quantized
		{Q4_1, 32, 1, 0, 20},   // no room for minima
		{Q4_1, 32, 2, 1, 20},   // room for too many scales
		{Q4_1, 32, 1, 1, 19},   // a byte too few
		{Q6_K, 128, 8, 0, 105}, // half a block
		{99, 32, 1, 1, 20},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			if err := Split(make([]uint8, c.q), make([]float32, c.d), make([]float32, c.m), c.typ, make([]byte, c.bytes)); err == nil {
				t.Error("was taken")
			}
		})
	}
}
