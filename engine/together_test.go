package engine_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/structured"
)

// Structured answers and beams are the same whatever else the engine does:
// guess ahead, keep no cache, pad, reserve, or preempt.
func TestStructuredAnswersAndBeamsInEveryEngine(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	prompts := [][]int32{prompt(r, 21), prompt(r, 5), prompt(r, 40)}
	lookup := engine.PromptLookup{Tokens: 4}
	type results struct {
		texts []string
		beams [][]engine.Beam
	}
	run := func(t *testing.T, o engine.Options) results {
		e := tiny(t, cpu.New(2), o)
		c := constraint(t, e, structured.Spec{Regex: `(ab|ba){12}(-[0-9]{3}){2}`})
		var requests []engine.Request
		for i, ids := range prompts {
			p := until(100, uint64(i))
			p.N, p.Temperature = 1+i%2, 1
			requests = append(requests, engine.Request{Prompt: ids, Params: p, Structured: c})
		}
		var out results
		beams := make(chan []engine.Beam, 1)
		go func() {
			found, err := e.BeamSearch(context.Background(), engine.BeamRequest{Prompt: prompts[0], Width: 3, MaxTokens: 12, LengthPenalty: 1})
			if err != nil {
				t.Error(err)
			}
			beams <- found
		}()
		for i, h := range addAll(t, e, requests...) {
			for _, a := range collectAll(t, h, requests[i].Params.N) {
				if a.state != engine.FinishedStopped {
					t.Errorf("%q ended as %v (%s)", a.text, a.state, a.reason)
				}
				out.texts = append(out.texts, a.text)
			}
		}
		out.beams = append(out.beams, <-beams)
		idle(t, e)
		return out
	}
	want := run(t, engine.Options{})
	for name, o := range map[string]engine.Options{
		"speculative":                {PromptLookup: lookup},
		"no prefix cache":            {DisablePrefixCaching: true},
		"no cache":                   {Memory: engine.NoCache},
		"contiguous":                 {Memory: engine.Contiguous},
		"static, speculative":        {Policy: engine.StaticBatching, PromptLookup: lookup, MaxSequences: 4},
		"one at a time":              {Policy: engine.OneAtATime},
		"little memory, speculative": {PromptLookup: lookup, BlockSize: 4, Blocks: 60, MaxBatchTokens: 16},
		"little memory, by priority": {Policy: engine.Priority, BlockSize: 4, Blocks: 60},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, o); !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// Who was looked up in the prefix cache while he was the next, and is not any
// more, is looked up anew or not at all: here a request that forks pushes him back.
func TestPriorityAfterAFork(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	long, cached := prompt(r, 16), prompt(r, 14)
	e := tiny(t, cpu.New(1), engine.Options{Policy: engine.Priority, MaxSequences: 1, MaxBatchTokens: 8, BlockSize: 4})
	want := collect(t, add(t, e, engine.Request{Prompt: cached, Params: greedy(6)})).ids
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	two := greedy(2)
	two.N, two.Temperature = 2, 1
	first := add(t, e, engine.Request{Prompt: long, Params: two, Priority: 5})
	if err := e.AllowSteps(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for e.Stats().Running == 0 {
		runtime.Gosched()
	}
	second := add(t, e, engine.Request{Prompt: cached, Params: greedy(6), Priority: 1})
	if err := e.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	outputsOf(t, first, 2)
	if got := collect(t, second).ids; !slices.Equal(got, want) {
		t.Errorf("drew %v, want %v", got, want)
	}
	idle(t, e)
}

// A stop string that comes before min_tokens is text like any other.
func TestStopStringsBeforeMinTokens(t *testing.T) {
	e := tiny(t, cpu.New(1), engine.Options{})
	p := greedy(30)
	plain := collect(t, add(t, e, engine.Request{Prompt: []int32{5, 6, 7}, Params: p}))
	at := slices.IndexFunc([]rune(plain.text), func(r rune) bool { return r < 127 && r > 32 })
	if at < 0 {
		t.Fatalf("%q has no letter to stop at", plain.text)
	}
	p.Stop, p.MinTokens = []string{string([]rune(plain.text)[at])}, 30
	got := collect(t, add(t, e, engine.Request{Prompt: []int32{5, 6, 7}, Params: p}))
	if got.text != plain.text || len(got.ids) != 30 {
		t.Errorf("with a stop string that must not stop yet: %q of %d tokens, want %q", got.text, len(got.ids), plain.text)
	}
}
