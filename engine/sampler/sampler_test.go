package sampler

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

var inf = float32(math.Inf(1))

func with(change func(*Params)) Params {
	p := Defaults()
	p.MaxTokens = 100
	change(&p)
	return p
}

// logs returns the logits of a distribution.
func logs(probs ...float64) []float32 {
	z := make([]float32, len(probs))
	for i, p := range probs {
		z[i] = float32(math.Log(p))
	}
	return z
}

// TestStages checks what each stage keeps, on numbers small enough to check by hand.
func TestStages(t *testing.T) {
	ramp := []float32{4, 3, 2, 1, 0}
	tests := []struct {
		name   string
		logits []float32
		p      Params
		h      History
		kept   []int32 // in the order of the draw
	}{
		{"off", ramp, with(func(*Params) {}), History{}, []int32{0, 1, 2, 3, 4}},
		{"greedy", []float32{1, 5, 5}, with(func(p *Params) { p.Temperature = 0 }), History{}, []int32{1}},
		{"top_k", ramp, with(func(p *Params) { p.TopK = 2 }), History{}, []int32{0, 1}},
		{"top_k −1 is off", ramp, with(func(p *Params) { p.TopK = -1 }), History{}, []int32{0, 1, 2, 3, 4}},
		{"top_k above the vocabulary", ramp, with(func(p *Params) { p.TopK = 9 }), History{}, []int32{0, 1, 2, 3, 4}},
		{"ties at the k-th survive", []float32{1, 2, 1, 3, 1}, with(func(p *Params) { p.TopK = 3 }), History{}, []int32{3, 1, 0, 2, 4}},
		{"minus zero ties with zero", []float32{float32(math.Copysign(0, -1)), 0, -1}, with(func(p *Params) { p.TopK = 1 }), History{}, []int32{0, 1}},
		{"top_p", logs(.5, .3, .15, .05), with(func(p *Params) { p.TopP = .75 }), History{}, []int32{0, 1}},
		{"top_p reached exactly keeps no more", []float32{0, 0, 0, 0}, with(func(p *Params) { p.TopP = .5 }), History{}, []int32{0, 1}},
		{"top_p just above keeps one more", []float32{0, 0, 0, 0}, with(func(p *Params) { p.TopP = .5001 }), History{}, []int32{0, 1, 2}},
		{"top_p keeps at least one", logs(.9, .1), with(func(p *Params) { p.TopP = 1e-30 }), History{}, []int32{0}},
		{"min_p", logs(.5, .3, .15, .05), with(func(p *Params) { p.MinP = .25 }), History{}, []int32{0, 1, 2}},
		{"min_p 1 keeps what equals the best", []float32{2, 1, 2}, with(func(p *Params) { p.MinP = 1 }), History{}, []int32{0, 2}},
		{"allowed_token_ids", ramp, with(func(p *Params) { p.AllowedTokenIDs = []int32{3, 1, 3} }), History{}, []int32{1, 3}},
		{"bad word of one token", ramp, with(func(p *Params) { p.BadWords = [][]int32{{0}} }), History{}, []int32{1, 2, 3, 4}},
		{"bad word completed", ramp, with(func(p *Params) { p.BadWords = [][]int32{{7 - 4, 2, 1}} }), History{Output: []int32{0, 3, 2}}, []int32{0, 2, 3, 4}},
		{"bad word not completed", ramp, with(func(p *Params) { p.BadWords = [][]int32{{3, 2, 1}} }), History{Output: []int32{3, 2, 0}}, []int32{0, 1, 2, 3, 4}},
		{"bad word does not look at the prompt", ramp, with(func(p *Params) { p.BadWords = [][]int32{{3, 1}} }), History{Prompt: []int32{3}}, []int32{0, 1, 2, 3, 4}},
		{"min_tokens not reached", ramp, with(func(p *Params) { p.MinTokens, p.StopTokenIDs, p.EOSTokenIDs = 2, []int32{1}, []int32{0} }), History{Output: []int32{3}}, []int32{2, 3, 4}},
		{"min_tokens bans end of sequence though it is ignored", ramp, with(func(p *Params) { p.MinTokens, p.EOSTokenIDs, p.IgnoreEOS = 2, []int32{0}, true }), History{}, []int32{1, 2, 3, 4}},
		{"min_tokens reached", ramp, with(func(p *Params) { p.MinTokens, p.EOSTokenIDs = 2, []int32{0} }), History{Output: []int32{3, 3}}, []int32{0, 1, 2, 3, 4}},
		{"logit_bias adds up", ramp, with(func(p *Params) { p.LogitBias, p.TopK = []TokenBias{{4, 3}, {4, 2.5}}, 1 }), History{}, []int32{4}},
		{"logit_bias is clamped", []float32{0, 150}, with(func(p *Params) { p.LogitBias, p.TopK = []TokenBias{{0, 1000}}, 1 }), History{}, []int32{1}},
		{"repetition divides and multiplies", []float32{4, 3, -1, -1.5}, with(func(p *Params) { p.RepetitionPenalty = 2 }), History{Prompt: []int32{0, 0}, Output: []int32{2, 0}}, []int32{1, 0, 3, 2}},
		{"frequency counts the output only", ramp, with(func(p *Params) { p.FrequencyPenalty = 1 }), History{Prompt: []int32{1}, Output: []int32{0, 0}}, []int32{1, 0, 2, 3, 4}},
		{"presence counts once", []float32{4, 3.5, 2}, with(func(p *Params) { p.PresencePenalty = 1 }), History{Prompt: []int32{1}, Output: []int32{0, 0}}, []int32{1, 0, 2}},
		{"negative penalty encourages", ramp, with(func(p *Params) { p.PresencePenalty, p.TopK = -2, 1 }), History{Output: []int32{1}}, []int32{1}},
		{"+Inf takes all", []float32{1, inf, 3, inf}, with(func(p *Params) { p.TopP = .9 }), History{}, []int32{1, 3}},
		{"−Inf cannot be drawn", []float32{-inf, 1, -inf}, with(func(*Params) {}), History{}, []int32{1}},
		// At T = 1 the best token has 0.67 of the mass, at T = 2 it has 0.52.
		{"vLLM: temperature comes before top_p", []float32{2, 1, 0}, with(func(p *Params) { p.Temperature, p.TopP = 2, .6 }), History{}, []int32{0, 1}},
		{"llama.cpp: temperature comes after top_p", []float32{2, 1, 0}, with(func(p *Params) { p.Temperature, p.TopP, p.Order = 2, .6, LlamaCPP }), History{}, []int32{0}},
		// min_p first leaves two tokens, of which the first has 0.57 ≥ p; top_p first needs both.
		{"vLLM: min_p comes before top_p", logs(.4, .3, .16, .14), with(func(p *Params) { p.MinP, p.TopP = .5, .55 }), History{}, []int32{0}},
		{"Hugging Face: min_p comes after top_p", logs(.4, .3, .16, .14), with(func(p *Params) { p.MinP, p.TopP, p.Order = .5, .55, HuggingFace }), History{}, []int32{0, 1}},
		{"a later stage brings no ties back", []float32{0, 0, -9}, with(func(p *Params) { p.TopP, p.MinP, p.Order = .4, 1, HuggingFace }), History{}, []int32{0}},
		// The bias lifts the token over zero, where the penalty divides instead of multiplying.
		{"the bias comes before the penalty", []float32{0.9, -1}, with(func(p *Params) { p.LogitBias, p.RepetitionPenalty = []TokenBias{{1, 3}}, 2 }), History{Prompt: []int32{1}}, []int32{1, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, err := New(len(test.logits)).Explain(test.logits, &test.p, test.h, 0)
			if err != nil {
				t.Fatal(err)
			}
			var kept []int32
			for _, c := range r.Candidates(len(test.logits)) {
				if c.Removed < 0 {
					kept = append(kept, c.Token)
				} else if z := r.LogitAt(len(r.Stages)-1, c.Token); z > -inf {
					t.Errorf("token %d fell at stage %d and has the logit %v at the end", c.Token, c.Removed, z)
				}
			}
			if !slices.Equal(kept, test.kept) {
				t.Errorf("kept %v, want %v", kept, test.kept)
			}
			if r.Kept != len(test.kept) {
				t.Errorf("Kept = %d, want %d", r.Kept, len(test.kept))
			}
			if !slices.Contains(test.kept, r.Token) {
				t.Errorf("token %d is not among those kept", r.Token)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	ok := []float32{1, 2, 3}
	tests := []struct {
		name   string
		logits []float32
		p      Params
		h      History
		pos    int
		want   string
	}{
		{"NaN", []float32{1, float32(math.NaN()), 3}, Defaults(), History{}, 0, "logits[1]: got NaN, want a number"},
		{"short row", ok[:2], Defaults(), History{}, 0, "logits: got 2 values, want 3 (the vocabulary)"},
		{"all −Inf", []float32{-inf, -inf, -inf}, Defaults(), History{}, 0, ErrNoLogits.Error()},
		{"all banned", ok, with(func(p *Params) { p.AllowedTokenIDs, p.BadWords = []int32{1}, [][]int32{{1}} }), History{}, 0, ErrAllBanned.Error()},
		{"prompt", ok, Defaults(), History{Prompt: []int32{0, 3}}, 0, "prompt[1]: got 3, want a token id in [0, 3)"},
		{"output", ok, Defaults(), History{Output: []int32{-1}}, 0, "output[0]: got -1, want a token id in [0, 3)"},
		{"position", ok, Defaults(), History{}, -1, "position: got -1, want at least 0"},
		{"parameters that nobody validated", ok, with(func(p *Params) { p.Temperature = float32(math.NaN()) }), History{}, 0, "temperature: got NaN, want a finite number, at least 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := New(3)
			_, err := s.Sample(test.logits, &test.p, test.h, test.pos)
			if err == nil || err.Error() != test.want {
				t.Errorf("Sample: %v, want %s", err, test.want)
			}
			if _, err := s.Explain(test.logits, &test.p, test.h, test.pos); err == nil || err.Error() != test.want {
				t.Errorf("Explain: %v, want %s", err, test.want)
			}
			// A refusal must leave nothing behind.
			p := Defaults()
			if r, err := s.Sample([]float32{-inf, 0, -inf}, &p, History{}, 0); err != nil || r.Token != 1 {
				t.Errorf("after the refusal: token %d, error %v", r.Token, err)
			}
		})
	}
	if _, err := New(-1).Sample(ok, &Params{}, History{}, 0); err == nil {
		t.Error("a sampler without a vocabulary drew a token")
	}
}

// TestDeterminism: the same call gives the same answer whatever the sampler did before,
// and the row is left as it was.
func TestDeterminism(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sc := drawScenario(t)
		before := slices.Clone(sc.logits)
		used := New(len(sc.logits))
		other := with(func(p *Params) {
			p.TopK, p.RepetitionPenalty, p.FrequencyPenalty = 2, 1.5, 1
			p.AllowedTokenIDs = []int32{0}
		})
		used.Sample(make([]float32, len(sc.logits)), &other, sc.h, 3)
		a, errA := used.Sample(sc.logits, &sc.p, sc.h, sc.pos)
		b, errB := New(len(sc.logits)).Sample(sc.logits, &sc.p, sc.h, sc.pos)
		if !errors.Is(errA, errB) || !sameResult(a, b) {
			t.Fatalf("%+v (%v), then %+v (%v)", a, errA, b, errB)
		}
		if !slices.Equal(before, sc.logits) {
			t.Fatal("the row of logits was changed")
		}
	})
}

func sameResult(a, b Result) bool {
	return a.Token == b.Token && math.Float32bits(a.LogProb) == math.Float32bits(b.LogProb) && a.Rank == b.Rank &&
		a.Prob == b.Prob && a.Draw == b.Draw && a.Kept == b.Kept && slices.Equal(a.TopLogProbs, b.TopLogProbs)
}

// TestDistribution draws at many positions and holds the counts against the
// probabilities with Pearson's chi-square test. Seeds are fixed, so it
// cannot fail by chance.
func TestDistribution(t *testing.T) {
	const draws = 20000
	logits := []float32{2, 1.5, 1, 0.5, 0, -0.5, -1, 1.5}
	tests := map[string]Params{
		"plain":       with(func(*Params) {}),
		"hot":         with(func(p *Params) { p.Temperature = 3 }),
		"cold, top_k": with(func(p *Params) { p.Temperature, p.TopK = .5, 4 }),
		"top_p":       with(func(p *Params) { p.TopP = .8 }),
		"llama.cpp":   with(func(p *Params) { p.TopP, p.Temperature, p.Order = .8, 2, LlamaCPP }),
	}
	for name, p := range tests {
		for seed := range uint64(3) {
			t.Run(name+" "+strconv.FormatUint(seed, 10), func(t *testing.T) {
				p.Seed = seed
				want := reference(logits, p, History{})
				counts := map[int32]float64{}
				s := New(len(logits))
				for pos := range draws {
					r, err := s.Sample(logits, &p, History{}, pos)
					if err != nil {
						t.Fatal(err)
					}
					counts[r.Token]++
				}
				var chi2 float64
				for i, token := range want.kept {
					expected := want.probs[i] * draws
					chi2 += (counts[token.id] - expected) * (counts[token.id] - expected) / expected
					delete(counts, token.id)
				}
				if len(counts) > 0 {
					t.Errorf("tokens drawn that should have been removed: %v", counts)
				}
				// The 0.999 quantile for k degrees of freedom (Wilson and Hilferty, 1931).
				k := float64(len(want.kept) - 1)
				limit := k * math.Pow(1-2/(9*k)+3.09*math.Sqrt(2/(9*k)), 3)
				if chi2 > limit {
					t.Errorf("chi-square %.1f, want at most %.1f", chi2, limit)
				}
			})
		}
	}
}

// TestDrawDependsOnSeedAndPosition: positions and seeds give different numbers, and nothing else counts.
func TestDrawDependsOnSeedAndPosition(t *testing.T) {
	s := New(3)
	draw := func(seed uint64, pos int, logits []float32) float64 {
		p := with(func(p *Params) { p.Seed = seed })
		r, err := s.Sample(logits, &p, History{}, pos)
		if err != nil {
			t.Fatal(err)
		}
		return r.Draw
	}
	a, b := []float32{1, 2, 3}, []float32{3, -inf, 1}
	if draw(7, 9, a) != draw(7, 9, b) {
		t.Error("the number depends on the logits")
	}
	seen := map[float64]bool{}
	for _, at := range []struct {
		seed uint64
		pos  int
	}{{7, 9}, {7, 10}, {8, 9}, {7 << 32, 9}, {9, 7}} {
		seen[draw(at.seed, at.pos, a)] = true
	}
	if len(seen) != 5 {
		t.Errorf("5 seeds and positions gave %d numbers", len(seen))
	}
}

func TestLogProbs(t *testing.T) {
	logits := []float32{1, 3, 2, 3, -inf}
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z))
	}
	logProb := func(id int32) float64 { return float64(logits[id]) - math.Log(sum) }
	// The raw distribution is told, whatever the parameters do to it.
	p := with(func(p *Params) { p.AllowedTokenIDs, p.LogProbs, p.Temperature = []int32{0}, 3, .3 })
	s := New(5)
	r, err := s.Sample(logits, &p, History{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if r.Token != 0 || r.Rank != 4 || math.Abs(float64(r.LogProb)-logProb(0)) > 1e-6 || r.Prob != 1 {
		t.Errorf("got %+v", r)
	}
	want := []TokenLogProb{{1, float32(logProb(1)), 1}, {3, float32(logProb(3)), 2}, {2, float32(logProb(2)), 3}}
	checkTop(t, r.TopLogProbs, want)

	p.LogProbs = -1
	if r, err = s.Sample(logits, &p, History{}, 0); err != nil {
		t.Fatal(err)
	}
	checkTop(t, r.TopLogProbs, append(want, TokenLogProb{0, float32(logProb(0)), 4}, TokenLogProb{4, -inf, 5}))

	scored, top, err := s.Score(logits, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	checkTop(t, append(top, scored), []TokenLogProb{{1, float32(logProb(1)), 1}, {3, float32(logProb(3)), 2}})
	for _, bad := range []struct {
		token int32
		top   int
	}{{5, 0}, {-1, 0}, {0, 6}, {0, -2}} {
		if _, _, err := s.Score(logits, bad.token, bad.top); err == nil {
			t.Errorf("Score(%+v) gave no error", bad)
		}
	}

	p.LogProbs, p.SkipLogProb = 0, true
	if r, err = s.Sample(logits, &p, History{}, 0); err != nil || r.LogProb != 0 || r.Rank != 0 || r.TopLogProbs != nil {
		t.Errorf("without log-probabilities: %+v, %v", r, err)
	}

	// Two tokens at +Inf share all probability.
	r, err = s.Sample([]float32{0, inf, 0, inf, 0}, &Params{N: 1, Temperature: 1, TopP: 1, RepetitionPenalty: 1, MaxTokens: 1}, History{}, 0)
	if err != nil || math.Abs(float64(r.LogProb)+math.Ln2) > 1e-7 || r.Prob != .5 {
		t.Errorf("+Inf: %+v, %v", r, err)
	}
}

func checkTop(t *testing.T, got, want []TokenLogProb) {
	t.Helper()
	same := slices.EqualFunc(got, want, func(a, b TokenLogProb) bool {
		return a.Token == b.Token && a.Rank == b.Rank && (a.LogProb == b.LogProb || math.Abs(float64(a.LogProb-b.LogProb)) < 1e-6)
	})
	if !same {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSampleDoesNotAllocate(t *testing.T) {
	const vocab = 5000
	logits := make([]float32, vocab)
	for i := range logits {
		logits[i] = 3 * bell(9, i)
	}
	h := History{Prompt: []int32{1, 2, 3}, Output: []int32{4, 5, 4}}
	for name, p := range map[string]Params{
		"plain":  with(func(*Params) {}),
		"greedy": with(func(p *Params) { p.Temperature = 0 }),
		"everything": with(func(p *Params) {
			p.Temperature, p.TopK, p.TopP, p.MinP = .8, 50, .9, .01
			p.RepetitionPenalty, p.FrequencyPenalty, p.PresencePenalty = 1.1, .2, .3
			p.LogitBias, p.BadWords = []TokenBias{{1, 2}}, [][]int32{{5, 4}, {4, 6}}
			p.AllowedTokenIDs, p.StopTokenIDs, p.MinTokens = []int32{1, 2, 3, 9, 100, 4000}, []int32{7}, 9
		}),
		"top_p": with(func(p *Params) { p.Temperature, p.TopP = 1.5, .99 }),
		"min_p": with(func(p *Params) { p.MinP = .001 }),
	} {
		for _, level := range levels {
			s := New(vocab)
			s.passes = level
			pos := 0
			allocs := testing.AllocsPerRun(20, func() {
				if _, err := s.Sample(logits, &p, h, pos); err != nil {
					t.Fatal(err)
				}
				pos++
			})
			if allocs != 0 {
				t.Errorf("%s at %s: %v allocations a token, want 0", name, level.level, allocs)
			}
		}
	}
}

func BenchmarkSample(b *testing.B) {
	params := []struct {
		name string
		p    Params
	}{
		{"greedy", with(func(p *Params) { p.Temperature = 0 })},
		{"plain", with(func(*Params) {})},
		{"top_k", with(func(p *Params) { p.Temperature, p.TopK = .8, 50 })},
		{"top_k,no_logprob", with(func(p *Params) { p.Temperature, p.TopK, p.SkipLogProb = .8, 50, true })},
		{"top_p", with(func(p *Params) { p.Temperature, p.TopP = .8, .95 })},
		{"top_p,top_k", with(func(p *Params) { p.Temperature, p.TopP, p.TopK = .8, .95, 40 })},
		{"all", with(func(p *Params) { p.Temperature, p.TopP, p.TopK, p.MinP, p.RepetitionPenalty = .8, .95, 50, .05, 1.1 })},
	}
	for _, vocab := range []int{49152, 262144} {
		logits := make([]float32, vocab)
		for i := range logits {
			logits[i] = 3 * bell(9, i)
		}
		h := History{Prompt: []int32{1, 2, 3}, Output: []int32{4, 5, 4}}
		for _, test := range params {
			b.Run(strconv.Itoa(vocab)+"/"+test.name, func(b *testing.B) {
				s := New(vocab)
				b.ReportAllocs()
				for pos := 0; b.Loop(); pos++ {
					if _, err := s.Sample(logits, &test.p, h, pos); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		b.Run(strconv.Itoa(vocab)+"/explain", func(b *testing.B) {
			s := New(vocab)
			p := params[len(params)-1].p
			for pos := 0; b.Loop(); pos++ {
				if _, err := s.Explain(logits, &p, h, pos); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
