package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The codes of a superblock times its float16 give the elements that Dequantize gives,
// to the bit, and those of Split.
func TestSplitSupersIsLossless(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for typ, s := range splitters {
		if s.super == nil {
			if err := SplitSupers(make([]Super, 1), typ, make([]byte, 84)); err == nil {
				t.Errorf("%v was taken, which has no superblocks", typ)
			}
			continue
		}
		t.Run(typ.String(), func(t *testing.T) {
			const n = 64 * SuperElements
			bytes, err := typ.RowBytes(n)
			if err != nil {
				t.Fatal(err)
			}
			src := make([]byte, bytes)
			for i := range src {
				src[i] = byte(random.Uint32())
			}
			supers, q, x := make([]Super, n/SuperElements), make([]uint8, n), make([]float32, n)
			d, m := make([]float32, n/s.Group), make([]float32, n/s.Group)
			if err := SplitSupers(supers, typ, src); err != nil {
				t.Fatal(err)
			}
			if err := Split(q, d, m, typ, src); err != nil {
				t.Fatal(err)
			}
			if err := Dequantize(x, typ, src); err != nil {
				t.Fatal(err)
			}
			for i, got := range x {
				super, g := supers[i/SuperElements], i%SuperElements/s.Group
				// In float64, where none of these products is rounded.
				scale := float64(Float16ToFloat32(super.D)) * float64(super.Scales[g])
				want := scale * float64(int(q[i])-s.Offset)
				if s.Minima {
					want = float64(float32(want)) + float64(Float16ToFloat32(super.M))*float64(super.Minima[g])
				}
				if float32(want) != got && got == got {
					t.Fatalf("element %d: %d with the codes %d and %d is %v, want %v", i, q[i], super.Scales[g], super.Minima[g], want, got)
				}
				if float64(d[i/s.Group]) != scale && scale == scale {
					t.Fatalf("group %d: scale %v, Split says %v", i/s.Group, scale, d[i/s.Group])
				}
			}
			for _, n := range []int{0, bytes - 1, bytes + 1} {
				if err := SplitSupers(supers, typ, make([]byte, n)); err == nil {
					t.Errorf("%d bytes were taken for %d superblocks", n, len(supers))
				}
			}
			if math.IsNaN(float64(x[0])) && math.IsNaN(float64(x[n-1])) {
				t.Error("nothing but NaN was compared")
			}
		})
	}
}
