package sampler

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The reference is what a reader of the papers would write: float64
// probabilities, a full sort at every stage, no shortcuts.

type refToken struct {
	id int32
	z  float64
}

type refResult struct {
	kept   []refToken // in the order of the draw
	probs  []float64
	unsure bool // a threshold was so close that the last bits decide
}

const closeCall = 1e-9

func sortRef(tokens []refToken) {
	slices.SortFunc(tokens, func(a, b refToken) int {
		switch {
		case a.z > b.z:
			return -1
		case a.z < b.z:
			return 1
		default:
			return int(a.id) - int(b.id)
		}
	})
}

func softmaxRef(tokens []refToken) []float64 {
	top := math.Inf(-1)
	for _, t := range tokens {
		top = max(top, t.z)
	}
	probs := make([]float64, len(tokens))
	var sum float64
	for i, t := range tokens {
		probs[i] = 1
		if t.z != top { // both may be +Inf
			probs[i] = math.Exp(t.z - top)
		}
		sum += probs[i]
	}
	for i := range probs {
		probs[i] /= sum
	}
	return probs
}

func count(ids []int32, id int32) (n int) {
	for _, other := range ids {
		if other == id {
			n++
		}
	}
	return n
}

func editRef(logits []float32, p *Params, h History) []float32 {
	z := slices.Clone(logits)
	ban := func(id int32) { z[id] = float32(math.Inf(-1)) }
	stages := map[Kind]func(){
		StructuredOutputs: func() {
			for id := range z {
				if h.Allowed != nil && h.Allowed[id/64]&(1<<(id%64)) == 0 {
					ban(int32(id))
				}
			}
		},
		AllowedTokens: func() {
			for id := range z {
				if p.AllowedTokenIDs != nil && !slices.Contains(p.AllowedTokenIDs, int32(id)) {
					ban(int32(id))
				}
			}
		},
		BadWords: func() {
			for _, word := range p.BadWords {
				for start := range len(h.Output) + 1 {
					if slices.Equal(word, append(slices.Clone(h.Output[start:]), word[len(word)-1])) {
						ban(word[len(word)-1])
					}
				}
			}
		},
		MinTokens: func() {
			if len(h.Output) < p.MinTokens {
				for _, id := range slices.Concat(p.StopTokenIDs, p.EOSTokenIDs) {
					ban(id)
				}
			}
		},
		LogitBias: func() {
			for _, b := range p.LogitBias {
				z[b.Token] += min(100, max(-100, b.Bias))
			}
		},
		RepetitionPenalty: func() {
			for id := range z {
				if count(h.Prompt, int32(id))+count(h.Output, int32(id)) == 0 || p.RepetitionPenalty == 1 {
					continue
				}
				if z[id] > 0 {
					z[id] /= p.RepetitionPenalty
				} else {
					z[id] *= p.RepetitionPenalty
				}
			}
		},
		FrequencyPenalty: func() {
			for id := range z {
				z[id] -= float32(p.FrequencyPenalty * float32(count(h.Output, int32(id))))
			}
		},
		PresencePenalty: func() {
			for id := range z {
				if count(h.Output, int32(id)) > 0 {
					z[id] -= p.PresencePenalty
				}
			}
		},
	}
	orders := map[Order][]Kind{
		VLLM:        {StructuredOutputs, AllowedTokens, BadWords, MinTokens, LogitBias, RepetitionPenalty, FrequencyPenalty, PresencePenalty},
		HuggingFace: {StructuredOutputs, LogitBias, RepetitionPenalty, FrequencyPenalty, PresencePenalty, BadWords, MinTokens, AllowedTokens},
		LlamaCPP:    {StructuredOutputs, AllowedTokens, BadWords, MinTokens, LogitBias, RepetitionPenalty, FrequencyPenalty, PresencePenalty},
	}
	for _, kind := range orders[p.Order] {
		stages[kind]()
	}
	return z
}

func reference(logits []float32, p Params, h History) refResult {
	p.normalize()
	var r refResult
	for id, z := range editRef(logits, &p, h) {
		if !math.IsInf(float64(z), -1) {
			r.kept = append(r.kept, refToken{int32(id), float64(z)})
		}
	}
	sortRef(r.kept)
	if len(r.kept) == 0 {
		return r
	}
	if p.Temperature == 0 {
		r.kept, r.probs = r.kept[:1], []float64{1}
		return r
	}
	minP := func() {
		if p.MinP == 0 {
			return
		}
		probs := softmaxRef(r.kept)
		n := 0
		for i := range r.kept {
			need := float64(p.MinP) * probs[0]
			if probs[i] >= need {
				n++
			}
			r.unsure = r.unsure || math.Abs(probs[i]-need) < closeCall && i > 0 && probs[i] != probs[0]
		}
		r.kept = r.kept[:n]
	}
	topK := func() {
		if p.TopK > 0 && p.TopK < len(r.kept) {
			n := p.TopK
			for n < len(r.kept) && r.kept[n].z == r.kept[p.TopK-1].z {
				n++
			}
			r.kept = r.kept[:n]
		}
	}
	topP := func() {
		if p.TopP == 1 {
			return
		}
		probs := softmaxRef(r.kept)
		var before float64
		n := 0
		for n < len(probs) && before < float64(p.TopP) {
			before += probs[n]
			n++
			r.unsure = r.unsure || math.Abs(before-float64(p.TopP)) < closeCall
		}
		r.kept = r.kept[:n]
	}
	temperature := func() {
		for i := range r.kept {
			r.kept[i].z /= float64(p.Temperature)
		}
	}
	for _, stage := range map[Order][]func(){
		VLLM:        {temperature, minP, topK, topP},
		HuggingFace: {temperature, topK, topP, minP},
		LlamaCPP:    {topK, topP, minP, temperature},
	}[p.Order] {
		stage()
	}
	r.probs = softmaxRef(r.kept)
	return r
}

// drawRef inverts the reference's cumulative distribution.
func (r *refResult) draw(u float64) (token int32, unsure bool) {
	var sum float64
	for i, p := range r.probs {
		unsure = unsure || math.Abs(u-sum) < closeCall && i > 0
		sum += p
		if u < sum {
			return r.kept[i].id, unsure || math.Abs(u-sum) < closeCall
		}
	}
	return r.kept[len(r.kept)-1].id, true
}

// scenario is one call of the sampler.
type scenario struct {
	logits []float32
	p      Params
	h      History
	pos    int
}

// drawScenario makes a small random call: few distinct logits now and then, so that ties are common.
func drawScenario(t *rapid.T) scenario {
	vocab := rapid.IntRange(1, 60).Draw(t, "vocab")
	logit := rapid.Float32Range(-12, 12)
	switch rapid.IntRange(0, 3).Draw(t, "shape") {
	case 0:
		logit = rapid.Map(rapid.IntRange(-3, 3), func(i int) float32 { return float32(i) })
	case 1:
		logit = rapid.Float32Range(-1e30, 1e30)
	case 2:
		logit = rapid.OneOf(rapid.Just(float32(math.Inf(-1))), rapid.Float32Range(-5, 5))
	}
	id := rapid.Int32Range(0, int32(vocab-1))
	ids := func(most int) *rapid.Generator[[]int32] { return rapid.SliceOfN(id, 0, most) }
	p := Defaults()
	p.MaxTokens = 100
	p.Temperature = rapid.OneOf(rapid.Just(float32(1)), rapid.Just(float32(0)), rapid.Float32Range(0, 3)).Draw(t, "temperature")
	p.TopP = rapid.OneOf(rapid.Just(float32(1)), rapid.Float32Range(0.001, 1)).Draw(t, "top_p")
	p.MinP = rapid.OneOf(rapid.Just(float32(0)), rapid.Float32Range(0.0001, 1)).Draw(t, "min_p")
	p.TopK = rapid.OneOf(rapid.Just(0), rapid.IntRange(-1, 70)).Draw(t, "top_k")
	p.PresencePenalty = rapid.OneOf(rapid.Just(float32(0)), rapid.Float32Range(-2, 2)).Draw(t, "presence")
	p.FrequencyPenalty = rapid.OneOf(rapid.Just(float32(0)), rapid.Float32Range(-2, 2)).Draw(t, "frequency")
	p.RepetitionPenalty = rapid.OneOf(rapid.Just(float32(1)), rapid.Float32Range(0.1, 3)).Draw(t, "repetition")
	p.Seed = rapid.Uint64().Draw(t, "seed")
	p.MinTokens = rapid.IntRange(0, 8).Draw(t, "min_tokens")
	p.StopTokenIDs = ids(3).Draw(t, "stop")
	p.EOSTokenIDs = ids(2).Draw(t, "eos")
	p.Order = Order(rapid.IntRange(0, 2).Draw(t, "order"))
	if rapid.IntRange(0, 3).Draw(t, "restrict") == 0 {
		p.AllowedTokenIDs = rapid.SliceOfN(id, 1, 20).Draw(t, "allowed")
	}
	p.BadWords = rapid.SliceOfN(rapid.SliceOfN(id, 1, 3), 0, 4).Draw(t, "bad_words")
	for _, b := range ids(4).Draw(t, "biased") {
		p.LogitBias = append(p.LogitBias, TokenBias{b, rapid.Float32Range(-150, 150).Draw(t, "bias")})
	}
	h := History{Prompt: ids(10).Draw(t, "prompt"), Output: ids(10).Draw(t, "output")}
	if rapid.IntRange(0, 3).Draw(t, "structured") == 0 {
		h.Allowed = make([]uint64, (vocab+63)/64)
		for _, i := range rapid.SliceOfN(id, 1, 40).Draw(t, "grammar") {
			h.Allowed[i/64] |= 1 << (i % 64)
		}
	}
	return scenario{
		logits: rapid.SliceOfN(logit, vocab, vocab).Draw(t, "logits"),
		p:      p,
		h:      h,
		pos:    rapid.IntRange(0, 1<<40).Draw(t, "pos"),
	}
}

// TestAgainstReference compares what is kept, its probabilities and the token with the reference.
func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sc := drawScenario(t)
		want := reference(sc.logits, sc.p, sc.h)
		got, err := New(len(sc.logits)).Explain(sc.logits, &sc.p, sc.h, sc.pos)
		if len(want.kept) == 0 {
			if !errors.Is(err, ErrAllBanned) && !errors.Is(err, ErrNoLogits) {
				t.Fatalf("nothing can be drawn, got error %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if want.unsure {
			t.Skip("a threshold is too close to call in float64")
		}
		if got.Kept != len(want.kept) {
			t.Fatalf("kept %d tokens, want %d", got.Kept, len(want.kept))
		}
		last := len(got.Stages) - 1
		for i, c := range got.Candidates(got.Kept) {
			if c.Token != want.kept[i].id {
				t.Fatalf("candidate %d is token %d, want %d", i, c.Token, want.kept[i].id)
			}
			if math.Abs(c.Probs[last]-want.probs[i]) > 1e-12 {
				t.Fatalf("candidate %d: probability %g, want %g", i, c.Probs[last], want.probs[i])
			}
		}
		if token, unsure := want.draw(got.Draw); !unsure && got.Token != token {
			t.Fatalf("token %d at u = %v, want %d", got.Token, got.Draw, token)
		}
	})
}

// TestLargeRowsAgainstReference does the same for rows as wide as a vocabulary, where the
// radix descent has all its levels to do.
func TestLargeRowsAgainstReference(t *testing.T) {
	const vocab = 20000
	shapes := map[string]func(i int) float32{
		"normal":     func(i int) float32 { return 3 * bell(1, i) },
		"flat":       func(i int) float32 { return 1e-4 * bell(2, i) },
		"equal":      func(int) float32 { return 2.5 },
		"steps":      func(i int) float32 { return float32(i % 7) },
		"peak":       func(i int) float32 { return map[bool]float32{true: 40}[i == 777] + bell(3, i) },
		"geometric":  func(i int) float32 { return float32(math.Ldexp(1, -i%280+100)) },
		"both signs": func(i int) float32 { return float32(math.Ldexp(1-2*float64(i%2), i%40-20)) },
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			logits := make([]float32, vocab)
			for i := range logits {
				logits[i] = shape(i)
			}
			s := New(vocab)
			for _, p := range []Params{
				{Temperature: 1, TopP: 1}, {Temperature: 0, TopP: 1}, {Temperature: 2.5, TopP: 0.97},
				{Temperature: 0.7, TopP: 0.9, TopK: 1000}, {Temperature: 1, TopP: 1, MinP: 0.01, TopK: 12000},
				{Temperature: 1.3, TopP: 0.5, MinP: 0.001, Order: LlamaCPP},
			} {
				p.N, p.RepetitionPenalty, p.MaxTokens = 1, 1, 1
				want := reference(logits, p, History{})
				for pos := range 5 {
					got, err := s.Sample(logits, &p, History{}, pos)
					if err != nil {
						t.Fatal(err)
					}
					if !want.unsure && got.Kept != len(want.kept) {
						t.Fatalf("%+v: kept %d, want %d", p, got.Kept, len(want.kept))
					}
					if token, unsure := want.draw(got.Draw); !want.unsure && !unsure && got.Token != token {
						t.Fatalf("%+v: token %d at u = %v, want %d", p, got.Token, got.Draw, token)
					}
				}
			}
		})
	}
}

// bell returns a number from a bell-shaped distribution of variance 1, the same on every
// platform: the sum of twelve uniform ones.
func bell(seed uint64, i int) float32 {
	var sum float32
	for j := range 12 {
		sum += float32(Uniform(seed, 12*i+j)>>40) * 0x1p-24
	}
	return sum - 6
}
