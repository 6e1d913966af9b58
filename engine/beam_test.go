package engine_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
)

// distribution asks the engine for all log-probabilities behind tokens.
func distribution(t *testing.T, e *engine.Engine, tokens []int32) map[int32]float64 {
	t.Helper()
	p := greedy(1)
	p.LogProbs = -1
	a := collect(t, add(t, e, engine.Request{Prompt: tokens, Params: p}))
	out := map[int32]float64{}
	for _, l := range a.results()[0].TopLogProbs {
		out[l.Token] = float64(l.LogProb)
	}
	return out
}

// path is a beam of the plain search.
type path struct {
	tokens []int32
	cum    float64
	score  float64
	reason string
}

func sortPaths(paths []path) {
	slices.SortStableFunc(paths, func(a, b path) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return 0
	})
}

const endToken = 256 // of tinyTokenizer

// plainSearch is beam search as one would write it down, with each beam's
// distribution computed from its tokens anew.
func plainSearch(t *testing.T, e *engine.Engine, r engine.BeamRequest) []path {
	t.Helper()
	score := func(cum float64, length int) float64 {
		return cum / math.Pow(float64(len(r.Prompt)+length), r.LengthPenalty)
	}
	beams, ended := []path{{}}, []path(nil)
	for step := 1; step <= r.MaxTokens && len(beams) > 0; step++ {
		var next []path
		for _, b := range beams {
			all := distribution(t, e, slices.Concat(r.Prompt, b.tokens))
			ids := make([]int32, 0, len(all))
			for id := range all {
				ids = append(ids, id)
			}
			slices.SortFunc(ids, func(x, y int32) int {
				if all[x] != all[y] {
					if all[x] > all[y] {
						return -1
					}
					return 1
				}
				return int(x - y)
			})
			for _, id := range ids[:min(2*r.Width, len(ids))] {
				p := path{tokens: append(slices.Clone(b.tokens), id), cum: b.cum + all[id]}
				if id == endToken && !r.IgnoreEOS {
					p.score, p.reason = score(p.cum, step-1), "stop"
					ended = append(ended, p)
					continue
				}
				p.score, p.reason = score(p.cum, step), "length"
				next = append(next, p)
			}
		}
		sortPaths(next)
		beams = next[:min(r.Width, len(next))]
		if r.EarlyStopping && len(ended) >= r.Width {
			break
		}
	}
	sortPaths(ended)
	ended = ended[:min(len(ended), r.Width)]
	all := append(ended, beams...)
	sortPaths(all)
	return all[:min(r.Width, len(all))]
}

func search(t *testing.T, e *engine.Engine, r engine.BeamRequest) []engine.Beam {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	beams, err := e.BeamSearch(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return beams
}

func samePaths(t *testing.T, name string, got []engine.Beam, want []path) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d beams, want %d", name, len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if !slices.Equal(g.Tokens, w.tokens) || math.Abs(g.CumLogProb-w.cum) > 1e-9 || math.Abs(g.Score-w.score) > 1e-9 || g.FinishReason != w.reason {
			t.Errorf("%s: beam %d is %v %v %v %s, want %v %v %v %s", name, i, g.Tokens, g.CumLogProb, g.Score, g.FinishReason, w.tokens, w.cum, w.score, w.reason)
		}
	}
}

// endingPrompt is a prompt behind which the end token is among the likeliest n.
func endingPrompt(t *testing.T, e *engine.Engine, n int) []int32 {
	t.Helper()
	r := rand.New(rand.NewPCG(21, 4))
	for range 400 {
		ids := prompt(r, 1+r.IntN(6))
		all, rank := distribution(t, e, ids), 0
		for _, l := range all {
			if l > all[endToken] {
				rank++
			}
		}
		if rank < n {
			return ids
		}
	}
	t.Fatal("the model ends nowhere: the test compares less than it should")
	return nil
}

// The search finds what the same algorithm finds that computes everything anew,
// in any blocks, with beams evicted or not, and leaves nothing behind.
func TestBeamSearchAgainstRecomputation(t *testing.T) {
	e := tiny(t, cpu.New(2), engine.Options{})
	ending := endingPrompt(t, e, 8)
	r := rand.New(rand.NewPCG(2, 21))
	requests := []engine.BeamRequest{
		{Prompt: ending, Width: 4, MaxTokens: 6, LengthPenalty: 1},
		{Prompt: ending, Width: 4, MaxTokens: 6, LengthPenalty: -2},
		{Prompt: ending, Width: 3, MaxTokens: 7, LengthPenalty: 2, IgnoreEOS: true},
		{Prompt: ending, Width: 1, MaxTokens: 6, EarlyStopping: true},
		{Prompt: prompt(r, 33), Width: 5, MaxTokens: 8, LengthPenalty: 1},
	}
	var want [][]path
	stopped := 0
	for _, q := range requests {
		paths := plainSearch(t, e, q)
		want = append(want, paths)
		for _, p := range paths {
			if p.reason == "stop" {
				stopped++
			}
		}
	}
	if stopped == 0 {
		t.Error("no beam ends early: the test compares less than it should")
	}
	for _, c := range []struct {
		name string
		o    engine.Options
	}{
		{"as it comes", engine.Options{}},
		{"blocks of 1", engine.Options{BlockSize: 1, Blocks: 400}},
		{"one at a time", engine.Options{MaxSequences: 1}},
		{"no room for all", engine.Options{BlockSize: 4, Blocks: 13}},
		{"chunks", engine.Options{MaxBatchTokens: 3, BlockSize: 4, Blocks: 100}},
	} {
		e := tiny(t, cpu.New(1), c.o)
		var wait sync.WaitGroup // all at once: they must not stand in each other's way
		got := make([][]engine.Beam, len(requests))
		errs := make([]error, len(requests))
		for i, q := range requests {
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
				defer cancel()
				got[i], errs[i] = e.BeamSearch(ctx, q)
			})
		}
		wait.Wait()
		for i := range requests {
			if errs[i] != nil {
				t.Fatalf("%s: request %d: %v", c.name, i, errs[i])
			}
			samePaths(t, c.name, got[i], want[i])
		}
		drained(t, e)
	}
}

// With room for all continuations nothing is pruned before the last step: the
// search is exhaustive.
func TestBeamSearchIsExhaustive(t *testing.T) {
	e := tiny(t, cpu.New(2), engine.Options{Blocks: 1000, BlockSize: 4})
	const vocab = 320
	ids := endingPrompt(t, e, 100)
	var all []path
	for first, lp := range distribution(t, e, ids) {
		if first == endToken {
			all = append(all, path{[]int32{first}, lp, lp, "stop"})
			continue
		}
		for second, lp2 := range distribution(t, e, append(slices.Clone(ids), first)) {
			p := path{[]int32{first, second}, lp + lp2, lp + lp2, "length"}
			if second == endToken {
				p.reason = "stop"
			}
			all = append(all, p)
		}
	}
	sortPaths(all)
	got := search(t, e, engine.BeamRequest{Prompt: ids, Width: vocab, MaxTokens: 2})
	if len(got) != vocab {
		t.Fatalf("%d beams, want %d", len(got), vocab)
	}
	for i, g := range got {
		// Where scores are the same the order is free.
		if math.Abs(g.CumLogProb-all[i].cum) > 1e-9 {
			t.Fatalf("place %d: %v with %v, want %v with %v", i, g.Tokens, g.CumLogProb, all[i].tokens, all[i].cum)
		}
	}
	drained(t, e)
}

// Beams share the blocks of what they have in common.
func TestBeamsShareBlocks(t *testing.T) {
	most := 0
	var mu sync.Mutex
	held := map[int32]bool{}
	o := &engine.Observer{Block: func(b engine.BlockInfo) {
		mu.Lock()
		defer mu.Unlock()
		held[b.Block] = b.Refs > 0
		n := 0
		for _, is := range held {
			if is {
				n++
			}
		}
		most = max(most, n)
	}}
	e := tiny(t, ref.New(), engine.Options{BlockSize: 4, Blocks: 200, Observer: o})
	const prompts, width = 40, 6
	search(t, e, engine.BeamRequest{Prompt: prompt(rand.New(rand.NewPCG(9, 9)), prompts), Width: width, MaxTokens: 4})
	// The prompt's ten blocks once, and at most two for each beam's own tokens.
	if limit := prompts/4 + 2*width; most > limit {
		t.Errorf("%d blocks were held at a time, want at most %d", most, limit)
	}
}

// What a search gives up is no output, and ends nothing that counts; what it finds counts by
// how it ended. Its tokens count once.
func TestBeamSearchIsCounted(t *testing.T) {
	var mu sync.Mutex
	beams, ends := 0, map[engine.State]int{}
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Blocks: 200, Observer: &engine.Observer{
		Request: func(r engine.RequestInfo) {
			mu.Lock()
			defer mu.Unlock()
			if r.Beam {
				beams++
			}
		},
		State: func(s engine.StateInfo) {
			mu.Lock()
			defer mu.Unlock()
			if s.State.Finished() {
				ends[s.State]++
			}
		},
	}})
	q := engine.BeamRequest{Prompt: endingPrompt(t, e, 8), Width: 4, MaxTokens: 6, LengthPenalty: -2}
	idle(t, e)
	before := e.Stats()
	mu.Lock()
	beams, ends = 0, map[engine.State]int{}
	mu.Unlock()
	var want engine.Finished
	for _, b := range search(t, e, q) {
		switch b.FinishReason {
		case "stop":
			want.Stop++
		case "length":
			want.Length++
		}
	}
	if want.Stop == 0 || want.Length == 0 {
		t.Errorf("the beams end %+v: the test shows less than it should", want)
	}
	after := idle(t, e)
	got := engine.Finished{Stop: after.Finished.Stop - before.Finished.Stop, Length: after.Finished.Length - before.Finished.Length, Abort: after.Finished.Abort - before.Finished.Abort}
	if got != want {
		t.Errorf("%+v are counted, want %+v", got, want)
	}
	// One beam in the first step, and four in each of the five that follow at most.
	if tokens := after.GenerationTokens - before.GenerationTokens; tokens < 5 || tokens > 1+5*4 {
		t.Errorf("%d tokens are counted", tokens)
	}
	if tokens := after.PromptTokens - before.PromptTokens; tokens != uint64(len(q.Prompt)) {
		t.Errorf("%d tokens of the prompt are counted, want %d", tokens, len(q.Prompt))
	}
	mu.Lock()
	if live := ends[engine.FinishedStopped] + ends[engine.FinishedLength]; beams <= 4 || live == 0 || live > 4 || live+ends[engine.FinishedAborted] != beams {
		t.Errorf("%d beams are told of, which end %v", beams, ends)
	}
	mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := e.BeamSearch(ctx, engine.BeamRequest{Prompt: q.Prompt, Width: 64, MaxTokens: 200, IgnoreEOS: true}); err == nil {
		t.Error("it was not given up: the test shows less than it should")
	}
	if s := idle(t, e).Finished; s.Stop != after.Finished.Stop || s.Length != after.Finished.Length || s.Abort <= after.Finished.Abort {
		t.Errorf("with a search that was given up %+v are counted, before %+v", s, after.Finished)
	}
}

// A beam's tokens come with what the model thought of them and of the likeliest others.
func TestBeamLogProbs(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	ids := prompt(rand.New(rand.NewPCG(7, 7)), 5)
	for _, logProbs := range []int{0, 3, 9, -1} { // a search of two beams needs the four likeliest
		for _, b := range search(t, e, engine.BeamRequest{Prompt: ids, Width: 2, MaxTokens: 4, LogProbs: logProbs}) {
			if len(b.Results) != len(b.Tokens) {
				t.Fatalf("%d results of %d tokens", len(b.Results), len(b.Tokens))
			}
			sum := 0.0
			for i, r := range b.Results {
				all := distribution(t, e, slices.Concat(ids, b.Tokens[:i]))
				sum += float64(r.LogProb)
				if r.Token != b.Tokens[i] || float64(r.LogProb) != all[r.Token] || r.Rank < 1 || r.Rank > 4 {
					t.Errorf("place %d of %v: %+v", i, b.Tokens, r)
				}
				want := logProbs
				if want < 0 {
					want = len(all)
				}
				if len(r.TopLogProbs) != want {
					t.Fatalf("%d likeliest tokens, want %d", len(r.TopLogProbs), want)
				}
				for j, top := range r.TopLogProbs {
					if float64(top.LogProb) != all[top.Token] || top.Rank != j+1 {
						t.Errorf("place %d of %v: the %d-th likeliest is %+v", i, b.Tokens, j+1, top)
					}
				}
			}
			if math.Abs(sum-b.CumLogProb) > 1e-9 {
				t.Errorf("the results add up to %v, want %v", sum, b.CumLogProb)
			}
		}
	}
}

// Searches that come together are taken in together, or none of them.
func TestBeamSearchAll(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	r := rand.New(rand.NewPCG(4, 2))
	requests := []engine.BeamRequest{{Prompt: prompt(r, 5), Width: 2, MaxTokens: 4}, {Prompt: prompt(r, 9), Width: 3, MaxTokens: 3, LengthPenalty: 1}}
	all, err := e.BeamSearchAll(t.Context(), requests, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range requests {
		alone := search(t, e, q)
		if !slices.EqualFunc(all[i], alone, func(a, b engine.Beam) bool { return slices.Equal(a.Tokens, b.Tokens) && a.Score == b.Score }) {
			t.Errorf("search %d finds %+v, alone %+v", i, all[i], alone)
		}
	}
	var full *engine.QueueFullError
	if _, err := e.BeamSearchAll(t.Context(), requests, 1); !errors.As(err, &full) || full.Max != 1 {
		t.Errorf("where one may wait, two get %v", err)
	}
	requests[1].Width = 0
	var bad *engine.RequestError
	if _, err := e.BeamSearchAll(t.Context(), requests, 0); !errors.As(err, &bad) || bad.Field != "beam_width" {
		t.Errorf("with a bad one among them: %v", err)
	}
	drained(t, e)
}

func TestBeamSearchIsWideGreedy(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	ids := prompt(rand.New(rand.NewPCG(3, 9)), 7)
	want := collect(t, add(t, e, engine.Request{Prompt: ids, Params: greedy(9)}))
	got := search(t, e, engine.BeamRequest{Prompt: ids, Width: 1, MaxTokens: 9, IgnoreEOS: true})
	if len(got) != 1 || !slices.Equal(got[0].Tokens, want.ids) || got[0].Text != want.text {
		t.Errorf("got %+v, want %v %q", got, want.ids, want.text)
	}
}

func TestBeamSearchRefuses(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	good := engine.BeamRequest{Prompt: []int32{1}, Width: 2, MaxTokens: 2}
	for field, spoil := range map[string]func(*engine.BeamRequest){
		"prompt":         func(r *engine.BeamRequest) { r.Prompt = nil },
		"beam_width":     func(r *engine.BeamRequest) { r.Width = 0 },
		"max_tokens":     func(r *engine.BeamRequest) { r.MaxTokens = 0 },
		"length_penalty": func(r *engine.BeamRequest) { r.LengthPenalty = math.NaN() },
		"logprobs":       func(r *engine.BeamRequest) { r.LogProbs = -2 },
	} {
		r := good
		spoil(&r)
		_, err := e.BeamSearch(context.Background(), r)
		var bad *engine.RequestError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := e.BeamSearch(ctx, engine.BeamRequest{Prompt: []int32{1, 2}, Width: 64, MaxTokens: 200, IgnoreEOS: true})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a search that was given up: %v", err)
	}
	drained(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.BeamSearch(context.Background(), good); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
