package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// tinyTokenizer is a byte-level vocabulary of 320 tokens: the 256 bytes, one
// end token, and numbered special ones.
func tinyTokenizer(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	vocab := map[string]int{}
	var spare rune
	for b := range 256 {
		r := rune(b)
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			r = 256 + spare // the byte-level alphabet of GPT-2
			spare++
		}
		vocab[string(r)] = b
	}
	type added struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	}
	extra := []added{{256, "<|im_end|>", true}}
	for id := 257; id < 320; id++ {
		extra = append(extra, added{id, fmt.Sprintf("<|%d|>", id), false})
	}
	data, err := json.Marshal(map[string]any{
		"version":       "1.0",
		"added_tokens":  extra,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel"},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// tiny starts an engine on a random model of 3 layers, 64 wide.
func tiny(t *testing.T, b backend.Backend, o engine.Options) *engine.Engine {
	t.Helper()
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); b.Close() })
	return start(t, m, tinyTokenizer(t), o)
}

// answer is what a request said until it finished or paused.
type answer struct {
	ids    []int32
	text   string
	state  engine.State
	reason string
	events []engine.Event
}

// collect reads a handle until its request is finished or paused.
func collect(t *testing.T, h *engine.Handle) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var a answer
	for {
		ev, err := h.Next(ctx)
		if err != nil {
			t.Fatalf("after %d tokens: %v", len(a.ids), err)
		}
		a.events = append(a.events, ev)
		switch ev.Kind {
		case engine.EventToken:
			a.ids = append(a.ids, ev.Token)
			a.text += ev.Text
		case engine.EventState:
			a.state, a.reason = ev.State, ev.Reason
			if ev.State.Finished() || ev.State == engine.Paused {
				return a
			}
		}
	}
}

func greedy(n int) sampler.Params {
	p := sampler.Defaults()
	p.Temperature, p.MaxTokens, p.IgnoreEOS = 0, n, true
	return p
}

func add(t *testing.T, e *engine.Engine, r engine.Request) *engine.Handle {
	t.Helper()
	h, err := e.Add(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func prompt(r *rand.Rand, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = r.Int32N(320)
	}
	return ids
}

// Preemption really happens in a pool that is too small for all.
func TestPreemptionIsTold(t *testing.T) {
	var mu sync.Mutex
	preempted := 0
	o := &engine.Observer{State: func(s engine.StateInfo) {
		mu.Lock()
		defer mu.Unlock()
		if s.State == engine.Preempted {
			preempted++
		}
	}}
	// Each needs 54 of the 70 blocks in the end, and runs long enough to meet the other.
	e := tiny(t, ref.New(), engine.Options{BlockSize: 4, Blocks: 70, Observer: o})
	r := rand.New(rand.NewPCG(2, 2))
	a := add(t, e, engine.Request{Prompt: prompt(r, 14), Params: greedy(200)})
	b := add(t, e, engine.Request{Prompt: prompt(r, 14), Params: greedy(200)})
	if n := len(collect(t, a).ids) + len(collect(t, b).ids); n != 400 {
		t.Errorf("%d tokens, want 400", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if preempted == 0 {
		t.Error("nobody was preempted: the test's pool is too large")
	}
}

func TestPauseStepRewindBranch(t *testing.T) {
	e := tiny(t, cpu.New(2), engine.Options{})
	r := rand.New(rand.NewPCG(3, 3))
	p := greedy(20)
	p.Temperature, p.Seed, p.HasSeed = 1, 7, true
	ids := prompt(r, 21)
	want := collect(t, add(t, e, engine.Request{Prompt: ids, Params: p})).ids

	h := add(t, e, engine.Request{Prompt: ids, Params: p, Hold: true, Paused: true})
	if a := collect(t, h); a.state != engine.Paused || len(a.ids) != 0 {
		t.Fatalf("a request that begins paused is %v after %d tokens", a.state, len(a.ids))
	}
	if err := h.Step(3); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, h); !slices.Equal(a.ids, want[:3]) || a.state != engine.Paused {
		t.Fatalf("three steps drew %v and ended %v, want %v", a.ids, a.state, want[:3])
	}
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, h); !slices.Equal(a.ids, want[3:]) || a.state != engine.FinishedLength {
		t.Fatalf("the rest is %v (%v), want %v", a.ids, a.state, want[3:])
	}
	// Back to the fifth token and on again: the same dice fall again.
	if err := h.Rewind(len(ids) + 5); err != nil {
		t.Fatal(err)
	}
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	collect(t, h) // the pause of the rewind
	if a := collect(t, h); !slices.Equal(a.ids, want[5:]) {
		t.Fatalf("after a rewind %v, want %v", a.ids, want[5:])
	}
	// Another token instead: what follows is what a request with that prompt says.
	other := (want[5] + 1) % 320
	if err := h.Rewind(len(ids) + 5); err != nil {
		t.Fatal(err)
	}
	if err := h.Append([]int32{other}, true); err != nil {
		t.Fatal(err)
	}
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	collect(t, h)
	branch := collect(t, h)
	longer := append(append(slices.Clone(ids), want[:5]...), other)
	p.MaxTokens = 14
	if fresh := collect(t, add(t, e, engine.Request{Prompt: longer, Params: p})); !slices.Equal(branch.ids, fresh.ids) {
		t.Errorf("the branch says %v, a fresh request %v", branch.ids, fresh.ids)
	}
	if err := h.Release(); err != nil {
		t.Fatal(err)
	}
	if err := h.Resume(); !errors.Is(err, engine.ErrReleased) {
		t.Errorf("resuming a released request: %v", err)
	}
}

// A second turn reuses the keys and values of the first, and says the same as
// a request that begins with all of it.
func TestNextTurn(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	r := rand.New(rand.NewPCG(4, 4))
	ids, more := prompt(r, 18), prompt(r, 7)
	h := add(t, e, engine.Request{Prompt: ids, Params: greedy(6), Hold: true})
	first := collect(t, h)
	if err := h.Append(more, false); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Snapshot(context.Background()); err != nil || s.Computed < len(ids) {
		t.Fatalf("after the second prompt %d tokens are computed (%v), want the first turn's", s.Computed, err)
	}
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	second := collect(t, h)
	whole := append(append(slices.Clone(ids), first.ids...), more...)
	if fresh := collect(t, add(t, e, engine.Request{Prompt: whole, Params: greedy(6)})); !slices.Equal(second.ids, fresh.ids) {
		t.Errorf("the second turn says %v, a fresh request %v", second.ids, fresh.ids)
	}
}

// What a probe finds is what the request computed: its logits lead to the
// tokens that were drawn, its weights are those that were watched, and the
// request goes on as if nobody had looked.
func TestProbe(t *testing.T) {
	e := tiny(t, cpu.New(2), engine.Options{})
	r := rand.New(rand.NewPCG(5, 5))
	ids := prompt(r, 19)
	want := collect(t, add(t, e, engine.Request{Prompt: ids, Params: greedy(12)})).ids

	h := add(t, e, engine.Request{Prompt: ids, Params: greedy(12), Hold: true, Paused: true, Watch: engine.Watch{Attention: true, Logits: true}})
	collect(t, h)
	if err := h.Step(6); err != nil {
		t.Fatal(err)
	}
	seen := collect(t, h)
	c := e.Model().Config()
	ctx := context.Background()
	probed, err := h.Probe(ctx, engine.Probe{From: 0, Count: len(ids) + 6, Logits: true, Points: []engine.At{
		{Point: model.Probs, Layer: 1}, {Point: model.QRope, Layer: 1}, {Point: model.ResidOut, Layer: 2}, {Point: model.Embed},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range seen.ids {
		logits := probed.Logits(len(ids) + i - 1)
		if top := slices.Index(logits, slices.Max(logits)); int32(top) != id {
			t.Errorf("the probe's logits choose %d for token %d, the request drew %d", top, i, id)
		}
	}
	for _, ev := range seen.events {
		switch ev.Kind {
		case engine.EventLogits:
			if !slices.Equal(ev.Logits, probed.Logits(ev.Pos-1)) {
				t.Errorf("logits of position %d differ between the run and the probe", ev.Pos)
			}
		case engine.EventAttention:
			at := 0
			for q := ev.From; q < ev.From+ev.Rows; q++ {
				for l := range c.Layers {
					for head := range c.Heads {
						row := ev.Weights[at : at+q+1]
						at += q + 1
						if l != 1 {
							continue
						}
						for k, p := range probed.Probs(1, q, head) {
							if u := math.Round(255 * math.Sqrt(float64(p))); math.Abs(u-float64(row[k])) > 1 {
								t.Fatalf("weight of query %d, head %d, key %d was sent as %d, want %v", q, head, k, row[k], u)
							}
						}
					}
				}
			}
			if at != len(ev.Weights) {
				t.Errorf("an attention event has %d weights, want %d", len(ev.Weights), at)
			}
		}
	}
	// A weight is the softmax of q·k/√d with the keys of the cache.
	const layer, head = 1, 2
	pos := len(ids) + 3
	k, _, err := h.KV(ctx, layer, head/(c.Heads/c.KVHeads), 0, pos+1)
	if err != nil {
		t.Fatal(err)
	}
	q := probed.Row(engine.At{Point: model.QRope, Layer: layer}, pos)[head*c.HeadDim:][:c.HeadDim]
	scores, sum := make([]float64, pos+1), 0.0
	for j := range scores {
		for d := range q {
			scores[j] += float64(q[d]) * float64(k[j*c.HeadDim+d])
		}
		scores[j] = math.Exp(scores[j] * float64(c.AttentionScale()))
		sum += scores[j]
	}
	for j, p := range probed.Probs(layer, pos, head) {
		if math.Abs(scores[j]/sum-float64(p)) > 1e-5 {
			t.Errorf("weight of key %d is %v, from q and k it is %v", j, p, scores[j]/sum)
		}
	}
	// The lens ends with the model's own prediction.
	lens, err := h.Lens(ctx, pos, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(lens) != c.Layers+1 || lens[c.Layers][0].ID != want[pos-len(ids)+1] {
		t.Errorf("the lens has %d layers and ends with %v, want token %d", len(lens), lens[len(lens)-1], want[pos-len(ids)+1])
	}
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	if rest := collect(t, h).ids; !slices.Equal(rest, want[6:]) {
		t.Errorf("after the probes the request says %v, want %v", rest, want[6:])
	}
}

func TestProbeRefuses(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	h := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(2), Hold: true})
	collect(t, h)
	for name, p := range map[string]engine.Probe{
		"a position behind the end": {From: 3, Count: 3},
		"a negative position":       {From: -1, Count: 1},
		"no position":               {From: 0, Count: 0},
		"a layer too many":          {From: 0, Count: 1, Points: []engine.At{{Point: model.Q, Layer: 3}}},
		"a point that is none":      {From: 0, Count: 1, Points: []engine.At{{Point: 200}}},
	} {
		var bad *engine.RequestError
		if _, err := h.Probe(context.Background(), p); !errors.As(err, &bad) {
			t.Errorf("%s: %v, want a RequestError", name, err)
		}
	}
}

// Blocks of a held request are taken for others when they run out, and
// computed again when somebody looks.
func TestHeldRequestsGiveWay(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{BlockSize: 4, Blocks: 8})
	r := rand.New(rand.NewPCG(6, 6))
	ids := prompt(r, 12)
	h := add(t, e, engine.Request{Prompt: ids, Params: greedy(4), Hold: true})
	collect(t, h)
	ctx := context.Background()
	before, err := h.Probe(ctx, engine.Probe{From: 10, Count: 1, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	other := add(t, e, engine.Request{Prompt: prompt(r, 24), Params: greedy(4)})
	if n := len(collect(t, other).ids); n != 4 {
		t.Fatalf("the other request drew %d tokens", n)
	}
	if s, err := h.Snapshot(ctx); err != nil || len(s.Blocks) != 0 {
		t.Fatalf("the held request has blocks %v (%v), want none", s.Blocks, err)
	}
	after, err := h.Probe(ctx, engine.Probe{From: 10, Count: 1, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before.Logits(0), after.Logits(0)) {
		t.Error("logits differ before and after the blocks were taken")
	}
}

func TestStopStrings(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	p := greedy(40)
	p.Temperature, p.Seed, p.HasSeed = 1, 3, true
	for id := range int32(95) { // printable letters only, so that text is text
		p.AllowedTokenIDs = append(p.AllowedTokenIDs, ' '+id)
	}
	plain := collect(t, add(t, e, engine.Request{Prompt: []int32{'h', 'i'}, Params: p}))
	if len(plain.text) != 40 {
		t.Fatalf("the text %q has %d characters, want 40", plain.text, len(plain.text))
	}
	stop := plain.text[10:14]
	at := strings.Index(plain.text, stop)
	p.Stop = []string{"no such text", stop}
	got := collect(t, add(t, e, engine.Request{Prompt: []int32{'h', 'i'}, Params: p}))
	if got.text != plain.text[:at] || got.state != engine.FinishedStopped || got.reason != "stop string" {
		t.Errorf("stopped with %q (%v, %s), want %q", got.text, got.state, got.reason, plain.text[:at])
	}
	p.IncludeStopStrInOutput = true
	if got := collect(t, add(t, e, engine.Request{Prompt: []int32{'h', 'i'}, Params: p})); got.text != plain.text[:at+4] {
		t.Errorf("with the stop string %q, want %q", got.text, plain.text[:at+4])
	}
	// Text that only begins like a stop string comes out in the end.
	p.Stop = []string{plain.text[30:] + "!"}
	if got := collect(t, add(t, e, engine.Request{Prompt: []int32{'h', 'i'}, Params: p})); got.text != plain.text {
		t.Errorf("held back for ever: %q, want %q", got.text, plain.text)
	}
}

func TestBadRequests(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	good := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(30)})
	with := func(change func(*sampler.Params)) sampler.Params { p := greedy(4); change(&p); return p }
	for name, c := range map[string]struct {
		r     engine.Request
		field string
	}{
		"an empty prompt":      {engine.Request{Params: greedy(1)}, "prompt"},
		"a token too large":    {engine.Request{Prompt: []int32{320}, Params: greedy(1)}, "prompt"},
		"a negative token":     {engine.Request{Prompt: []int32{-1}, Params: greedy(1)}, "prompt"},
		"a prompt too long":    {engine.Request{Prompt: make([]int32, 256), Params: greedy(1)}, "prompt"},
		"NaN":                  {engine.Request{Prompt: []int32{1}, Params: with(func(p *sampler.Params) { p.Temperature = float32(math.NaN()) })}, "temperature"},
		"a negative min_p":     {engine.Request{Prompt: []int32{1}, Params: with(func(p *sampler.Params) { p.MinP = -1 })}, "min_p"},
		"no max_tokens":        {engine.Request{Prompt: []int32{1}, Params: with(func(p *sampler.Params) { p.MaxTokens = 0 })}, "max_tokens"},
		"no answer at all":     {engine.Request{Prompt: []int32{1}, Params: with(func(p *sampler.Params) { p.N = 0 })}, "n"},
		"an empty stop string": {engine.Request{Prompt: []int32{1}, Params: with(func(p *sampler.Params) { p.Stop = []string{""} })}, "stop"},
	} {
		if _, err := e.Add(context.Background(), c.r); err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v, want an error that names %s", name, err, c.field)
		}
	}
	if n := len(collect(t, good).ids); n != 30 {
		t.Errorf("the good request drew %d tokens beside the bad ones, want 30", n)
	}
}

func TestContextIsFull(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	a := collect(t, add(t, e, engine.Request{Prompt: make([]int32, 250), Params: greedy(100)}))
	if len(a.ids) != 6 || a.state != engine.FinishedLength || a.reason != "context" {
		t.Errorf("%d tokens, %v, %s; want 6 until the context of 256 is full", len(a.ids), a.state, a.reason)
	}
}

func TestCloseEndsReaders(t *testing.T) {
	m, err := model.Load("model/testdata/llama", ref.New(), model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e, err := engine.Start(m, tinyTokenizer(t), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := add(t, e, engine.Request{Prompt: []int32{1}, Params: greedy(200)})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := h.Next(context.Background()); err != nil {
			if !errors.Is(err, engine.ErrClosed) {
				t.Errorf("the reader ends with %v", err)
			}
			break
		}
	}
	if _, err := e.Add(context.Background(), engine.Request{Prompt: []int32{1}, Params: greedy(1)}); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("adding to a closed engine: %v", err)
	}
}

func TestNeighboursAndSource(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	ctx := context.Background()
	got, err := e.Neighbours(ctx, 17, 5)
	if err != nil {
		t.Fatal(err)
	}
	// Against all cosines, sorted.
	var all []engine.Neighbour
	x, err := e.Embedding(ctx, 17)
	if err != nil {
		t.Fatal(err)
	}
	for id := range int32(320) {
		y, err := e.Embedding(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		var xy, xx, yy float64
		for i := range x {
			xy, xx, yy = xy+float64(x[i])*float64(y[i]), xx+float64(x[i])*float64(x[i]), yy+float64(y[i])*float64(y[i])
		}
		if id != 17 {
			all = append(all, engine.Neighbour{ID: id, Cosine: float32(xy / math.Sqrt(xx*yy))})
		}
	}
	slices.SortStableFunc(all, func(a, b engine.Neighbour) int {
		if a.Cosine > b.Cosine {
			return -1
		}
		return 1
	})
	for i := range got {
		if got[i].ID != all[i].ID || math.Abs(float64(got[i].Cosine-all[i].Cosine)) > 1e-6 {
			t.Errorf("neighbour %d is %v, want %v", i, got[i], all[i])
		}
	}
}

// Of an answer that is drawn without a pause the eye is told as often as it
// asked for, of single steps always.
func TestWatchEvery(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	p := sampler.Defaults()
	p.Temperature, p.MaxTokens, p.IgnoreEOS = 0, 20, true
	count := func(every time.Duration, single bool) (attention, logits int) {
		h, err := e.Add(t.Context(), engine.Request{Prompt: []int32{1, 2, 3}, Params: p, Paused: single, Watch: engine.Watch{Attention: true, Logits: true, Every: every}})
		if err != nil {
			t.Fatal(err)
		}
		drawn := 0
		for {
			ev, err := h.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch ev.Kind {
			case engine.EventAttention:
				attention++
			case engine.EventLogits:
				logits++
			case engine.EventToken:
				drawn++
			case engine.EventState:
				if ev.State.Finished() {
					return attention, logits
				}
				if single && ev.State == engine.Paused {
					if err := h.Step(1); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	if _, logits := count(0, false); logits < 2 { // not all: a reader that is late misses some
		t.Errorf("of 20 tokens %d had their logits told, want more", logits)
	}
	if attention, logits := count(time.Hour, false); logits > 1 || attention > 3 {
		t.Errorf("of 20 tokens in an hour %d had their logits told and %d their attention, want one and the prompt", logits, attention)
	}
	if _, logits := count(time.Hour, true); logits != 20 {
		t.Errorf("of 20 single steps %d had their logits told, want all", logits)
	}
}
