package engine_test

import (
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/structured"
)

// A prompt gives the same as a text and as its token ids, and each may have its
// own parameters.
func TestGeneratePrompts(t *testing.T) {
	llm := openTiny(t)
	ids, err := llm.Encode("the heath")
	if err != nil {
		t.Fatal(err)
	}
	short, long := engine.SamplingParams{MaxTokens: 3, IgnoreEOS: true}, engine.SamplingParams{MaxTokens: 9, IgnoreEOS: true, Temperature: 1, Seed: new(uint64(3))}
	want, err := llm.Generate(t.Context(), []string{"the heath", "the heath"}, short, long)
	if err != nil || len(want[0].Outputs[0].TokenIDs) != 3 || len(want[1].Outputs[0].TokenIDs) != 9 {
		t.Fatalf("%+v, %v", want, err)
	}
	prompts := []engine.Prompt{{TokenIDs: ids, Text: "named"}, {TokenIDs: ids, CacheSalt: "salt"}}
	got, err := llm.GeneratePrompts(t.Context(), prompts, short, long)
	if err != nil || got[0].Prompt != "named" || got[1].Prompt != "" || !slices.Equal(got[0].PromptTokenIDs, ids) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i].Outputs, want[i].Outputs) {
			t.Errorf("prompt %d became %+v, want %+v", i, got[i].Outputs, want[i].Outputs)
		}
	}
	var streamed []int32
	for piece, err := range llm.StreamPrompt(t.Context(), prompts[1], long) {
		if err != nil {
			t.Fatal(err)
		}
		streamed = append(streamed, piece.TokenIDs...)
	}
	if !slices.Equal(streamed, want[1].Outputs[0].TokenIDs) {
		t.Errorf("streamed %v, want %v", streamed, want[1].Outputs[0].TokenIDs)
	}
	// Without parameters they are vLLM's, which are not greedy.
	if out, err := llm.Generate(t.Context(), []string{"the"}); err != nil || len(out[0].Outputs[0].TokenIDs) > 16 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestGeneratePromptsRefuses(t *testing.T) {
	llm := openTiny(t)
	for name, c := range map[string]struct {
		prompts []engine.Prompt
		params  []engine.SamplingParams
		want    string
	}{
		"two parameters for three prompts": {engine.TextPrompts("a", "b", "c"), make([]engine.SamplingParams, 2), "sampling_params: are 2 for 3 prompts, want one for all or one for each"},
		"one of them is wrong":             {engine.TextPrompts("a", "b"), []engine.SamplingParams{{}, {BadWords: []string{""}}}, "sampling_params 1: bad_words[0]"},
		"a priority among first come":      {[]engine.Prompt{{Text: "a"}, {Text: "b", Priority: 3}}, nil, "prompt 1: priority: is 3, want 0: the scheduling policy is fcfs"},
		"no token":                         {[]engine.Prompt{{TokenIDs: []int32{}}}, nil, "prompt 0: prompt: is empty"},
		"a token that is not there":        {[]engine.Prompt{{TokenIDs: []int32{1, 320}}}, nil, "prompt 0: prompt: has token 320 at 1, want 0 to 319"},
		"a form without a text":            {engine.TextPrompts("a"), []engine.SamplingParams{{NoDetokenize: true, StructuredOutputs: &engine.StructuredOutputsParams{Regex: "a"}}}, "structured_outputs: goes with detokenize only"},
	} {
		_, err := llm.GeneratePrompts(t.Context(), c.prompts, c.params...)
		var wrong *engine.RequestError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	for _, spec := range []engine.StructuredOutputsParams{{}, {Regex: "("}, {Choice: []string{}}, {JSON: "{"}, {JSON: "{}", Regex: "a"}} {
		var wrong *structured.Error
		if _, err := llm.Generate(t.Context(), []string{"a"}, engine.SamplingParams{StructuredOutputs: &spec}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "structured_outputs: ") {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

// Answers keep to the form that is asked for, each to its own.
func TestStructuredOutputs(t *testing.T) {
	llm := openTiny(t)
	params := func(s engine.StructuredOutputsParams) engine.SamplingParams {
		return engine.SamplingParams{Temperature: 1, Seed: new(uint64(1)), MaxTokens: 60, StructuredOutputs: &s}
	}
	out, err := llm.Generate(t.Context(), []string{"the", "the", "the"},
		params(engine.StructuredOutputsParams{Regex: "[ab]{3}c"}), params(engine.StructuredOutputsParams{Choice: []string{"left", "right"}}),
		params(engine.StructuredOutputsParams{JSON: `{"type":"object","properties":{"n":{"enum":[1,2]}},"required":["n"]}`}))
	if err != nil {
		t.Fatal(err)
	}
	for i, form := range []string{`[ab]{3}c`, `left|right`, `\{\s*"n":\s*[12]\s*\}`} {
		if o := out[i].Outputs[0]; !regexp.MustCompile("^("+form+")$").MatchString(o.Text) || o.FinishReason != "stop" {
			t.Errorf("%+v is not %s", o, form)
		}
	}
}

// A search over texts finds what the engine's finds over tokens.
func TestLLMBeamSearch(t *testing.T) {
	llm := openTiny(t)
	prompts := []engine.Prompt{{Text: "the heath"}, {Text: "of", CacheSalt: "salt"}}
	out, err := llm.BeamSearch(t.Context(), prompts, engine.BeamSearchParams{BeamWidth: 3, MaxTokens: 6, IgnoreEOS: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range prompts {
		ids, err := llm.Encode(p.Text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := llm.Engine().BeamSearch(t.Context(), engine.BeamRequest{Prompt: ids, Width: 3, MaxTokens: 6, LengthPenalty: 1, IgnoreEOS: true})
		if err != nil || len(want) != 3 || out[i].Prompt != p.Text || !slices.Equal(out[i].PromptTokenIDs, ids) || !reflect.DeepEqual(out[i].Sequences, want) {
			t.Errorf("prompt %d became %+v, want %+v, %v", i, out[i], want, err)
		}
	}
	flat, err := llm.BeamSearch(t.Context(), prompts[:1], engine.BeamSearchParams{BeamWidth: 3, MaxTokens: 6, IgnoreEOS: true, LengthPenalty: new(float64)})
	if err != nil || flat[0].Sequences[0].Score != flat[0].Sequences[0].CumLogProb {
		t.Errorf("with a penalty of 0: %+v, %v", flat, err)
	}
	var wrong *engine.RequestError
	if _, err := llm.BeamSearch(t.Context(), prompts, engine.BeamSearchParams{MaxTokens: 6}); !errors.As(err, &wrong) || wrong.Field != "beam_width" {
		t.Errorf("without a width: %v", err)
	}
	if _, err := llm.BeamSearch(t.Context(), []engine.Prompt{{Text: "a", Priority: 1}}, engine.BeamSearchParams{BeamWidth: 1, MaxTokens: 6}); !errors.As(err, &wrong) || wrong.Field != "priority" {
		t.Errorf("with a priority: %v", err)
	}
}

// Policies reach the engine, and change no token.
func TestPolicyOptions(t *testing.T) {
	params := engine.SamplingParams{MaxTokens: 30, IgnoreEOS: true}
	exact := engine.WithKVCacheDType("float32")
	want, err := openTiny(t, exact).Generate(t.Context(), []string{"the of the of the", "heath"}, params)
	if err != nil {
		t.Fatal(err)
	}
	lookup := engine.PromptLookup{Tokens: 3}
	for name, c := range map[string]struct {
		option engine.Option
		holds  func(engine.Options) bool
	}{
		"priority":        {engine.WithSchedulingPolicy(engine.Priority), func(o engine.Options) bool { return o.Policy == engine.Priority }},
		"static":          {engine.WithSchedulingPolicy(engine.StaticBatching), func(o engine.Options) bool { return o.Policy == engine.StaticBatching }},
		"no prefix cache": {engine.WithPrefixCaching(false), func(o engine.Options) bool { return o.DisablePrefixCaching }},
		"speculation":     {engine.WithPromptLookup(lookup), func(o engine.Options) bool { return o.PromptLookup.Tokens == 3 && o.PromptLookup.MaxNGram == 4 }},
		"contiguous":      {engine.WithKVMemory(engine.Contiguous), func(o engine.Options) bool { return o.Memory == engine.Contiguous }},
	} {
		llm := openTiny(t, exact, c.option)
		got, err := llm.Generate(t.Context(), []string{"the of the of the", "heath"}, params)
		if err != nil || !slices.Equal(texts(got), texts(want)) {
			t.Errorf("%s: %+v, %v; want %+v", name, texts(got), err, texts(want))
		}
		if !c.holds(llm.Engine().Options()) {
			t.Errorf("%s: the engine has %+v", name, llm.Engine().Options())
		}
		if s := llm.Engine().Stats(); (s.Drafted > 0) != (name == "speculation") {
			t.Errorf("%s: %d tokens were guessed", name, s.Drafted)
		}
	}
	// A prompt of the least priority is computed first.
	var order []uint32
	llm := openTiny(t, engine.WithSchedulingPolicy(engine.Priority), engine.WithMaxNumSeqs(1), engine.WithObserver(&engine.Observer{State: func(s engine.StateInfo) {
		if s.State.Finished() {
			order = append(order, s.Request)
		}
	}}))
	prompts := []engine.Prompt{{Text: "the", Priority: 2}, {Text: "the of", Priority: 1}, {Text: "heath", Priority: 3}}
	if err := llm.Engine().AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := llm.GeneratePrompts(t.Context(), prompts, params)
		done <- err
	}()
	for llm.Engine().Stats().Waiting < len(prompts) {
		select {
		case err := <-done:
			t.Fatal(err)
		default:
		}
	}
	if err := llm.Engine().AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := llm.Close(); err != nil { // the observer has ended with it
		t.Fatal(err)
	}
	if want := []uint32{2, 1, 3}; !slices.Equal(order, want) {
		t.Errorf("prompts ended in the order %v, want %v", order, want)
	}
}
