package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A few rows are multiplied by the fused kernels where there are any, and
// as many of them as gain by it.
func TestFusedRows(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for _, level := range Levels() {
		s := For(level)
		for _, l := range layouts {
			const cols = 256
			w := pack(t, l, 40, cols, matrix(t, r, l.Format, 40, cols))
			for n, want := range map[int]int{1: 0, 7: 0, 8: 8, 16: 16, 20: 16, 31: 31, 127: 127, 128: 0} {
				if level != AMX {
					want = 0
				}
				var x Rows
				s.Reserve(&x, n, cols, w)
				if got := s.fusedRows(w, &x, n); got != want {
					t.Errorf("%v, %v: %d of %d rows, want %d", level, l.Format, got, n, want)
				}
				s.Reserve(&x, n, cols) // for no matrix
				if got := s.fusedRows(w, &x, n); got != 0 {
					t.Errorf("%v, %v: %d rows that are in no bunches", level, l.Format, got)
				}
			}
		}
	}
}

// What fills up the last bunch is zero, whatever the memory held before, and the
// rows that are there are what they are alone.
func TestFusedRowsAreFilledUp(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 2))
	for _, l := range layouts {
		const rows, cols = 33, 256
		w := pack(t, l, rows, cols, matrix(t, r, l.Format, rows, cols))
		s := For(Best())
		var x Rows
		fill := func(n int, value float32) []float32 {
			s.Reserve(&x, n, cols, w)
			row := make([]float32, cols)
			for i := range row {
				row[i] = value
			}
			for i := range n {
				s.Quantize(&x, i, row)
			}
			return matMul(s, w, &x, n)
		}
		fill(16, float32(math.NaN()))
		width := w.Tiles() * Lanes
		got := fill(11, 1)
		if s.fusedRows(w, &x, 11) > 0 {
			bunch := x.bunches
			if x.inBytes {
				bunch = x.bytes
			}
			if rest := bunch[11*vectorBytes : bunchRows*vectorBytes]; slices.ContainsFunc(rest, func(b byte) bool { return b != 0 }) {
				t.Errorf("%v: behind the last row is %v", l.Format, rest)
			}
		}
		want := matVec(s, w, &x, 1)
		for i := range got {
			if got[i] != want[i%width] {
				t.Fatalf("%v: output %d of row %d is %v, want %v", l.Format, i%width, i/width, got[i], want[i%width])
			}
		}
	}
}
