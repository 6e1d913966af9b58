package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
)

// collectAll reads a handle until nothing more comes, and sorts what came by output.
func collectAll(t interface {
	Helper()
	Fatalf(string, ...any)
}, h *engine.Handle, n int) []answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	all := make([]answer, n)
	for {
		ev, err := h.Next(ctx)
		if errors.Is(err, engine.ErrReleased) {
			return all
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		a := &all[ev.Index]
		if a.state.Finished() && ev.Kind != engine.EventStep {
			t.Fatalf("output %d goes on with %+v after it was %v", ev.Index, ev, a.state)
		}
		a.events = append(a.events, ev)
		switch ev.Kind {
		case engine.EventToken:
			a.ids = append(a.ids, ev.Token)
			a.text += ev.Text
		case engine.EventState:
			a.state, a.reason = ev.State, ev.Reason
		}
	}
}

// sampled are parameters of n outputs of up to tokens tokens.
func sampled(n, tokens int, seed uint64) sampler.Params {
	p := sampler.Defaults()
	p.N, p.MaxTokens, p.Seed, p.HasSeed, p.IgnoreEOS = n, tokens, seed, true, true
	p.LogProbs = 3
	return p
}

// results are the sampler's results of each token.
func (a answer) results() (out []sampler.Result) {
	for _, ev := range a.events {
		if ev.Kind == engine.EventToken {
			out = append(out, ev.Result)
		}
	}
	return out
}

// drained checks the books of a pool that nobody should hold anything of.
func drained(t *testing.T, e *engine.Engine) {
	t.Helper()
	free, err := e.CheckPool()
	if err != nil {
		t.Error(err)
	}
	if free != e.Pool().Blocks {
		t.Errorf("%d of %d blocks are still held", e.Pool().Blocks-free, e.Pool().Blocks)
	}
}

// Three outputs of a request with seed s are three requests with seeds s, s+1
// and s+2, to the bit: whatever the blocks, the chunks, how many may run at
// once, who is preempted, and what ends them.
func TestOutputsAreRequests(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	type job struct {
		prompt []int32
		params sampler.Params
	}
	jobs := []job{
		{prompt(r, 37), sampled(3, 24, 7)},
		{prompt(r, 32), sampled(3, 20, 1<<63)}, // full blocks only
		{prompt(r, 1), sampled(4, 12, 0)},
		{prompt(r, 20), sampled(2, 1, 5)},
	}
	jobs[0].params.RepetitionPenalty, jobs[0].params.PresencePenalty = 1.3, 0.4
	jobs[1].params.StopTokenIDs = prompt(r, 30)
	alone := tiny(t, cpu.New(2), engine.Options{})
	var want [][]answer
	for _, j := range jobs {
		var outputs []answer
		for i := range j.params.N {
			p := j.params
			p.N, p.Seed = 1, p.Seed+uint64(i)
			outputs = append(outputs, collect(t, add(t, alone, engine.Request{Prompt: j.prompt, Params: p})))
		}
		want = append(want, outputs)
	}
	if slices.Equal(want[0][0].ids, want[0][1].ids) {
		t.Fatal("two seeds say the same: the test compares nothing")
	}
	for _, c := range []struct {
		name string
		o    engine.Options
	}{
		{"as it comes", engine.Options{}},
		{"blocks of 1", engine.Options{BlockSize: 1, Blocks: 600}},
		{"blocks of 4", engine.Options{BlockSize: 4}},
		{"chunks of 5", engine.Options{MaxBatchTokens: 5}},
		{"one at a time", engine.Options{MaxSequences: 1}},
		{"two at a time", engine.Options{MaxSequences: 2, BlockSize: 4, Blocks: 40}},
		{"preemption", engine.Options{BlockSize: 4, Blocks: 24, MaxBatchTokens: 16}},
		{"one at a time in a pool for one", engine.Options{BlockSize: 4, Blocks: 16, MaxSequences: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := tiny(t, cpu.New(2), c.o)
			var handles []*engine.Handle
			for _, j := range jobs {
				handles = append(handles, add(t, e, engine.Request{Prompt: j.prompt, Params: j.params}))
			}
			for k, h := range handles {
				for i, got := range collectAll(t, h, jobs[k].params.N) {
					w := want[k][i]
					if !reflect.DeepEqual(got.results(), w.results()) {
						t.Errorf("request %d, output %d drew\n%v, want\n%v", k, i, got.results(), w.results())
					}
					if got.text != w.text || got.state != w.state || got.reason != w.reason {
						t.Errorf("request %d, output %d is %q, %v (%s), want %q, %v (%s)", k, i, got.text, got.state, got.reason, w.text, w.state, w.reason)
					}
				}
			}
			drained(t, e)
		})
	}
}

// The prompt is computed once, its full blocks are held by all outputs, and
// each writes to a last block of its own.
func TestOutputsShareBlocks(t *testing.T) {
	const size, n = 4, 3
	computed := 0
	o := &engine.Observer{Step: func(s engine.StepInfo) { computed += s.Batch }}
	e := tiny(t, ref.New(), engine.Options{BlockSize: size, Blocks: 40, Observer: o})
	ids := prompt(rand.New(rand.NewPCG(12, 12)), 4*size+2)
	h := add(t, e, engine.Request{Prompt: ids, Params: sampled(n, 40, 1), Paused: true})
	collect(t, h)
	ctx := context.Background()
	held := func(want int) {
		t.Helper()
		free, err := e.CheckPool()
		if err != nil {
			t.Error(err)
		}
		if free != 40-want {
			t.Errorf("%d blocks are held, want %d", 40-free, want)
		}
	}
	paused := func(outputs int) {
		t.Helper()
		for outputs > 0 {
			ev, err := h.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == engine.EventState && ev.State == engine.Paused {
				outputs--
			}
		}
	}
	held(5)
	// The first token is drawn from the prompt's last row: nobody writes.
	if err := h.Step(1); err != nil {
		t.Fatal(err)
	}
	paused(n)
	held(5)
	all, err := h.Snapshots(ctx)
	if err != nil || len(all) != n {
		t.Fatalf("%d outputs (%v), want %d", len(all), err, n)
	}
	for i, s := range all {
		if !slices.Equal(s.Blocks, all[0].Blocks) || len(s.Blocks) != 5 {
			t.Errorf("output %d has blocks %v, want the first one's %v", i, s.Blocks, all[0].Blocks)
		}
	}
	// The next one is written behind the prompt: two copies, and the last one
	// has the prompt's own block to itself.
	if err := h.Step(1); err != nil {
		t.Fatal(err)
	}
	paused(n)
	held(4 + n)
	if want := len(ids) + n; computed != want {
		t.Errorf("%d tokens were computed, want %d: the prompt once and one for each output", computed, want)
	}
	if all, err = h.Snapshots(ctx); err != nil {
		t.Fatal(err)
	}
	last := map[int32]bool{}
	for i, s := range all {
		if !slices.Equal(s.Blocks[:4], all[0].Blocks[:4]) {
			t.Errorf("output %d has blocks %v, want the prompt's full ones %v", i, s.Blocks, all[0].Blocks[:4])
		}
		last[s.Blocks[4]] = true
	}
	if len(last) != n {
		t.Errorf("the outputs' last blocks are %v, want %d different ones", last, n)
	}
	if err := h.Abort(); err != nil {
		t.Fatal(err)
	}
	for i, a := range collectAll(t, h, n) {
		if a.state != engine.FinishedAborted {
			t.Errorf("output %d is %v after Abort", i, a.state)
		}
	}
	drained(t, e)
}

// An output that ends gives its share back while the others go on.
func TestFinishedOutputFreesItsShare(t *testing.T) {
	const size = 4
	e := tiny(t, ref.New(), engine.Options{BlockSize: size, Blocks: 60})
	ids := prompt(rand.New(rand.NewPCG(13, 13)), 2*size)
	p := sampled(2, 60, 3)
	// The first output ends on its third token, the second one never draws it
	// in the first place.
	whole := collectAll(t, add(t, e, engine.Request{Prompt: ids, Params: p}), 2)
	at := slices.IndexFunc(whole[0].ids, func(id int32) bool { return !slices.Contains(whole[1].ids, id) })
	if at < 0 || at > 30 {
		t.Fatalf("no early token of %v is not in %v: the test needs another seed", whole[0].ids, whole[1].ids)
	}
	p.StopTokenIDs = []int32{whole[0].ids[at]}
	h := add(t, e, engine.Request{Prompt: ids, Params: p, Paused: true})
	if err := h.Step(at + 3); err != nil {
		t.Fatal(err)
	}
	ended := [2]engine.State{}
	for !ended[0].Finished() || ended[1] != engine.Paused {
		ev, err := h.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.EventState {
			ended[ev.Index] = ev.State
		}
	}
	free, err := e.CheckPool()
	if err != nil {
		t.Error(err)
	}
	all, err := h.Snapshots(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(all[0].Blocks) != 0 || free != 60-len(all[1].Blocks) {
		t.Errorf("the outputs hold %v and %v, and %d of 60 blocks are free", all[0].Blocks, all[1].Blocks, free)
	}
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	drained(t, e)
}

// What ends a request before its prompt is computed ends all its outputs.
func TestAbortBeforeTheFork(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	h := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: sampled(3, 4, 1), Paused: true})
	if err := h.Abort(); err != nil {
		t.Fatal(err)
	}
	for i, a := range collectAll(t, h, 3) {
		if a.state != engine.FinishedAborted {
			t.Errorf("output %d is %v after Abort", i, a.state)
		}
	}
	if err := h.Resume(); !errors.Is(err, engine.ErrReleased) {
		t.Errorf("resuming it: %v, want ErrReleased", err)
	}
	drained(t, e)
}

func wantField(t *testing.T, what string, err error, field string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), field+": ") {
		t.Errorf("%s: %v, want an error that names %s", what, err, field)
	}
}

// What is about a single output is refused to a request with several, by name.
func TestSeveralOutputsRefuse(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	ctx := context.Background()
	ids := []int32{1, 2, 3}
	_, err := e.Add(ctx, engine.Request{Prompt: ids, Params: sampled(2, 4, 1), Hold: true})
	wantField(t, "holding two outputs", err, "n")
	cold := sampled(2, 4, 1)
	cold.Temperature = 0
	_, err = e.Add(ctx, engine.Request{Prompt: ids, Params: cold})
	wantField(t, "two greedy outputs", err, "n")
	_, err = e.Add(ctx, engine.Request{Prompt: ids, Params: sampled(sampler.MaxN+1, 4, 1)})
	wantField(t, "too many outputs", err, "n")

	h := add(t, e, engine.Request{Prompt: ids, Params: sampled(2, 4, 1), Paused: true})
	_, probed := h.Probe(ctx, engine.Probe{Count: 1})
	_, lens := h.Lens(ctx, 0, 1)
	_, _, kv := h.KV(ctx, 0, 0, 0, 1)
	for what, err := range map[string]error{
		"Rewind": h.Rewind(1), "Append": h.Append([]int32{1}, false), "SetParams": h.SetParams(sampled(1, 4, 1)),
		"Probe": probed, "Lens": lens, "KV": kv,
	} {
		wantField(t, what, err, "n")
		if !strings.Contains(err.Error(), what) {
			t.Errorf("%s is refused as %q, which does not say what", what, err)
		}
	}
	one := add(t, e, engine.Request{Prompt: ids, Params: sampled(1, 4, 1), Paused: true, Hold: true})
	wantField(t, "changing n", one.SetParams(sampled(2, 4, 1)), "n")
	// And it goes on as if nobody had asked.
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	for i, a := range collectAll(t, h, 2) {
		if len(a.ids) != 4 || a.state != engine.FinishedLength {
			t.Errorf("output %d drew %v and is %v, want 4 tokens", i, a.ids, a.state)
		}
	}
}

// A request without a seed gets a random one, and its outputs differ.
func TestNoSeed(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	p := sampled(3, 20, 0)
	p.HasSeed = false
	all := collectAll(t, add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: p}), 3)
	again := collectAll(t, add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: p}), 3)
	seen := map[string]bool{}
	for _, a := range append(all, again...) {
		seen[string([]rune(a.text))] = true
	}
	if len(seen) != 6 {
		t.Errorf("six outputs say %d different texts", len(seen))
	}
}

// Whatever requests come, pause, go on and end in a small pool, the books are
// right after each operation, each output says what it says alone, and nothing
// is left in the end.
func TestRandomOutputs(t *testing.T) {
	m, err := model.Load("model/testdata/llama", cpu.New(1), model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tok := tinyTokenizer(t)
	rapid.Check(t, func(t *rapid.T) {
		e, err := engine.Start(m, tok, engine.Options{
			BlockSize: rapid.IntRange(1, 8).Draw(t, "block size"), Blocks: rapid.IntRange(16, 40).Draw(t, "blocks"),
			MaxBatchTokens: rapid.IntRange(1, 20).Draw(t, "chunk"), MaxSequences: rapid.IntRange(1, 5).Draw(t, "sequences"),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		pool, ctx := e.Pool(), context.Background()
		type job struct {
			h       *engine.Handle
			r       engine.Request
			aborted bool
		}
		var jobs []*job
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			op := rapid.IntRange(0, 5).Draw(t, "operation")
			if len(jobs) == 0 || op == 0 {
				p := sampled(rapid.IntRange(1, 4).Draw(t, "n"), rapid.IntRange(1, 12).Draw(t, "max_tokens"), rapid.Uint64().Draw(t, "seed"))
				p.HasPromptLogProbs = rapid.Bool().Draw(t, "prompt_logprobs")
				limit := min(20, pool.Blocks*pool.BlockSize-1)
				r := engine.Request{Prompt: rapid.SliceOfN(rapid.Int32Range(0, 319), 1, limit).Draw(t, "prompt"), Params: p}
				h, err := e.Add(ctx, r)
				if err != nil {
					t.Fatal(err)
				}
				jobs = append(jobs, &job{h: h, r: r})
			} else {
				j := jobs[rapid.IntRange(0, len(jobs)-1).Draw(t, "request")]
				switch op {
				case 1:
					err = j.h.Pause()
				case 2:
					err = j.h.Step(rapid.IntRange(1, 3).Draw(t, "steps"))
				case 3, 4:
					err = j.h.Resume()
				case 5:
					err, j.aborted = j.h.Abort(), true
				}
				if err != nil && !errors.Is(err, engine.ErrReleased) {
					t.Fatal(err)
				}
			}
			if _, err := e.CheckPool(); err != nil {
				t.Fatal(err)
			}
		}
		for _, j := range jobs {
			if err := j.h.Resume(); err != nil && !errors.Is(err, engine.ErrReleased) {
				t.Fatal(err)
			}
		}
		for _, j := range jobs {
			for i, got := range collectAll(t, j.h, j.r.Params.N) {
				if j.aborted && got.state == engine.FinishedAborted {
					continue
				}
				p := j.r.Params
				p.N, p.Seed, p.HasPromptLogProbs = 1, p.Seed+uint64(i), false
				h, err := e.Add(ctx, engine.Request{Prompt: j.r.Prompt, Params: p})
				if err != nil {
					t.Fatal(err)
				}
				want := collectAll(t, h, 1)[0]
				if !slices.Equal(got.ids, want.ids) || got.state != want.state {
					t.Fatalf("output %d of %+v drew %v (%v), want %v (%v)", i, j.r, got.ids, got.state, want.ids, want.state)
				}
			}
			if _, err := e.CheckPool(); err != nil {
				t.Fatal(err)
			}
		}
		if free, err := e.CheckPool(); err != nil || free != pool.Blocks {
			t.Fatalf("%d of %d blocks are free in the end (%v)", free, pool.Blocks, err)
		}
	})
}
