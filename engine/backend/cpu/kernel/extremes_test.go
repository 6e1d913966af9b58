package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// extremes are rows of n numbers as no model should have them.
func extremes(n int) map[string][]float32 {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	fill := func(v float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = v
		}
		return x
	}
	one := func(v, rest float32) []float32 { // one among the others, in a vector and in its tail
		x := fill(rest)
		for i := range x {
			x[i] += float32(i%7) / 8 * rest
		}
		x[n/3] = v
		return x
	}
	rows := map[string][]float32{
		"a NaN": one(nan, 1), "an infinity": one(inf, 1), "a negative infinity": one(-inf, -1), "both infinities": one(-inf, inf),
		"denormal": one(1e-45, 3e-42), "near the least normal": one(1.2e-38, 1.1e-38), "all equal": fill(-0.7), "zeros": fill(0), "negative zeros": fill(float32(math.Copysign(0, -1))),
		"a huge outlier": one(3e38, 0.01), "a negative huge outlier": one(-3e38, 0.01), "an outlier": one(1e4, 1), "all huge": fill(-3e38), "all great": fill(2e19),
		"a NaN at the end": one(1, 1), "an infinity at the end": one(1, -1),
	}
	rows["a NaN at the end"][n-1], rows["an infinity at the end"][n-1] = nan, inf
	return rows
}

func bytesOf(x []float32) []byte {
	out := make([]byte, 0, 4*len(x))
	for _, v := range x {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// Every kernel of floats is what its formula says also of numbers that are none, that are
// too great or too small, and that are all the same; at all levels.
func TestExtremes(t *testing.T) {
	for _, n := range []int{1, 33, 96} {
		rows := extremes(n)
		for a, x := range rows {
			for b, y := range rows {
				t.Run(fmt.Sprintf("%d/%s/%s", n, a, b), func(t *testing.T) {
					for _, number := range []float32{0, 1, -0.3, 3e38, 1e-45, float32(math.Inf(-1)), float32(math.NaN())} {
						checkRows(t, x, y, number)
					}
					for format := F32; format <= BF16; format++ {
						file := bytesOf(y)
						if format == F16 { // the same bits are other numbers there, as extreme
							file = append(file, 0, 0x7c, 1, 0, 0xff, 0x7b)
						}
						checkFloatProducts(t, format, file, bytesOf(x), 1+n%35, n, 1+n%5)
					}
					for format := KVF32; format <= KVI8; format++ {
						checkAttention(t, format, bytesOf(x), bytesOf(y), bytesOf(y), 2+n&^1, 1+n%40, 1+n%9)
					}
				})
			}
		}
	}
}

// Attention in tiles says of itself where it is no number.
func TestExtremesOfTiles(t *testing.T) { withFixed(t, checkExtremesOfTiles) }

func checkExtremesOfTiles(t *testing.T, s *Set) {
	seed := uint64(1)
	for _, n := range []int{1, 33} {
		for name, x := range extremes(n) {
			t.Run(fmt.Sprintf("%d/%s", n, name), func(t *testing.T) {
				for _, dim := range []int{64, 128} {
					seed++
					checkAttentionTiles(t, s, seed, x, dim, 1+n, 7*n)
				}
			})
		}
	}
}

// Products of quantized matrices with extreme activations: what is no number, or more
// than 2¹⁰⁰, makes its row none and no other; beside an outlier, others are rounded
// as coarsely as it is; and what is less than 2⁻¹⁰⁰ is zero. All levels agree to the bit.
func TestExtremesOfQuantizedProducts(t *testing.T) {
	const rows, cols = 19, 256
	r := rand.New(rand.NewPCG(41, 42))
	var names []string
	var x []float32
	for name, row := range extremes(cols) {
		names, x = append(names, name), append(x, row...)
	}
	n := len(names)
	for _, l := range layouts {
		data := matrix(t, r, l.Format, rows, cols)
		w := pack(t, l, rows, cols, data)
		want, _ := exact(t, l.Format, rows, cols, data, x)
		width := w.Tiles() * Lanes
		check := func(what string, got []float32, within float64) {
			t.Helper()
			for i, name := range names {
				top := 0.0
				for _, v := range x[i*cols:][:cols] {
					top = max(top, math.Abs(float64(v))) // NaN is the greatest
				}
				for o := range rows {
					v := float64(got[i*width+o])
					if !(top < infinite) {
						if v == v {
							t.Fatalf("%v, %s, %s: output %d is %v, want NaN", l.Format, what, name, o, v)
						}
						continue
					}
					most := float64(w.fixed[o]) * fixedMost // as great as a weight may be
					if e := math.Abs(v - want[i*rows+o]); !(e <= cols*most*max(top, tiny)*within) {
						t.Fatalf("%v, %s, %s: output %d is %v, want %v", l.Format, what, name, o, v, want[i*rows+o])
					}
				}
			}
		}
		compute := func(s *Set) []float32 {
			var q Rows
			s.Reserve(&q, n, cols, w)
			for i := range n {
				s.Quantize(&q, i, x[i*cols:])
			}
			return matMul(s, w, &q, n)
		}
		levelsAgree(t, l.Format.String(), compute)
		for _, level := range Levels() {
			check(level.String(), compute(For(level)), 0x1p-15)
		}
		for name, s := range fixedSets() {
			check("in fixed point by "+name, fixedMul(s, w, x, n), 0x1p-13)
		}
	}
}
