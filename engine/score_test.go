package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// promptLogProbs puts the scores of a request's events together: those of
// position 1, 2, ….
func promptLogProbs(t *testing.T, a answer) (out []engine.PromptLogProb) {
	t.Helper()
	for _, ev := range a.events {
		if ev.Kind != engine.EventPrompt {
			continue
		}
		if ev.Pos != len(out)+1 || len(ev.Prompt) == 0 {
			t.Fatalf("an event scores %d tokens from position %d on, want some from %d on", len(ev.Prompt), ev.Pos, len(out)+1)
		}
		out = append(out, ev.Prompt...)
	}
	return out
}

// traceLogits are the logits of all positions, as the command trace writes them.
func traceLogits(t *testing.T, b backend.Backend, ids []int32) []float32 {
	t.Helper()
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	path := filepath.Join(t.TempDir(), "trace.safetensors")
	if err := engine.WriteTrace(m, ids, path); err != nil {
		t.Fatal(err)
	}
	return modeltest.Tensors(t, path)["logits"]
}

// The prompt's log-probabilities are the logarithm of the softmax of the
// logits that trace writes, with the ranks and the best tokens of these,
// however the prompt is cut, and told once even if the request is preempted or
// has several outputs.
func TestPromptLogProbs(t *testing.T) {
	const vocab = 320
	r := rand.New(rand.NewPCG(21, 21))
	ids := prompt(r, 150)
	traced := cpu.New(2)
	defer traced.Close()
	logits := traceLogits(t, traced, ids)
	check := func(t *testing.T, got []engine.PromptLogProb, k int) {
		t.Helper()
		if len(got) != len(ids)-1 {
			t.Fatalf("%d tokens of the prompt are scored, want %d", len(got), len(ids)-1)
		}
		for i, p := range got {
			row := logits[i*vocab : (i+1)*vocab]
			sum := 0.0
			for _, z := range row {
				sum += math.Exp(float64(z))
			}
			want := func(id int32) float64 { return float64(row[id]) - math.Log(sum) }
			order := make([]int32, vocab)
			for id := range order {
				order[id] = int32(id)
			}
			slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(row[b], row[a]) })
			if p.Token != ids[i+1] || math.Abs(float64(p.LogProb)-want(p.Token)) > 1e-5 || order[p.Rank-1] != p.Token {
				t.Fatalf("position %d is %+v, want token %d with %v", i+1, p.TokenLogProb, ids[i+1], want(ids[i+1]))
			}
			if len(p.Top) != k {
				t.Fatalf("position %d has %d alternatives, want %d", i+1, len(p.Top), k)
			}
			for place, alt := range p.Top {
				if alt.Token != order[place] || alt.Rank != place+1 || math.Abs(float64(alt.LogProb)-want(alt.Token)) > 1e-5 {
					t.Fatalf("position %d: alternative %d is %+v, want token %d with %v", i+1, place+1, alt, order[place], want(order[place]))
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		o    engine.Options
		n, k int
	}{
		{"as it comes", engine.Options{}, 1, 2},
		{"the chosen ones alone", engine.Options{}, 1, 0},
		{"the whole vocabulary", engine.Options{}, 1, -1},
		{"chunks of 7", engine.Options{MaxBatchTokens: 7}, 1, 1},
		{"in one chunk", engine.Options{MaxBatchTokens: 256}, 1, 3},
		{"three outputs", engine.Options{}, 3, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tiny(t, cpu.New(2), c.o)
			p := sampled(c.n, 3, 1)
			p.PromptLogProbs, p.HasPromptLogProbs = c.k, true
			all := collectAll(t, add(t, e, engine.Request{Prompt: ids, Params: p}), c.n)
			k := c.k
			if k < 0 {
				k = vocab
			}
			check(t, promptLogProbs(t, all[0]), k)
			for i, a := range all {
				if i > 0 && len(promptLogProbs(t, a)) > 0 {
					t.Errorf("output %d tells of the prompt too", i)
				}
				if len(a.ids) != 3 {
					t.Errorf("output %d drew %v, want 3 tokens", i, a.ids)
				}
			}
			if rows, err := e.ScoreRows(); err != nil || rows < 1 || rows > 64 {
				t.Errorf("%d rows of logits at a time (%v), want 1 to 64", rows, err)
			}
		})
	}
	// In a pool that both fit into as they come, but not when one has grown: what
	// the other has scored before it is preempted is not scored again.
	t.Run("preempted", func(t *testing.T) {
		preempted := 0
		o := &engine.Observer{State: func(s engine.StateInfo) {
			if s.State == engine.Preempted {
				preempted++
			}
		}}
		e := tiny(t, cpu.New(2), engine.Options{BlockSize: 4, Blocks: 44, MaxBatchTokens: 8, Observer: o})
		p := sampled(1, 2, 1)
		p.HasPromptLogProbs = true
		handles := addAll(t, e, engine.Request{Prompt: ids[:20], Params: greedy(60)}, engine.Request{Prompt: ids, Params: p})
		a, b := handles[0], handles[1]
		collect(t, a)
		check(t, promptLogProbs(t, collect(t, b)), 0)
		if _, err := e.CheckPool(); err != nil { // also orders the read of preempted
			t.Error(err)
		}
		if preempted == 0 {
			t.Error("nobody was preempted: the test's pool is too large")
		}
	})
	// Looking into a request whose prompt is not computed yet computes it, and
	// tells of it as the step would have.
	t.Run("probed before", func(t *testing.T) {
		e := tiny(t, cpu.New(2), engine.Options{MaxBatchTokens: 16})
		p := sampled(1, 2, 1)
		p.HasPromptLogProbs = true
		h := add(t, e, engine.Request{Prompt: ids, Params: p, Paused: true, Hold: true})
		if err := h.Pause(); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Probe(context.Background(), engine.Probe{From: 100, Count: 1}); err != nil {
			t.Fatal(err)
		}
		if err := h.Resume(); err != nil {
			t.Fatal(err)
		}
		var a answer
		for !a.state.Finished() {
			part := collect(t, h)
			a.events, a.state = append(a.events, part.events...), part.state
		}
		check(t, promptLogProbs(t, a), 0)
	})
}

// Nobody who does not ask is told, and what cannot be is refused by name.
func TestPromptLogProbsAreAskedFor(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	a := collect(t, add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(2)}))
	if got := promptLogProbs(t, a); got != nil {
		t.Errorf("the prompt is scored though nobody asked: %v", got)
	}
	one := greedy(2)
	one.HasPromptLogProbs = true
	if got := promptLogProbs(t, collect(t, add(t, e, engine.Request{Prompt: []int32{1}, Params: one}))); got != nil {
		t.Errorf("the only token of a prompt, which nothing is before, is scored: %v", got)
	}
	for what, k := range map[string]int{"fewer than all": -2, "more than there are": 321} {
		p := greedy(2)
		p.PromptLogProbs, p.HasPromptLogProbs = k, true
		_, err := e.Add(context.Background(), engine.Request{Prompt: []int32{1, 2}, Params: p})
		wantField(t, what, err, "prompt_logprobs")
	}
	h := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(2), Hold: true, Paused: true})
	wantField(t, "asking too late", h.SetParams(one), "prompt_logprobs")
}

// Both backends find the prompt's tokens as likely as transformers did, and
// the same tokens the likeliest wherever these are no near tie.
func TestGoldenPromptLogProbs(t *testing.T) {
	var want map[string]struct {
		LogProbs []float64 `json:"logprobs"` // of positions 1, 2, …
		First    int       `json:"first"`    // the position that TopIDs begin with
		TopIDs   [][]int32 `json:"top_ids"`  // the five likeliest tokens to follow
	}
	data, err := os.ReadFile("testdata/smollm2/prompt_logprobs.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	prompts, _ := goldens(t)
	tok, err := tokenizer.Load(modeltest.SmolLM2(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		backend backend.Backend
		prompts []string
		within  float64 // what log-probabilities may differ by; better ones than that are no tie
	}{
		{ref.New(), []string{"complete", "code"}, 2e-3},
		{cpu.New(0), slices.Collect(maps.Keys(prompts)), 0.2}, // as far as its logits may be off
	} {
		t.Run(c.backend.Name(), func(t *testing.T) {
			e := start(t, loadSmolLM2(t, c.backend), tok, engine.Options{})
			for _, name := range c.prompts {
				g, w := prompts[name], want[name]
				if leftToCI(t, name, g) {
					continue
				}
				p := greedy(1)
				p.PromptLogProbs, p.HasPromptLogProbs = 5, true
				got := promptLogProbs(t, collect(t, add(t, e, engine.Request{Prompt: g.IDs, Params: p})))
				if len(got) != len(w.LogProbs) {
					t.Errorf("%s: %d tokens are scored, want %d", name, len(got), len(w.LogProbs))
					continue
				}
				worst := 0.0
				for i, p := range got {
					if p.Token != g.IDs[i+1] {
						t.Errorf("%s: position %d is token %d, want %d", name, i+1, p.Token, g.IDs[i+1])
					}
					worst = max(worst, math.Abs(float64(p.LogProb)-w.LogProbs[i]))
					if i < w.First {
						continue
					}
					for place, alt := range p.Top {
						if id := w.TopIDs[i-w.First][place]; alt.Token != id && !near(p, id, alt.LogProb, c.within) {
							t.Errorf("%s: alternative %d at position %d is token %d with %v, want %d", name, place+1, i+1, alt.Token, alt.LogProb, id)
						}
					}
				}
				t.Logf("%s: log-probabilities differ by at most %.4f", name, worst)
				if !(worst <= c.within) {
					t.Errorf("%s: log-probabilities differ by up to %v, want at most %v", name, worst, c.within)
				}
			}
		})
	}
}

// near says whether a token is among the best within tie of a log-probability.
func near(p engine.PromptLogProb, id int32, logProb float32, tie float64) bool {
	at := slices.IndexFunc(p.Top, func(t sampler.TokenLogProb) bool { return t.Token == id })
	if at < 0 {
		return math.Abs(float64(p.Top[len(p.Top)-1].LogProb-logProb)) < tie
	}
	return math.Abs(float64(p.Top[at].LogProb-logProb)) < tie
}

// The real model's outputs: three with a seed are three requests with seed,
// seed+1 and seed+2; a request that asks for more than the memory is for is
// refused; and a token costs no memory of the vocabulary's size.
func TestRealOutputs(t *testing.T) {
	prompts, _ := goldens(t)
	e := smolLM2Engine(t, engine.Options{})
	ids := prompts["gravity"].IDs
	p := sampled(3, 12, 42)
	p.Temperature, p.TopP = 0.8, 0.95
	several := collectAll(t, add(t, e, engine.Request{Prompt: ids, Params: p}), 3)
	drained(t, e)
	for i, got := range several {
		one := p
		one.N, one.Seed = 1, p.Seed+uint64(i)
		want := collect(t, add(t, e, engine.Request{Prompt: ids, Params: one}))
		if !reflect.DeepEqual(got.results(), want.results()) || got.text != want.text {
			t.Errorf("output %d says %q, a request with its seed %q", i, got.text, want.text)
		}
	}
	if several[0].text == several[1].text {
		t.Error("two seeds say the same")
	}

	all := greedy(1)
	all.PromptLogProbs, all.HasPromptLogProbs = -1, true
	_, err := e.Add(context.Background(), engine.Request{Prompt: prompts["long"].IDs, Params: all})
	var refused *engine.RequestError
	if !errors.As(err, &refused) || refused.Field != "prompt_logprobs" {
		t.Errorf("the whole vocabulary for %d tokens: %v, want a refusal of prompt_logprobs", len(prompts["long"].IDs), err)
	}

	p.LogProbs, p.MaxTokens = 0, 20
	h := add(t, e, engine.Request{Prompt: ids, Params: p})
	var before, after runtime.MemStats
	const warm = 10
	tokens := 0
	for tokens < 3*p.MaxTokens {
		ev, err := h.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind != engine.EventToken {
			continue
		}
		if tokens++; tokens == warm {
			runtime.ReadMemStats(&before)
		}
	}
	runtime.ReadMemStats(&after)
	each := int(after.TotalAlloc-before.TotalAlloc) / (tokens - warm)
	t.Logf("%d bytes are allocated a token", each)
	if vocab := e.Model().Config().Vocab; each >= vocab {
		t.Errorf("%d bytes are allocated a token, want fewer than the %d tokens of the vocabulary", each, vocab)
	}
}
