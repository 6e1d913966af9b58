package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"vitrine/engine/quant"
)

// What tiles compute of queries, keys and values in float16 is the attention in
// float64, whatever lies behind the last key.
func TestAttentionTiles(t *testing.T) { withFixed(t, checkTiles) }

func checkTiles(t *testing.T, s *Set) {
	r := rand.New(rand.NewPCG(31, 32))
	var a AttentionTiles // used again: what is left of one is nobody's in the next
	for range tileRounds(s, 60) {
		dim, n, keys := 64*(1+r.IntN(4)), 1+r.IntN(100), 1+r.IntN(3*TileKeys)
		groups := (keys + Lanes - 1) / Lanes
		halves := func(groups int) ([]byte, []float64) {
			b, f := make([]byte, groups*dim*Lanes*2), make([]float64, groups*dim*Lanes)
			for i := range f {
				h := quant.Float32ToFloat16(float32(r.NormFloat64()))
				binary.LittleEndian.PutUint16(b[2*i:], h)
				f[i] = float64(quant.Float16ToFloat32(h))
			}
			return b, f
		}
		keyBytes, k := halves(groups)
		valueBytes, v := halves(groups)
		for key := keys; key < groups*Lanes; key++ { // no number: somebody else's
			for d := range dim {
				binary.LittleEndian.PutUint16(keyBytes[2*((key/Lanes*dim+d)*Lanes+key%Lanes):], 0x7e00)
				binary.LittleEndian.PutUint16(valueBytes[2*(key*dim+d):], 0x7e00)
			}
		}
		q := make([]float32, n*dim)
		for i := range q {
			q[i] = float32(r.NormFloat64())
		}
		const scale = 0.125
		s.BeginTiles(&a, q, dim, n, scale)
		for from := 0; from < keys; from += TileKeys {
			m := min(TileKeys, keys-from)
			var table []int32
			for g := from / Lanes; g*Lanes < from+m; g++ {
				table = append(table, int32(g))
			}
			scores := s.TileScores(&a, Groups{KVF16, keyBytes, 2 * dim * Lanes, table})
			for i := range n {
				for key := m; key < (m+BlockColumns-1)/BlockColumns*BlockColumns; key++ {
					scores[i*TileKeys+key] = float32(math.Inf(-1))
				}
			}
			s.TileValues(&a, Groups{KVF16, valueBytes, 2 * dim * Lanes, table}, m)
		}
		if !s.TilesFinite(&a) {
			t.Fatalf("%d queries of %d, %d keys: a result is no number", n, dim, keys)
		}
		for i := range n {
			scores, top := make([]float64, keys), math.Inf(-1)
			for key := range scores {
				for d := range dim {
					scores[key] += scale * float64(q[i*dim+d]) * k[(key/Lanes*dim+d)*Lanes+key%Lanes]
				}
				top = max(top, scores[key])
			}
			want, sum := make([]float64, dim), 0.0
			for key, score := range scores {
				p := math.Exp(score - top)
				sum += p
				for d := range want {
					want[d] += p * v[key*dim+d]
				}
			}
			gotTop, gotSum, got := a.TileResult(i)
			if math.Abs(float64(gotTop)-top) > 1e-3 || math.Abs(float64(gotSum)*math.Exp(float64(gotTop)-top)-sum) > 1e-3*sum {
				t.Fatalf("query %d of %d × %d, %d keys: greatest score %v and sum %v, want %v and %v", i, n, dim, keys, gotTop, gotSum, top, sum)
			}
			var num, den float64
			for d := range want {
				e := float64(got[d]/gotSum) - want[d]/sum
				num, den = num+e*e, den+want[d]*want[d]/sum/sum
			}
			if !(num <= 1e-7*den) {
				t.Fatalf("query %d of %d × %d, %d keys: normalised mean squared error %.2g", i, n, dim, keys, num/den)
			}
		}
	}
}

// Two bfloat16 are what they are made of, but for the last of 16 bits.
func TestSplitRow(t *testing.T) { withFixed(t, checkSplitRow) }

func checkSplitRow(t *testing.T, s *Set) {
	r := rand.New(rand.NewPCG(33, 34))
	part := func(b []byte) float64 {
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	}
	for range 100 {
		const cols = 96
		x, line := activations(r, cols), make([]byte, cols/BlockColumns*splitStep)
		const factor = 0.125
		s.splitRow(&line[0], &x[0], factor, cols/BlockColumns)
		for i, v := range x {
			v *= factor
			at := line[i/BlockColumns*splitStep+2*(i%BlockColumns):]
			if got := part(at) + part(at[splitTile:]); math.Abs(got-float64(v)) > math.Abs(float64(v))*0x1p-15 {
				t.Fatalf("%v became %v", v, got)
			}
		}
	}
}
