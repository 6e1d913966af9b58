package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"vitrine/engine/quant"
)

// total is a sum in float64, and how far a sum in float32 may be from it.
type total struct {
	sum  float64
	size float64 // Σ|terms|
	n    int
}

func (t *total) add(term float64) {
	t.sum, t.size, t.n = t.sum+term, t.size+math.Abs(term), t.n+1
}

// agrees says whether got may be the sum, each of whose terms was made with a few
// roundings. What is no number there is none here. Where the terms are too great for
// float32, so may be a part of the sum, and what comes of that is not told.
func (t *total) agrees(got float32) bool {
	g := float64(got)
	switch {
	case t.sum != t.sum:
		return g != g
	case math.IsInf(t.sum, 0):
		return g != g || g == t.sum
	case t.size > math.MaxFloat32/4:
		return true
	}
	return math.Abs(g-t.sum) <= float64(t.n+8)*(t.size*0x1p-23+0x1p-148)
}

// levelsAgree says that all levels in assembly have the same results to the bit.
func levelsAgree(t *testing.T, what string, compute func(s *Set) []float32) {
	t.Helper()
	var first []float32
	for _, level := range Levels()[1:] {
		got := compute(For(level))
		if first == nil {
			first = got
		}
		for i := range got {
			if !same(got[i], first[i]) {
				t.Fatalf("%s: output %d is %v at %v and %v at %v", what, i, got[i], level, first[i], AVX2)
			}
		}
	}
}

// Whatever weights and activations are, of any shape, products of floats are the
// exact ones but for roundings.
func FuzzFloatProducts(f *testing.F) {
	f.Add([]byte{0, 0x3c, 0, 0x38, 1, 2, 3, 250}, []byte{1, 2, 3, 4}, uint8(1), uint8(16), uint8(7), uint8(5))
	f.Add([]byte{0, 0x7c, 255}, []byte{0, 0, 0x80, 0x7f}, uint8(0), uint8(33), uint8(90), uint8(9))
	f.Fuzz(func(t *testing.T, file, activations []byte, format, height, width, batch uint8) {
		if len(file) == 0 || len(activations) == 0 {
			return
		}
		checkFloatProducts(t, Float(format%3), file, activations, 1+int(height)%70, 1+int(width)%100, 1+int(batch)%20)
	})
}

func checkFloatProducts(t *testing.T, format Float, file, activations []byte, rows, cols, n int) {
	t.Helper()
	data := repeat(file, rows*cols*format.Bytes())
	w, err := NewFloats(format, rows, cols, make([]byte, format.FloatsBytes(rows, cols)))
	if err != nil {
		t.Fatal(err)
	}
	w.Pack(data, 0, w.Tiles())
	x, width := floatsOf(activations, n*cols), w.Tiles()*Lanes
	compute := func(s *Set) []float32 {
		got, together := make([]float32, n*width), make([]float32, n*width)
		for i := range n {
			s.FloatVec(got[i*width:], w, x[i*cols:], 0, w.Tiles())
		}
		for tile := range w.Tiles() {
			s.FloatMul(together[tile*Lanes:], width, w, tile, x, cols, n)
		}
		if !slices.EqualFunc(got, together, same) {
			t.Fatalf("%v, %v, %d × %d × %d: a row alone and rows together differ", format, s.Level(), n, rows, cols)
		}
		return got
	}
	levelsAgree(t, "products of floats", compute)
	for _, level := range Levels() {
		got := compute(For(level))
		for i := range n {
			for o := range rows {
				var want total
				for c := range cols {
					want.add(float64(x[i*cols+c]) * float64(format.at(data, o*cols+c)))
				}
				if v := got[i*width+o]; !want.agrees(v) {
					t.Fatalf("%v, %v, %d × %d × %d: output %d of row %d is %v, want %v", format, level, n, rows, cols, o, i, v, want)
				}
			}
		}
	}
}

// keysAndValues are the bytes of groups of keys or values in a format.
func keysAndValues(k KV, b []byte, groups, groupBytes int) Groups {
	g := Groups{Format: k, Memory: repeat(b, groups*groupBytes), Bytes: groupBytes}
	for i := range groups { // from the last to the first
		g.Table = append(g.Table, int32(groups-1-i))
	}
	return g
}

// Whatever queries, keys and values are, of any shape and in every format, their
// products and the sums of weighted values are the exact ones but for roundings.
func FuzzAttention(f *testing.F) {
	f.Add([]byte{1, 2, 3, 60}, []byte{1, 0x3c, 3, 0x39, 5}, []byte{0, 0x38, 7}, uint8(1), uint8(31), uint8(40), uint8(8))
	f.Add([]byte{0, 0, 0x80, 0x7f}, []byte{0, 0x7c}, []byte{0xff, 0xff, 0xff}, uint8(2), uint8(4), uint8(17), uint8(1))
	f.Fuzz(func(t *testing.T, q, k, v []byte, format, size, count, batch uint8) {
		if len(q) == 0 || len(k) == 0 || len(v) == 0 {
			return
		}
		checkAttention(t, KV(format%3), q, k, v, 2*(1+int(size)%40), 1+int(count)%70, 1+int(batch)%30)
	})
}

func checkAttention(t *testing.T, format KV, queries, k, v []byte, dim, keys, n int) {
	t.Helper()
	const scale = 0.125
	groups, width := (keys+Lanes-1)/Lanes, ValueWidth(dim)
	keyGroups := keysAndValues(format, k, groups, format.KeyGroupBytes(dim))
	valueGroups := keysAndValues(format, v, groups, format.ValueGroupBytes(dim))
	q := floatsOf(queries, n*dim)
	stride := groups * Lanes
	scores := func(s *Set) []float32 {
		var room Widened
		out := make([]float32, n*stride)
		s.Scores(out, stride, q, dim, s.Widen(&room, keyGroups, n), dim, n, scale)
		alone := make([]float32, stride)
		for i := range n {
			s.Scores(alone, stride, q[i*dim:], dim, keyGroups, dim, 1, scale)
			if !slices.EqualFunc(alone, out[i*stride:][:stride], same) {
				t.Fatalf("%v, %v: scores of query %d of %d differ alone and together", format, s.Level(), i, n)
			}
		}
		return out
	}
	weights := floatsOf(queries, n*stride)
	values := func(s *Set) []float32 {
		var room Widened
		out := make([]float32, n*width)
		s.Values(out, width, weights, stride, s.Widen(&room, valueGroups, n), keys, dim, n)
		alone := make([]float32, width)
		for i := range n {
			clear(alone)
			s.Values(alone, width, weights[i*stride:], stride, valueGroups, keys, dim, 1)
			if !slices.EqualFunc(alone, out[i*width:][:width], same) {
				t.Fatalf("%v, %v: values of query %d of %d differ alone and together", format, s.Level(), i, n)
			}
		}
		return out
	}
	levelsAgree(t, "scores", scores)
	levelsAgree(t, "values", values)
	group := func(g *Groups, key int) []byte { return g.Memory[int(g.Table[key/Lanes])*g.Bytes:][:g.Bytes] }
	for _, level := range Levels() {
		gotScores, gotValues := scores(For(level)), values(For(level))
		for i := range n {
			for key := range stride {
				var want total
				g := group(&keyGroups, key)
				factor := scale * float64(format.factor(g, dim*Lanes, key%Lanes))
				var beyond float64 // the sum before it is multiplied
				for d := range dim {
					term := float64(q[i*dim+d]) * float64(format.at(g, d*Lanes+key%Lanes))
					want.add(term * factor)
					beyond += math.Abs(term)
				}
				if beyond < math.MaxFloat32/4 && math.Abs(factor) < math.MaxFloat32 && !want.nearly(gotScores[i*stride+key], factor) {
					t.Fatalf("%v, %v, dim %d: score of query %d and key %d is %v, want %v", format, level, dim, i, key, gotScores[i*stride+key], want)
				}
				if beyond != beyond && gotScores[i*stride+key] == gotScores[i*stride+key] {
					t.Fatalf("%v, %v, dim %d: score of query %d and key %d is %v, and there is a NaN in it", format, level, dim, i, key, gotScores[i*stride+key])
				}
			}
			for e := range dim {
				var want total
				var scaled float64 // the greatest number times a factor, which comes first
				for key := range keys {
					g := group(&valueGroups, key)
					weight, factor, value := float64(weights[i*stride+key]), float64(format.factor(g, width*Lanes, key%Lanes)), float64(format.at(g, key%Lanes*width+e))
					scaled = max(scaled, math.Abs(weight*factor), math.Abs(factor*value))
					want.add(weight * factor * value)
				}
				if scaled < math.MaxFloat32 && !want.nearly(gotValues[i*width+e], 128) {
					t.Fatalf("%v, %v, dim %d, %d keys: element %d of query %d is %v, want %v", format, level, dim, keys, e, i, gotValues[i*width+e], want)
				}
			}
		}
	}
}

// nearly is agrees where what is too small for float32 is multiplied by a factor
// afterwards.
func (t *total) nearly(got float32, factor float64) bool {
	if t.agrees(got) {
		return true
	}
	return math.Abs(float64(got)-t.sum) <= float64(t.n+8)*(t.size*0x1p-22+0x1p-148*(1+math.Abs(factor)))
}

// Whatever queries, keys and values are, attention in tiles is the exact one nearly,
// or says that it is not: for all shapes, and numbers as models have them.
func FuzzAttentionTiles(f *testing.F) {
	sets := fixedSets()
	f.Add(uint64(1), []byte{0, 0x3c}, uint8(0), uint8(40), uint16(200))
	f.Add(uint64(2), []byte{0, 0x7c, 1, 0x38}, uint8(1), uint8(3), uint16(31))
	f.Fuzz(func(t *testing.T, seed uint64, extreme []byte, size, batch uint8, count uint16) {
		if len(extreme) == 0 {
			return
		}
		for _, s := range sets {
			checkAttentionTiles(t, s, seed, floatsOf(extreme, len(extreme)), 64*(1+int(size)%4), 1+int(batch)%100, 1+int(count)%(3*TileKeys))
		}
	})
}

// checkAttentionTiles attends with random numbers, and extreme ones here and there.
func checkAttentionTiles(t *testing.T, s *Set, seed uint64, extremes []float32, dim, n, keys int) {
	t.Helper()
	const scale = 0.125
	r := rand.New(rand.NewPCG(seed, 35))
	groups := (keys + Lanes - 1) / Lanes
	halves := func() Groups {
		x := make([]float32, groups*dim*Lanes)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		for _, v := range extremes {
			if r.IntN(2) == 0 {
				x[r.IntN(len(x))] = v
			}
		}
		g := Groups{Format: KVF16, Memory: make([]byte, 2*len(x)), Bytes: 2 * dim * Lanes}
		if err := quant.Quantize(g.Memory, quant.F16, x); err != nil {
			t.Fatal(err)
		}
		for i := range groups {
			g.Table = append(g.Table, int32(i))
		}
		return g
	}
	k, v := halves(), halves()
	q := make([]float32, n*dim)
	for i := range q {
		q[i] = float32(r.NormFloat64())
	}
	q[r.IntN(len(q))] = extremes[0]
	var a AttentionTiles
	s.BeginTiles(&a, q, dim, n, scale)
	for from := 0; from < keys; from += TileKeys {
		m := min(TileKeys, keys-from)
		table := k.Table[from/Lanes : (from+m+Lanes-1)/Lanes]
		scores := s.TileScores(&a, Groups{KVF16, k.Memory, k.Bytes, table})
		for i := range n {
			for key := m; key < (m+BlockColumns-1)/BlockColumns*BlockColumns; key++ {
				scores[i*TileKeys+key] = float32(math.Inf(-1))
			}
		}
		s.TileValues(&a, Groups{KVF16, v.Memory, v.Bytes, table}, m)
	}
	finite := s.TilesFinite(&a)
	for i := range n {
		scores, size, top := make([]float64, keys), 0.0, math.Inf(-1)
		for key := range scores {
			var terms float64
			for d := range dim {
				term := scale * float64(q[i*dim+d]) * float64(KVF16.at(k.Memory, (key/Lanes*dim+d)*Lanes+key%Lanes))
				scores[key] += term
				terms += math.Abs(term)
			}
			if !(terms < math.MaxFloat32) && finite {
				t.Fatalf("query %d of %d × %d, %d keys: no number among the scores, and the result is said to be one", i, n, dim, keys)
			}
			size, top = max(size, terms), max(top, scores[key])
		}
		if !finite {
			continue
		}
		var sum float64
		want, most := make([]float64, dim), 0.0
		for key, score := range scores {
			p := math.Exp(score - top)
			sum += p
			for d := range want {
				value := float64(KVF16.at(v.Memory, key*dim+d))
				want[d] += p * value
				most = max(most, math.Abs(value))
			}
		}
		_, gotSum, got := a.TileResult(i)
		within := size * 0x1p-14 // of a score, and so of a weight
		for d := range want {
			if e := math.Abs(float64(got[d]/gotSum) - want[d]/sum); within < 0.1 && !(e <= most*(2*within+1e-4)) {
				t.Fatalf("query %d of %d × %d, %d keys: element %d is %v, want %v", i, n, dim, keys, d, got[d]/gotSum, want[d]/sum)
			}
		}
	}
}
