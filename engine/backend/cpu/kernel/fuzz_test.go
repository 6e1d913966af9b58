package kernel

import (
	"fmt"
	"math"
	"testing"
)

// Whatever a file holds, all levels compute the same of it: those in assembly
// to the bit, plain Go nearly, and NaN where they do.
func FuzzProducts(f *testing.F) {
	f.Add([]byte{0, 0x3c, 0, 0x38, 1, 2, 3, 250}, []byte{1, 2, 3, 4}, uint8(1), uint8(16), uint8(0), uint8(16))
	f.Add([]byte{0, 0x7c, 255}, []byte{0, 0, 0x80, 0x7f}, uint8(4), uint8(32), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, file, activations []byte, format, height, width, batch uint8) {
		if len(file) == 0 || len(activations) == 0 {
			return
		}
		rows, cols, n := 1+int(height)%40, 256*(1+int(width)%3), 1+int(batch)%(2*bunchRows+3)
		l := layouts[int(format)%len(layouts)]
		rowBytes, err := l.Format.RowBytes(cols)
		if err != nil {
			t.Fatal(err)
		}
		w := pack(t, l, rows, cols, repeat(file, rows*rowBytes))
		x := floatsOf(activations, n*cols)
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

// Whatever a file and activations hold, products in fixed point are near the exact ones
// where these are finite, and nothing is written or read elsewhere.
func FuzzFixedProducts(f *testing.F) {
	sets := fixedSets()
	f.Add([]byte{0, 0x3c, 0, 0x38, 1, 2, 3, 250}, []byte{1, 2, 3, 4}, uint8(1), uint8(16), uint8(0), uint8(16))
	f.Add([]byte{0, 0x7c, 255}, []byte{0, 0, 0x80, 0x7f}, uint8(4), uint8(32), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, file, activations []byte, format, height, width, batch uint8) {
		if len(file) == 0 || len(activations) == 0 {
			return
		}
		rows, cols, n := 1+int(height)%40, 256*(1+int(width)%7), 1+int(batch)%(2*bunchRows+3)
		l := layouts[int(format)%len(layouts)]
		rowBytes, err := l.Format.RowBytes(cols)
		if err != nil {
			t.Fatal(err)
		}
		data := repeat(file, rows*rowBytes)
		w := pack(t, l, rows, cols, data)
		x := floatsOf(activations, n*cols)
		want, _ := exact(t, l.Format, rows, cols, data, x)
		for name, s := range sets {
			checkFixedProducts(t, fmt.Sprintf("%v, %s", l.Format, name), w, x, n, fixedMul(s, w, x, n), want)
		}
	})
}

func checkFixedProducts(t *testing.T, what string, w *Packed, x []float32, n int, got []float32, want []float64) {
	t.Helper()
	rows, cols := w.Rows, w.Cols
	for i := range n {
		var top float64
		for _, v := range x[i*cols : (i+1)*cols] {
			top = max(top, math.Abs(float64(v))) // NaN is the greatest
		}
		for o := range rows {
			scale := float64(w.fixed[o]) * fixedMost // as great as a weight may be
			v := got[i*w.Tiles()*Lanes+o]
			if !(top < infinite) {
				if v == v && scale != 0 {
					t.Fatalf("%s: output %d of a row with %v is %v", what, o, top, v)
				}
				continue
			}
			if !(scale < 0x1p20 && (scale > 0x1p-60 || scale == 0)) {
				continue // no number that a model has
			}
			if d := math.Abs(float64(v) - want[i*rows+o]); !(d <= float64(cols)*(top*scale*0x1p-13+scale*tiny)) {
				t.Fatalf("%s: output %d of row %d is %v, want %v", what, o, i, v, want[i*rows+o])
			}
		}
	}
}

// repeat makes n bytes out of some.
func repeat(b []byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = b[i%len(b)]
	}
	return out
}

// floatsOf makes n numbers out of some bytes.
func floatsOf(b []byte, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		for j := range 4 {
			out[i] = math.Float32frombits(math.Float32bits(out[i]) | uint32(b[(4*i+j)%len(b)])<<(8*j))
		}
	}
	return out
}
