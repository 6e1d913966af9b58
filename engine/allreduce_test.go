package engine_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/load"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
	"vitrine/engine/tokenizer"
)

// twoRanks divides a model among two backends of one thread.
func twoRanks(t testing.TB) backend.Backend {
	t.Helper()
	b, err := parallel.New(cpu.New(1), cpu.New(1))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An observer sees one all-reduce for the embedding and two in each layer of
// every step, with the rows that were computed: of a part of the prompt, the last
// layer ends with the keys and values. Of an engine whose model is not divided it sees none.
func TestObserverSeesAllReduces(t *testing.T) {
	type seen struct {
		steps   []engine.StepInfo
		reduces []engine.AllReduceInfo
	}
	run := func(b backend.Backend) seen {
		var s seen
		var mu sync.Mutex
		o := &engine.Observer{
			Step:      func(i engine.StepInfo) { mu.Lock(); defer mu.Unlock(); s.steps = append(s.steps, i) },
			AllReduce: func(i engine.AllReduceInfo) { mu.Lock(); defer mu.Unlock(); s.reduces = append(s.reduces, i) },
		}
		e := tiny(t, b, engine.Options{MaxBatchTokens: 16, Observer: o})
		collect(t, add(t, e, engine.Request{Prompt: prompt(rand.New(rand.NewPCG(1, 1)), 20), Params: greedy(4)}))
		mu.Lock()
		defer mu.Unlock()
		return seen{slices.Clone(s.steps), slices.Clone(s.reduces)}
	}
	got := run(twoRanks(t))
	var want []engine.AllReduceInfo
	for i, s := range got.steps {
		r := engine.AllReduceInfo{Step: s.Number, Point: model.Embed, Ranks: 2, Bytes: int64(s.Batch) * 64 * 4}
		want = append(want, r)
		for r.Layer = range 3 {
			if r.Layer == 2 {
				if i == 0 {
					continue
				}
				r.Bytes = 64 * 4 // the row that a token is drawn from
			}
			for _, r.Point = range []model.Point{model.OProj, model.Down} {
				want = append(want, r)
			}
		}
	}
	if len(got.steps) != 5 || got.steps[0].Batch != 16 {
		t.Errorf("steps %+v, want two of the prompt and three more", got.steps)
	}
	for i := range got.reduces {
		if got.reduces[i].Duration <= 0 {
			t.Errorf("%+v took no time", got.reduces[i])
		}
		got.reduces[i].Duration = 0
	}
	if !slices.Equal(got.reduces, want) {
		t.Errorf("all-reduces\n%+v\nwant\n%+v", got.reduces, want)
	}
	if got := run(cpu.New(2)); len(got.reduces) != 0 || len(got.steps) != 5 {
		t.Errorf("a model that is not divided has %d all-reduces in %d steps", len(got.reduces), len(got.steps))
	}
}

// The real model draws the same tokens divided among two and three ranks as
// alone, and its logits differ by rounding: the activations' too, for they are
// multiplied as eight-bit integers.
func TestRanksDrawTheSameTokens(t *testing.T) {
	path := modeltest.SmolLM2(t)
	tok, err := tokenizer.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := tok.Encode("Once upon a time there was a house of glass by the sea. Whoever went in", tokenizer.EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const drawn = 40
	var tokens []int32
	var logits []float32
	for _, ranks := range []int{1, 2, 3} {
		found, err := load.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := found.Open(load.Options{Threads: 2, TensorParallelSize: ranks})
		if err != nil {
			t.Fatal(err)
		}
		e := start(t, m.Model, tok, engine.Options{Blocks: 64})
		h := add(t, e, engine.Request{Prompt: ids, Params: greedy(drawn), Hold: true})
		got := collect(t, h)
		p, err := h.Probe(t.Context(), engine.Probe{From: len(ids) - 1, Count: 1, Logits: true})
		if err != nil {
			t.Fatal(err)
		}
		if ranks == 1 {
			tokens, logits = got.ids, p.Logits(0)
		}
		if !slices.Equal(got.ids, tokens) {
			t.Errorf("%d ranks drew %v, one %v", ranks, got.ids, tokens)
		}
		if e := modeltest.RelativeRMS(p.Logits(0), logits); !(e < 1e-2) {
			t.Errorf("the logits of %d ranks differ by %.1e relative RMS", ranks, e)
		} else {
			t.Logf("%s: the logits of %d ranks differ by %.1e relative RMS", filepath.Base(path), ranks, e)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
