package paint

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMax8EveryPair(t *testing.T) {
	// Every pair of bytes in every lane, with the other order beside it.
	for a := range 256 {
		for b := range 256 {
			x := uint64(a)*0x0001000100010001 | uint64(b)*0x0100010001000100
			y := uint64(b)*0x0001000100010001 | uint64(a)*0x0100010001000100
			if got, want := max8(x, y), uint64(max(a, b))*0x0101010101010101; got != want {
				t.Fatalf("max8(%#x, %#x) = %#x, want %#x", x, y, got, want)
			}
		}
	}
}

// randomBytes returns n bytes drawn from r.
func randomBytes(r *rand.Rand, n int) []uint8 {
	b := make([]uint8, n)
	for i := range b {
		b[i] = uint8(r.Uint32())
	}
	return b
}

func TestMaxInto(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		for _, extra := range []int{0, 1, 9} {
			src, dst := randomBytes(r, n), randomBytes(r, n+extra)
			want := slices.Clone(dst)
			for i, v := range src {
				want[i] = max(want[i], v)
			}
			maxInto(dst, src)
			if !slices.Equal(dst, want) {
				t.Errorf("length %d into %d: got %v, want %v", n, len(dst), dst, want)
			}
		}
	}
}

func TestHalve(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 70 {
		src := randomBytes(r, n)
		want := make([]uint8, (n+1)/2)
		for i, v := range src {
			want[i/2] = max(want[i/2], v)
		}
		if got := halve(make([]uint8, n), src); !slices.Equal(got, want) {
			t.Errorf("length %d: got %v, want %v", n, got, want)
		}
		if got := halve(src, src); !slices.Equal(got, want) {
			t.Errorf("length %d in place: got %v, want %v", n, got, want)
		}
	}
}

func TestMaxBlocksInto(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, block := range []int{1, 2, 4, 8, 16, 32} {
		for n := range 100 {
			src, dst := randomBytes(r, n), randomBytes(r, (n+block-1)/block+r.IntN(3))
			want := slices.Clone(dst)
			for i, v := range src {
				want[i/block] = max(want[i/block], v)
			}
			maxBlocksInto(dst, src, block)
			if !slices.Equal(dst, want) {
				t.Errorf("length %d in blocks of %d: got %v, want %v", n, block, dst, want)
			}
		}
	}
}
