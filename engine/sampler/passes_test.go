package sampler

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// rows are the kinds of logits that the passes are tried with.
var rows = []struct {
	name string
	at   func(r *rand.Rand) float32
}{
	{"bell", func(r *rand.Rand) float32 { return float32(3 * r.NormFloat64()) }},
	{"wide", func(r *rand.Rand) float32 { return float32(300 * r.NormFloat64()) }},
	{"all equal", func(*rand.Rand) float32 { return 1.25 }},
	{"few values", func(r *rand.Rand) float32 { return float32(r.IntN(5)) }},
	{"an outlier now and then", func(r *rand.Rand) float32 {
		if r.IntN(500) == 0 {
			return 1e30
		}
		return float32(r.NormFloat64())
	}},
	{"denormals", func(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32() & 0x807fffff) }},
	{"zeros", func(r *rand.Rand) float32 { return float32(math.Copysign(0, r.Float64()-0.5)) }},
	{"banned tokens", func(r *rand.Rand) float32 {
		if r.IntN(2) == 0 {
			return negInf
		}
		return float32(r.NormFloat64())
	}},
	{"every float32", func(r *rand.Rand) float32 {
		for {
			if z := math.Float32frombits(r.Uint32()); z == z {
				return z
			}
		}
	}},
	{"infinities", func(r *rand.Rand) float32 { return []float32{negInf, -negInf, 0, 1}[r.IntN(4)] }},
}

// lengths are around the vectors' and the blocks' ends, and others.
func lengths(r *rand.Rand) []int {
	list := []int{0, 1, 15, 16, 17, 31, 255, 256, 257, 16383, 16385, 16400, 49152 - 30}
	for range 6 {
		list = append(list, r.IntN(3000))
	}
	return list
}

// comparePasses holds all passes of a level against Go's, on one row. Places that nothing may
// write are looked at too.
func comparePasses(t *testing.T, p *passes, x []float32, temperature, floor float32) {
	t.Helper()
	want, got := newGroups(len(x)), newGroups(len(x))
	for i := range want.maxima {
		want.maxima[i], got.maxima[i] = 7e7, 7e7
	}
	alive, nans := plain.scan(x, &want)
	if a, n := p.scan(x, &got); a != alive || n != nans {
		t.Fatalf("%s: scan of %d logits counts %d and %d, want %d and %d", p.level, len(x), a, n, alive, nans)
	}
	if nans > 0 {
		return // a row that is refused
	}
	for i := range want.maxima {
		if got.maxima[i] != want.maxima[i] {
			t.Fatalf("%s: of %d logits, group %d has the maximum %v, want %v", p.level, len(x), i, got.maxima[i], want.maxima[i])
		}
	}

	above, equal := plain.count(x, floor)
	if a, e := p.count(x, floor); a != above || e != equal {
		t.Fatalf("%s: of %d logits, %d are above %v and %d equal, want %d and %d", p.level, len(x), a, floor, e, above, equal)
	}

	type collected struct {
		ids  []int32
		keys []key
	}
	collect := func(p *passes) collected {
		c := collected{make([]int32, len(x)+lanes+1), make([]key, len(x)+lanes+1)}
		last := len(x) + lanes
		c.ids[last], c.keys[last] = 77, 77
		n := p.collect(x, floor, c.ids, c.keys)
		if c.ids[last] != 77 || c.keys[last] != 77 {
			t.Fatalf("%s: collect of %d logits wrote too far", p.level, len(x))
		}
		return collected{c.ids[:n], c.keys[:n]}
	}
	a, b := collect(p), collect(&plain)
	if !slices.Equal(a.ids, b.ids) || !slices.Equal(a.keys, b.keys) {
		t.Fatalf("%s: of %d logits, %d reach %v, want %d, or they are others", p.level, len(x), len(a.ids), floor, len(b.ids))
	}

	if alive == 0 {
		return
	}
	for _, vocab := range []int{len(x), 49152, 262144} {
		if len(x) > vocab {
			continue // the sum may overflow
		}
		c := newScale(vocab, want.greatest()).at(temperature)
		if g, w := p.sum(c, x), plain.sum(c, x); g != w {
			t.Fatalf("%s: %d logits of %d at %v weigh %d, want %d", p.level, len(x), vocab, temperature, g, w)
		}
		weights, wanted := make([]uint64, len(a.keys)+1), make([]uint64, len(a.keys)+1)
		weights[len(a.keys)], wanted[len(a.keys)] = 77, 77
		g, w := p.weigh(c, a.keys, weights), plain.weigh(c, a.keys, wanted)
		if g != w || !slices.Equal(weights, wanted) {
			t.Fatalf("%s: %d candidates of %d at %v weigh %d, want %d, or each by itself does not", p.level, len(a.keys), vocab, temperature, g, w)
		}
	}
}

// TestPasses holds the assembly of each level against the Go code, to the bit.
func TestPasses(t *testing.T) {
	if len(levels) == 1 {
		t.Skip("Go is all that there is here")
	}
	for _, p := range levels[1:] {
		for _, kind := range rows {
			t.Run(p.level+" "+kind.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				for _, n := range lengths(r) {
					x := make([]float32, n)
					for i := range x {
						x[i] = kind.at(r)
					}
					floor := float32(r.NormFloat64())
					if n > 0 && r.IntN(4) > 0 {
						floor = x[r.IntN(n)]
					}
					for _, temperature := range []float32{1, 0.01, 1.7, 1e30} {
						comparePasses(t, p, x, temperature, floor)
					}
					comparePasses(t, p, x, 1, -math.MaxFloat32)
					if n > 0 {
						x[r.IntN(n)] = float32(math.NaN())
						comparePasses(t, p, x, 1, floor)
					}
				}
			})
		}
	}
}

// TestWeightsOfAllSteps goes through the table and its seams, where rounding could differ.
func TestWeightsOfAllSteps(t *testing.T) {
	x := make([]float32, 0, 3*64*stepsPerOctave)
	for step := range 66 * stepsPerOctave {
		for _, half := range []float64{0, 0.5} {
			z := float32(-(float64(step) + half) * lnStep)
			x = append(x, z, math.Nextafter32(z, 0), math.Nextafter32(z, negInf))
		}
	}
	for _, p := range levels[1:] {
		for vocab := range 18 {
			vocab := 4096 << vocab
			if len(x) > vocab {
				continue
			}
			for _, temperature := range []float32{1, 0.5, 2, 0.7} {
				comparePasses(t, p, x, temperature, -math.MaxFloat32)
			}
			c := newScale(vocab, 0)
			if g, w := p.sum(c, x), plain.sum(c, x); g != w {
				t.Errorf("%s: %d tokens: the sum is %d, want %d", p.level, vocab, g, w)
			}
		}
	}
}

// FuzzPasses does the same with whatever numbers the fuzzer finds.
func FuzzPasses(f *testing.F) {
	f.Add([]byte{}, float32(1), float32(0))
	f.Add(make([]byte, 4*33), float32(0.01), float32(-3))
	f.Add(binary.LittleEndian.AppendUint32(make([]byte, 4*200), math.Float32bits(negInf)), float32(2), negInf)
	f.Fuzz(func(t *testing.T, data []byte, temperature, floor float32) {
		if !(temperature >= minTemperature && temperature <= math.MaxFloat32) || floor != floor || isNegInf(floor) {
			return
		}
		x := make([]float32, len(data)/4)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		for _, p := range levels[1:] {
			comparePasses(t, p, x, temperature, floor)
		}
	})
}

// TestSampleAtEveryLevel draws from rows long enough that the candidates are not all
// tokens: every level, and the report that looks at all tokens, tell the same.
func TestSampleAtEveryLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, kind := range rows {
		t.Run(kind.name, func(t *testing.T) {
			for range 4 {
				vocab := 2000 + r.IntN(20000)
				x := make([]float32, vocab)
				for i := range x {
					x[i] = kind.at(r)
				}
				samplers := make([]*Sampler, len(levels))
				for i, p := range levels {
					samplers[i] = New(vocab)
					samplers[i].passes = p
				}
				h := History{Prompt: []int32{1, 2, 3, 2}, Output: []int32{4, 5, 4}}
				for pos := range 10 {
					p := anyParams(r, vocab)
					compareSamplers(t, samplers, x, &p, h, pos)
				}
			}
		})
	}
}

// anyParams returns parameters of which some stages are on.
func anyParams(r *rand.Rand, vocab int) Params {
	maybe := func() bool { return r.IntN(3) == 0 }
	return with(func(p *Params) {
		p.Order, p.Seed = Order(r.IntN(3)), r.Uint64()
		p.Temperature = []float32{0, 1, 1, 0.8, 0.05, 1.5, 30}[r.IntN(7)]
		if maybe() {
			p.TopK = []int{1, 2, 40, 300, 600, 1100, vocab}[r.IntN(7)]
		}
		if maybe() {
			p.TopP = []float32{0.1, 0.5, 0.95, 0.9999, 1e-9}[r.IntN(5)]
		}
		if maybe() {
			p.MinP = []float32{1e-9, 0.01, 0.5, 1}[r.IntN(4)]
		}
		if maybe() {
			p.RepetitionPenalty, p.PresencePenalty = 1.3, 0.5
		}
		if maybe() {
			p.LogitBias = []TokenBias{{int32(r.IntN(vocab)), 5}, {int32(r.IntN(vocab)), -100}}
		}
		if r.IntN(8) == 0 {
			for range 1 + r.IntN(800) {
				p.AllowedTokenIDs = append(p.AllowedTokenIDs, int32(r.IntN(vocab)))
			}
		}
		p.LogProbs = []int{0, 0, 1, 20, 700}[r.IntN(5)]
	})
}

func compareSamplers(t *testing.T, samplers []*Sampler, x []float32, p *Params, h History, pos int) {
	t.Helper()
	report, wantErr := samplers[0].Explain(x, p, h, pos)
	for _, s := range samplers {
		got, err := s.Sample(x, p, h, pos)
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Fatalf("%s: %v, want %v", s.passes.level, err, wantErr)
		}
		if err == nil && !sameResult(got, report.Result) {
			t.Fatalf("%s, %d tokens, %+v:\n got %+v\nwant %+v", s.passes.level, len(x), *p, got, report.Result)
		}
		again, err := s.Explain(x, p, h, pos)
		if err != nil {
			continue
		}
		if !sameResult(again.Result, report.Result) || again.Needle != report.Needle || again.Total != report.Total {
			t.Fatalf("%s: explains %+v, want %+v", s.passes.level, again.Result, report.Result)
		}
	}
}

// TestLimit keeps new samplers to a level; a word that is none takes what is fastest.
func TestLimit(t *testing.T) {
	best := fastest()
	t.Cleanup(func() { Limit(best.level) })
	for _, p := range levels {
		if Limit(p.level); New(8).passes != p {
			t.Errorf("limited to %s, a sampler uses %s", p.level, New(8).passes.level)
		}
	}
	if Limit("amx"); New(8).passes != levels[len(levels)-1] {
		t.Errorf("limited to what has no passes of its own, a sampler uses %s", New(8).passes.level)
	}
}
