package kernel

import (
	"math"
	"testing"
	"unsafe"
)

// Whatever a file holds, all levels compute the same of it: those in assembly
// to the bit, plain Go nearly, and NaN where they do.
func FuzzProducts(f *testing.F) {
	f.Add([]byte{0, 0x3c, 0, 0x38, 1, 2, 3, 250}, []byte{1, 2, 3, 4}, uint8(1))
	f.Add([]byte{0, 0x7c, 255}, []byte{0, 0, 0x80, 0x7f}, uint8(4))
	f.Fuzz(func(t *testing.T, file, activations []byte, format uint8) {
		if len(file) == 0 || len(activations) == 0 {
			return
		}
		const rows, cols, n = 17, 256, bunchRows + 1
		l := layouts[int(format)%len(layouts)]
		rowBytes, err := l.Format.RowBytes(cols)
		if err != nil {
			t.Fatal(err)
		}
		w := pack(t, l, rows, cols, repeat(file, rows*rowBytes))
		bytes := repeat(activations, 4*n*cols)
		x := unsafe.Slice((*float32)(unsafe.Pointer(&bytes[0])), n*cols)
		var results [][]float32
		for _, level := range Levels() {
			s := For(level)
			var q Rows
			s.reserve(&q, n, cols, bunchRows)
			for i := range n {
				s.Quantize(&q, i, x[i*cols:])
			}
			alone, together := matVec(s, w, &q, n), matMul(s, w, &q, n)
			s.Reserve(&q, n, cols, w)
			for i := range n {
				s.Quantize(&q, i, x[i*cols:])
			}
			few := matMul(s, w, &q, n)
			for i := range alone {
				if !same(alone[i], together[i]) || !same(alone[i], few[i]) {
					t.Fatalf("%v, %v: output %d is %v alone, %v together and %v of a few rows", l.Format, level, i, alone[i], together[i], few[i])
				}
			}
			results = append(results, alone)
		}
		for level := 1; level < len(results); level++ {
			for i, got := range results[level] {
				want := results[level-1][i]
				if level == 1 { // rounded otherwise, so of a sum that cancels little may be left
					if math.IsNaN(float64(got)) != math.IsNaN(float64(want)) && !math.IsInf(float64(got-want), 0) && !math.IsInf(float64(want), 0) && !math.IsInf(float64(got), 0) {
						t.Fatalf("%v: output %d is %v in assembly and %v in Go", l.Format, i, got, want)
					}
					continue
				}
				if !same(got, want) {
					t.Fatalf("%v: output %d is %v at %v and %v at the level below", l.Format, i, got, Level(level), want)
				}
			}
		}
	})
}

// same says whether two numbers are equal, or both none.
func same(a, b float32) bool { return a == b || a != a && b != b }

// repeat makes n bytes out of some.
func repeat(b []byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = b[i%len(b)]
	}
	return out
}
