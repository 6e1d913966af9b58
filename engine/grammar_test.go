package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/sampler"
	"vitrine/engine/structured"
)

func constraint(t *testing.T, e *engine.Engine, s structured.Spec) *structured.Constraint {
	t.Helper()
	c, err := e.Structured().Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until asks for up to n tokens with the model's end tokens on.
func until(n int, seed uint64) sampler.Params {
	p := sampler.Defaults()
	p.MaxTokens, p.Seed, p.HasSeed = n, seed, true
	return p
}

var call = structured.Spec{JSON: `{"type":"object","properties":{"ok":{"type":"boolean"},"n":{"type":"integer","minimum":-5,"maximum":1200},"tag":{"enum":["a","世界"]}},"required":["ok","n","tag"],"additionalProperties":false}`}

func isCall(t *testing.T, text string) {
	t.Helper()
	var v struct {
		OK  *bool  `json:"ok"`
		N   *int   `json:"n"`
		Tag string `json:"tag"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || v.OK == nil || v.N == nil || *v.N < -5 || *v.N > 1200 || v.Tag != "a" && v.Tag != "世界" {
		t.Errorf("answered %q (%v)", text, err)
	}
}

// Answers have the form that was asked for and end with it: several outputs,
// little memory with preemption, greedy or hot, whoever runs beside them. And
// they are the same whatever the engine's sizes.
func TestStructuredAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 31))
	prompts := [][]int32{prompt(r, 9), prompt(r, 33), prompt(r, 1)}
	run := func(name string, o engine.Options) (texts []string) {
		e := tiny(t, cpu.New(2), o)
		c := constraint(t, e, call)
		var handles []*engine.Handle
		for i, ids := range prompts {
			p := until(200, uint64(i))
			p.N, p.Temperature = 3, 1+float32(i)
			if i == 2 {
				p.N, p.Temperature, p.MinTokens = 1, 0, 150 // it ends all the same
			}
			handles = append(handles, add(t, e, engine.Request{Prompt: ids, Params: p, Structured: c}))
		}
		plain := add(t, e, engine.Request{Prompt: prompts[1], Params: greedy(60)})
		for i, h := range handles {
			n := 3
			if i == 2 {
				n = 1
			}
			for _, a := range collectAll(t, h, n) {
				if a.state != engine.FinishedStopped || a.reason != "structured output" {
					t.Errorf("%s: %q ended as %v (%s)", name, a.text, a.state, a.reason)
				}
				isCall(t, a.text)
				texts = append(texts, a.text)
			}
		}
		if a := collect(t, plain); len(a.ids) != 60 {
			t.Errorf("%s: the request without structure drew %d tokens", name, len(a.ids))
		}
		drained(t, e)
		return texts
	}
	want := run("as it comes", engine.Options{})
	if got := run("preemption", engine.Options{BlockSize: 4, Blocks: 60, MaxBatchTokens: 16}); !slices.Equal(got, want) {
		t.Errorf("with preemption %q, want %q", got, want)
	}
	if slices.Equal(want[:1], want[1:2]) && slices.Equal(want[1:2], want[2:3]) {
		t.Errorf("all say %q", want[0])
	}
}

// A held answer can be rewound, forced and resumed, and its form is kept.
func TestStructuredRewind(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	c := constraint(t, e, structured.Spec{Regex: `[ab]{6}(-[0-9]{3})?`})
	p := until(50, 3)
	p.IgnoreEOS = true // the end of the form ends it all the same
	h := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: p, Hold: true, Structured: c})
	defer h.Release()
	whole := regexp.MustCompile(`^[ab]{6}(-[0-9]{3})?$`)
	for pos := range 6 {
		if a := collect(t, h); a.state != engine.FinishedStopped {
			t.Fatalf("%q ended as %v (%s)", a.text, a.state, a.reason)
		}
		snap, err := h.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if text := e.Tokenizer().Decode(snap.Tokens[3:], true); !whole.MatchString(text) {
			t.Fatalf("answered %q", text)
		}
		if err := h.Rewind(3 + pos); err != nil {
			t.Fatal(err)
		}
		collect(t, h) // until it is paused
		forced := []int32{'b'}
		if err := h.Append(forced, true); err != nil {
			t.Fatal(err)
		}
		var bad *engine.RequestError
		if err := h.Append([]int32{'x'}, true); !errors.As(err, &bad) || bad.Field != "tokens" {
			t.Errorf("forced what does not fit: %v", err)
		}
		if err := h.Resume(); err != nil {
			t.Fatal(err)
		}
	}
	collect(t, h)
	// Another turn has an answer of its own.
	if err := h.Append([]int32{'?'}, false); err != nil {
		t.Fatal(err)
	}
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, h); !whole.MatchString(a.text) {
		t.Errorf("the second turn answered %q", a.text)
	}
	// And one that is complete stays so.
	if err := h.Resume(); err != nil {
		t.Fatal(err)
	}
	if a := collect(t, h); len(a.ids) != 0 && !slices.Equal(a.ids, []int32{endToken}) || a.state != engine.FinishedStopped {
		t.Errorf("went on with %v to %v", a.ids, a.state)
	}
}

func TestStructuredRefuses(t *testing.T) {
	e := tiny(t, ref.New(), engine.Options{})
	other, err := structured.NewCompiler(structured.NewVocabulary(e.Tokenizer(), 300)).Compile(call)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []engine.Request{
		{Prompt: []int32{1}, Params: until(5, 1), Structured: other},
		{Prompt: []int32{1}, Params: func() sampler.Params { p := until(5, 1); p.Detokenize = false; return p }(), Structured: constraint(t, e, call)},
	} {
		_, err := e.Add(context.Background(), r)
		var bad *engine.RequestError
		if !errors.As(err, &bad) || bad.Field != "structured_outputs" {
			t.Errorf("got %v", err)
		}
	}
	// What the other parameters leave nothing of ends, and says why.
	p := until(5, 1)
	p.AllowedTokenIDs = []int32{'x'}
	h := add(t, e, engine.Request{Prompt: []int32{1}, Params: p, Structured: constraint(t, e, structured.Spec{Choice: []string{"yes"}})})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		ev, err := h.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == engine.EventState && ev.State.Finished() {
			if ev.State != engine.FinishedAborted || !strings.Contains(ev.Reason, "structured output") {
				t.Errorf("ended as %v (%s)", ev.State, ev.Reason)
			}
			return
		}
	}
}
