package openai

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/tokenizer"
)

// searched is what the engine itself finds.
func (f *fixture) searched(r engine.BeamRequest) []engine.Beam {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	beams, err := f.engine.BeamSearch(ctx, r)
	if err != nil {
		f.t.Fatal(err)
	}
	return beams
}

// TestBeamSearch: use_beam_search gets the n likeliest continuations as a whole, the best first,
// as choices in the form of all others.
func TestBeamSearch(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	ids, err := f.engine.Tokenizer().Encode("the of he", tokenizer.EncodeOptions{AddSpecial: true})
	if err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for _, c := range []struct {
		fields string
		r      engine.BeamRequest
		end    bool // end tokens are told
	}{
		{`"n":3,"max_tokens":5`, engine.BeamRequest{Width: 3, MaxTokens: 5, LengthPenalty: 1}, false},
		{`"n":2,"max_tokens":5,"length_penalty":-2.5,"temperature":0,"seed":7`, engine.BeamRequest{Width: 2, MaxTokens: 5, LengthPenalty: -2.5}, false},
		{`"n":4,"max_tokens":5,"ignore_eos":true`, engine.BeamRequest{Width: 4, MaxTokens: 5, LengthPenalty: 1, IgnoreEOS: true}, false},
		{`"n":100,"max_tokens":4,"length_penalty":-100`, engine.BeamRequest{Width: 100, MaxTokens: 4, LengthPenalty: -100}, false},
		{`"n":100,"max_tokens":4,"length_penalty":-100,"early_stopping":true,"include_stop_str_in_output":true`, engine.BeamRequest{Width: 100, MaxTokens: 4, LengthPenalty: -100, EarlyStopping: true}, true},
	} {
		c.r.Prompt, c.r.LogProbs = ids, 2
		want := f.searched(c.r)
		v := f.ok("/v1/completions", `{"prompt":"the of he","use_beam_search":true,"logprobs":2,"return_token_ids":true,`+c.fields+`}`)
		choices := at(t, v, "choices").([]any)
		if len(choices) != len(want) {
			t.Fatalf("%s: %d choices, want %d", c.fields, len(choices), len(want))
		}
		tokens := 0
		for i, b := range want {
			said, reason, stop := b.Tokens, "length", any(nil)
			if b.FinishReason == "stop" {
				stopped++
				last := len(b.Tokens) - 1
				reason, stop, said = "stop", float64(b.Tokens[last]), b.Tokens[:last]
			}
			text := f.engine.Tokenizer().Decode(said, true)
			if c.end {
				said = b.Tokens
			}
			tokens += len(said)
			got := choices[i]
			if at(t, got, "index") != float64(i) || at(t, got, "text") != text || at(t, got, "finish_reason") != reason || at(t, got, "stop_reason") != stop {
				t.Fatalf("%s: choice %d is %v, want %q, %s %v", c.fields, i, got, text, reason, stop)
			}
			told, _ := at(t, got, "token_ids").([]any) // none at all is left out
			logProbs := at(t, got, "logprobs", "token_logprobs").([]any)
			if len(told) != len(said) || len(logProbs) != len(said) {
				t.Fatalf("%s: choice %d has %d ids and %d log-probabilities, want %d", c.fields, i, len(told), len(logProbs), len(said))
			}
			for j, id := range said {
				if told[j] != float64(id) || math.Abs(logProbs[j].(float64)-float64(b.Results[j].LogProb)) > 1e-6 {
					t.Errorf("%s: choice %d, token %d: %v with %v, want %d with %v", c.fields, i, j, told[j], logProbs[j], id, b.Results[j].LogProb)
				}
				if top := at(t, got, "logprobs", "top_logprobs", j).(map[string]any); len(top) < 1 || len(top) > 3 {
					t.Errorf("%s: choice %d, token %d: %d likeliest tokens", c.fields, i, j, len(top))
				}
			}
		}
		if got := at(t, v, "usage", "completion_tokens"); got != float64(tokens) || at(t, v, "usage", "prompt_tokens") != float64(len(ids)) {
			t.Errorf("%s: usage %v, want %d and %d tokens", c.fields, at(t, v, "usage"), len(ids), tokens)
		}
	}
	if stopped == 0 {
		t.Error("no beam ends by itself: the test shows less than it should")
	}
	// Several prompts, each with its own beams; and a chat.
	v := f.ok("/v1/completions", `{"prompt":["the","of he"],"use_beam_search":true,"n":2,"max_tokens":3,"echo":true}`)
	for i, prompt := range []string{"the", "the", "of he", "of he"} {
		if text := at(t, v, "choices", i, "text").(string); !strings.HasPrefix(text, prompt) || at(t, v, "choices", i, "index") != float64(i) {
			t.Errorf("choice %d is %v", i, at(t, v, "choices", i))
		}
	}
	chat := f.ok("/v1/chat/completions", `{"messages":[{"role":"user","content":"the"}],"use_beam_search":true,"n":2,"max_completion_tokens":3,"logprobs":true,"top_logprobs":2,"ignore_eos":true}`)
	sums := [2]float64{}
	for i := range sums {
		if at(t, chat, "choices", i, "message", "role") != "assistant" {
			t.Errorf("choice %d is %v", i, at(t, chat, "choices", i))
		}
		for j := range 3 {
			sums[i] += at(t, chat, "choices", i, "logprobs", "content", j, "logprob").(float64)
		}
	}
	if sums[0] < sums[1] {
		t.Errorf("of equally long beams the first has %v, the second %v", sums[0], sums[1])
	}
	f.quiet()
}

// TestBeamSearchRefuses: what a search has no use for is refused by its name, and what goes with
// a search goes with nothing else.
func TestBeamSearchRefuses(t *testing.T) {
	f := newFixture(t, Options{MaxWaiting: 3}, engine.Options{})
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	for _, c := range []struct{ fields, param string }{
		{`"stream":true`, "stream"}, {`"temperature":0.7`, "temperature"}, {`"top_p":0.5`, "top_p"}, {`"top_k":5`, "top_k"}, {`"min_p":0.1`, "min_p"},
		{`"presence_penalty":1`, "presence_penalty"}, {`"frequency_penalty":1`, "frequency_penalty"}, {`"repetition_penalty":1.1`, "repetition_penalty"},
		{`"min_tokens":2`, "min_tokens"}, {`"stop":"a"`, "stop"}, {`"stop_token_ids":[5]`, "stop_token_ids"}, {`"logit_bias":{"5":1}`, "logit_bias"},
		{`"allowed_token_ids":[5]`, "allowed_token_ids"}, {`"bad_words":["the"]`, "bad_words"}, {`"prompt_logprobs":0`, "prompt_logprobs"},
		{`"response_format":{"type":"json_object"}`, "response_format"}, {`"n":0`, "n"}, {`"n":129`, "n"}, {`"length_penalty":"x"`, "length_penalty"},
		{`"length_penalty":1000`, "length_penalty"}, {`"early_stopping":"never"`, "early_stopping"}, {`"max_tokens":0`, "max_tokens"},
	} {
		for path, prompt := range map[string]string{"/v1/completions": `"prompt":"the"`, "/v1/chat/completions": hi} {
			status, v := f.post(path, `{`+prompt+`,"use_beam_search":true,`+c.fields+`}`)
			if status != 400 || at(t, v, "error", "param") != c.param {
				t.Errorf("%s %s: %d %v", path, c.fields, status, v)
			}
		}
	}
	for body, param := range map[string]string{
		`{"prompt":"the","use_beam_search":true,"echo":true,"logprobs":1}`:       "logprobs",
		`{"prompt":"the","use_beam_search":true,"echo":true,"max_tokens":0}`:     "max_tokens",
		`{"prompt":"the","use_beam_search":1}`:                                   "use_beam_search",
		`{"prompt":"the","length_penalty":2}`:                                    "length_penalty",
		`{"prompt":"the","use_beam_search":false,"early_stopping":true}`:         "early_stopping",
		`{"prompt":["a","b","c","d"],"use_beam_search":true}`:                    "prompt",
		`{"prompt":"the","use_beam_search":true,"max_tokens":300}`:               "max_tokens",
		`{"prompt":"` + strings.Repeat("the", 300) + `","use_beam_search":true}`: "prompt",
	} {
		if status, v := f.post("/v1/completions", body); status != 400 || at(t, v, "error", "param") != param {
			t.Errorf("%s: %d %v", body, status, v)
		}
	}
	// Where the queue is full a search is told to come again.
	if err := f.engine.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := f.engine.BeamSearchAll(t.Context(), make3(), 0)
		held <- err
	}()
	for deadline := time.Now().Add(patience); f.engine.Stats().Waiting < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the queue does not fill")
		}
	}
	status, v := f.post("/v1/completions", `{"prompt":"the","use_beam_search":true}`)
	if status != 429 || at(t, v, "error", "code") != "queue_full" {
		t.Errorf("where three wait already: %d %v", status, v)
	}
	if got := f.scrape()[`vllm:admission_rejections_total{model_name="tiny",reason="max_num_queued_reqs"}`]; got != 1 {
		t.Errorf("%g are told to be rejected, want 1", got)
	}
	if err := f.engine.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-held:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the searches do not end")
	}
	f.quiet()
}

// make3 are three small searches.
func make3() []engine.BeamRequest {
	requests := make([]engine.BeamRequest, 3)
	for i := range requests {
		requests[i] = engine.BeamRequest{Prompt: []int32{int32(i + 5)}, Width: 2, MaxTokens: 2}
	}
	return requests
}

// TestBeamSearchMetrics: the beams that are returned count, and no others.
func TestBeamSearchMetrics(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	f.ok("/v1/completions", `{"prompt":"the of he","use_beam_search":true,"n":3,"max_tokens":6,"ignore_eos":true}`)
	f.quiet()
	v := f.scrape()
	const labels = `{engine="0",model_name="tiny"}`
	for name, want := range map[string]float64{
		`vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}`: 3,
		`vllm:request_success_total{engine="0",finished_reason="stop",model_name="tiny"}`:   0,
		`vllm:request_success_total{engine="0",finished_reason="abort",model_name="tiny"}`:  0,
		"vllm:e2e_request_latency_seconds_count" + labels:                                   3,
		"vllm:request_generation_tokens_sum" + labels:                                       3 * 6,
		"vllm:request_max_num_generation_tokens_sum" + labels:                               6,
		"vllm:request_params_n_sum" + labels:                                                3,
		"vllm:time_to_first_token_seconds_count" + labels:                                   0,
		"vllm:generation_tokens_total" + labels:                                             1 + 5*3,
	} {
		if got, there := v[name]; !there || got != want {
			t.Errorf("%s = %v (there: %v), want %v", name, got, there, want)
		}
	}
	if m := f.server.model.Load().Metrics; len(m.open) != 0 || len(m.requests) != 0 || len(m.beams) != 0 {
		t.Errorf("%d outputs, %d requests and %d beams are still counted on", len(m.open), len(m.requests), len(m.beams))
	}
}

// TestMaxLogProbs: the operator says how many log-probabilities a request may have told at a
// place, and -1 stands for the whole vocabulary in his option and in requests.
func TestMaxLogProbs(t *testing.T) {
	none, five, all := 0, 5, -1
	for _, c := range []struct {
		most    *int
		ask     int
		allowed int // tokens told; -1 for a refusal
	}{
		{nil, 20, 20}, {nil, 21, -1}, {nil, -1, -1}, {&none, 0, 0}, {&none, 1, -1}, {&five, 5, 5}, {&five, 6, -1},
		{&all, 21, 21}, {&all, -1, 320}, {&all, 320, 320}, {&all, 321, -1}, {&all, -2, -1},
	} {
		f := newFixture(t, Options{MaxLogProbs: c.most}, engine.Options{})
		for _, field := range []string{"logprobs", "prompt_logprobs", "top_logprobs"} {
			path, body := "/v1/completions", fmt.Sprintf(`{"prompt":"the of","max_tokens":1,"temperature":0,"return_tokens_as_token_ids":true,"%s":%d}`, field, c.ask)
			if field == "top_logprobs" {
				path, body = "/v1/chat/completions", fmt.Sprintf(`{"messages":[{"role":"user","content":"the"}],"max_tokens":1,"temperature":0,"logprobs":true,"top_logprobs":%d}`, c.ask)
			}
			status, v := f.post(path, body)
			if c.allowed < 0 {
				if status != 400 || at(t, v, "error", "param") != field {
					t.Errorf("%s %d: %d %v", field, c.ask, status, v)
				}
				continue
			}
			if status != 200 {
				t.Errorf("%s %d: %d %v", field, c.ask, status, v)
				continue
			}
			told, own := 0, 0 // the token itself is told where it is not among them
			switch field {
			case "logprobs":
				told, own = len(at(t, v, "choices", 0, "logprobs", "top_logprobs", 0).(map[string]any)), 1
			case "prompt_logprobs":
				told, own = len(at(t, v, "choices", 0, "prompt_logprobs", 1).(map[string]any)), 1
			default:
				told = len(at(t, v, "choices", 0, "logprobs", "content", 0, "top_logprobs").([]any))
			}
			if told < c.allowed || told > min(c.allowed+own, 320) {
				t.Errorf("%s %d: %d are told", field, c.ask, told)
			}
		}
	}
}
