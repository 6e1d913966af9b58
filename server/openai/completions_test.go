package openai

import (
	"fmt"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/modeltest/tinymodel"
)

func TestCompletionForms(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	whole := f.ok("/v1/completions", `{"model":"tiny","prompt":"the of","max_tokens":8,"temperature":0,"ignore_eos":true,"return_token_ids":true}`)
	text, ids := at(t, whole, "choices", 0, "text").(string), at(t, whole, "choices", 0, "token_ids").([]any)
	if len(ids) != 8 || at(t, whole, "choices", 0, "finish_reason") != "length" || at(t, whole, "object") != "text_completion" || !strings.HasPrefix(whole["id"].(string), "cmpl-") {
		t.Errorf("got %v", whole)
	}
	if u := at(t, whole, "usage").(map[string]any); u["prompt_tokens"] != 2. || u["completion_tokens"] != 8. || u["total_tokens"] != 10. {
		t.Errorf("usage %v", u)
	}
	// The default of vLLM's completions.
	if u := at(t, f.ok("/v1/completions", `{"prompt":"the","ignore_eos":true}`), "usage", "completion_tokens"); u != 16. {
		t.Errorf("without max_tokens there are %v tokens", u)
	}
	// Ids say the same as the text; the list of both says it twice.
	for _, prompt := range []string{`[260,262]`, `[[260,262]]`, `["the of"]`} {
		v := f.ok("/v1/completions", `{"prompt":`+prompt+`,"max_tokens":8,"temperature":0,"ignore_eos":true}`)
		if got := at(t, v, "choices", 0, "text"); got != text {
			t.Errorf("prompt %s: %q, want %q", prompt, got, text)
		}
	}
	two := f.ok("/v1/completions", `{"prompt":["he","the of"],"n":1,"max_tokens":8,"temperature":0,"ignore_eos":true}`)
	if len(two["choices"].([]any)) != 2 || at(t, two, "choices", 1, "text") != text || at(t, two, "usage", "completion_tokens") != 16. {
		t.Errorf("two prompts: %v", two)
	}
	// A stream says the same, piece by piece.
	var pieces strings.Builder
	events := f.stream("/v1/completions", `{"prompt":"the of","max_tokens":8,"temperature":0,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true}}`)
	for i, e := range events {
		if i == len(events)-1 {
			if len(e["choices"].([]any)) != 0 || at(t, e, "usage", "total_tokens") != 10. {
				t.Errorf("the last event is %v", e)
			}
			continue
		}
		pieces.WriteString(at(t, e, "choices", 0, "text").(string))
		if done := at(t, e, "choices", 0, "finish_reason"); (done != nil) != (i == len(events)-2) {
			t.Errorf("event %d of %d: %v", i, len(events), e)
		}
	}
	if pieces.String() != text {
		t.Errorf("streamed %q, want %q", pieces.String(), text)
	}
	// Echo puts the prompt in front.
	echo := f.ok("/v1/completions", `{"prompt":"the of","max_tokens":8,"temperature":0,"ignore_eos":true,"echo":true}`)
	if got := at(t, echo, "choices", 0, "text"); got != "the of"+text {
		t.Errorf("echo: %q", got)
	}
	f.quiet()
}

func TestLogProbs(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	// Scoring alone: echo, logprobs, and no token.
	v := f.ok("/v1/completions", `{"prompt":"the of he","max_tokens":0,"echo":true,"logprobs":2}`)
	lp := at(t, v, "choices", 0, "logprobs").(map[string]any)
	n := len(lp["tokens"].([]any))
	if n != 4 || at(t, lp, "token_logprobs", 0) != nil || at(t, lp, "token_logprobs", 1).(float64) >= 0 || at(t, v, "usage", "completion_tokens") != 0. ||
		at(t, v, "choices", 0, "finish_reason") != "length" || at(t, v, "choices", 0, "text") != "the of he" {
		t.Errorf("scored: %v", v)
	}
	for _, column := range []string{"text_offset", "token_logprobs", "top_logprobs"} {
		if len(lp[column].([]any)) != n {
			t.Errorf("%s has %d rows, want %d", column, len(lp[column].([]any)), n)
		}
	}
	if at(t, lp, "text_offset", 1) != 3. || at(t, lp, "text_offset", 2) != 6. {
		t.Errorf("offsets %v", lp["text_offset"])
	}
	// prompt_logprobs are vLLM's form of the same numbers.
	p := f.ok("/v1/completions", `{"prompt":"the of he","max_tokens":1,"prompt_logprobs":0}`)
	score := at(t, p, "choices", 0, "prompt_logprobs", 1, fmt.Sprint(tinymodel.SpaceOf))
	if at(t, score, "logprob") != at(t, lp, "token_logprobs", 1) || at(t, score, "decoded_token") != " of" {
		t.Errorf("prompt_logprobs say %v, logprobs %v", score, lp["token_logprobs"])
	}
	// Greedy takes the first of the top, and a stream tells the same.
	body := `"prompt":"the","max_tokens":3,"temperature":0,"logprobs":3,"ignore_eos":true`
	whole := f.ok("/v1/completions", `{`+body+`}`)
	row := 0
	for _, e := range f.stream("/v1/completions", `{`+body+`,"stream":true}`) {
		for i := range at(t, e, "choices", 0, "logprobs", "tokens").([]any) {
			for _, column := range []string{"tokens", "token_logprobs", "text_offset"} {
				if got, want := at(t, e, "choices", 0, "logprobs", column, i), at(t, whole, "choices", 0, "logprobs", column, row); got != want {
					t.Errorf("row %d: %s is %v streamed, %v whole", row, column, got, want)
				}
			}
			row++
		}
	}
	if row != 3 {
		t.Errorf("streamed %d rows", row)
	}
	chat := f.ok("/v1/chat/completions", `{"messages":[{"role":"user","content":"the"}],"max_tokens":3,"temperature":0,"logprobs":true,"top_logprobs":2,"ignore_eos":true}`)
	for i, c := range at(t, chat, "choices", 0, "logprobs", "content").([]any) {
		if len(at(t, c, "top_logprobs").([]any)) != 2 || at(t, c, "top_logprobs", 0, "logprob") != at(t, c, "logprob") || at(t, c, "bytes") == nil {
			t.Errorf("token %d: %v", i, c)
		}
	}
}

// TestSamplingFieldsAct: each field of the sampler changes what it says it does.
func TestSamplingFieldsAct(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	base := `"prompt":"the of","max_tokens":12,"ignore_eos":true,"return_token_ids":true`
	run := func(extra string) map[string]any {
		t.Helper()
		return at(t, f.ok("/v1/completions", `{`+base+`,`+extra+`}`), "choices", 0).(map[string]any)
	}
	ids := func(extra string) string {
		t.Helper()
		return fmt.Sprint(run(extra)["token_ids"])
	}
	greedy := run(`"temperature":0`)
	first := at(t, greedy, "token_ids", 0)
	want := fmt.Sprint(greedy["token_ids"])
	for _, same := range []string{`"temperature":0,"top_k":1`, `"top_k":1`, `"top_p":1e-9`, `"min_p":1`, `"temperature":0,"seed":7`, `"temperature":0,"priority":0`, `"temperature":0,"cache_salt":"x"`, `"temperature":0,"stop":null`, `"temperature":0,"user":"me"`} {
		if got := ids(same); got != want {
			t.Errorf("%s: %s, want the greedy %s", same, got, want)
		}
	}
	if a, b, c := ids(`"seed":1`), ids(`"seed":1`), ids(`"seed":2`); a != b || a == c {
		t.Errorf("seeds 1, 1, 2 give %s, %s, %s", a, b, c)
	}
	for _, ban := range []string{`"logit_bias":{"%v":-100}`, `"bad_words":["%s"]`} {
		arg := first
		if strings.Contains(ban, "%s") {
			arg = strings.TrimSpace(at(t, f.ok("/detokenize", fmt.Sprintf(`{"tokens":[%v]}`, first)), "prompt").(string))
			if arg == "" || strings.Contains(arg.(string), "\ufffd") {
				continue
			}
		}
		if got := at(t, run(`"temperature":0,`+fmt.Sprintf(ban, arg)), "token_ids", 0); got == first {
			t.Errorf(ban+" lets the token through", arg)
		}
	}
	if got := ids(`"allowed_token_ids":[260]`); got != fmt.Sprint(strings.Fields(strings.Repeat("260 ", 12))) {
		t.Errorf("allowed_token_ids: %s", got)
	}
	for _, penalty := range []string{`"presence_penalty":2`, `"frequency_penalty":2`, `"repetition_penalty":50`} {
		// Two tokens that are as likely as can be: the penalty makes them change places.
		with := ids(`"temperature":0,"logit_bias":{"260":100,"262":99.5},` + penalty)
		without := ids(`"temperature":0,"logit_bias":{"260":100,"262":99.5}`)
		if with == without {
			t.Errorf("%s changes nothing: %s", penalty, with)
		}
	}
	stopped := run(fmt.Sprintf(`"temperature":0,"stop_token_ids":[%v]`, first))
	if stopped["finish_reason"] != "stop" || stopped["stop_reason"] != first || len(stopped["token_ids"].([]any)) != 1 {
		t.Errorf("stop_token_ids: %v", stopped)
	}
	late := run(fmt.Sprintf(`"temperature":0,"stop_token_ids":[%v],"min_tokens":5`, first))
	if len(late["token_ids"].([]any)) < 5 {
		t.Errorf("min_tokens: %v", late)
	}
	const theThe = `"allowed_token_ids":[260],"stop":["ethe","zz"]`
	cut := run(theThe)
	if cut["text"] != "th" || cut["finish_reason"] != "stop" || cut["stop_reason"] != "ethe" {
		t.Errorf("stop: %v", cut)
	}
	if kept := run(theThe + `,"include_stop_str_in_output":true`); kept["text"] != "thethe" {
		t.Errorf("include_stop_str_in_output: %v", kept)
	}
	if special := run(`"allowed_token_ids":[1],"skip_special_tokens":false`); special["text"] != strings.Repeat("<s>", 12) {
		t.Errorf("skip_special_tokens false: %v", special)
	}
	if hidden := run(`"allowed_token_ids":[1]`); hidden["text"] != "" {
		t.Errorf("special tokens are shown: %v", hidden)
	}
	if end := at(t, f.ok("/v1/completions", `{"prompt":"the","max_tokens":5,"allowed_token_ids":[2]}`), "choices", 0).(map[string]any); end["finish_reason"] != "stop" || end["stop_reason"] != nil {
		t.Errorf("the model's own end: %v", end)
	}
	if named := run(`"temperature":0,"logprobs":0,"return_tokens_as_token_ids":true`); at(t, named, "logprobs", "tokens", 0) != fmt.Sprintf("token_id:%v", first) {
		t.Errorf("return_tokens_as_token_ids: %v", named)
	}
	if v := f.ok("/v1/completions", `{"prompt":"the of he","truncate_prompt_tokens":2,"max_tokens":1,"return_token_ids":true}`); len(at(t, v, "choices", 0, "prompt_token_ids").([]any)) != 2 {
		t.Errorf("truncate_prompt_tokens: %v", v)
	}
}

func TestN(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	body := `"prompt":["the of","he"],"n":3,"seed":5,"max_tokens":10,"ignore_eos":true`
	whole := f.ok("/v1/completions", `{`+body+`}`)
	if len(whole["choices"].([]any)) != 6 || at(t, whole, "usage", "completion_tokens") != 60. {
		t.Fatalf("got %v", whole)
	}
	texts := make([]string, 6)
	for _, e := range f.stream("/v1/completions", `{`+body+`,"stream":true}`) {
		texts[int(at(t, e, "choices", 0, "index").(float64))] += at(t, e, "choices", 0, "text").(string)
	}
	for i, text := range texts {
		if want := at(t, whole, "choices", i, "text"); text != want || at(t, whole, "choices", i, "index") != float64(i) {
			t.Errorf("choice %d: streamed %q, whole %q", i, text, want)
		}
		// Output i draws with seed + i.
		one := f.ok("/v1/completions", fmt.Sprintf(`{"prompt":%q,"seed":%d,"max_tokens":10,"ignore_eos":true}`, []string{"the of", "he"}[i/3], 5+i%3))
		if got := at(t, one, "choices", 0, "text"); got != text {
			t.Errorf("choice %d is %q, alone %q", i, text, got)
		}
	}
	f.quiet()
}

func TestChat(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	body := `"messages":[{"role":"developer","content":"be"},{"role":"user","content":[{"type":"text","text":"the "},{"type":"text","text":"of"}]}],"temperature":0,"ignore_eos":true,"return_token_ids":true`
	whole := f.ok("/v1/chat/completions", `{`+body+`,"max_completion_tokens":6}`)
	if at(t, whole, "choices", 0, "message", "role") != "assistant" || at(t, whole, "object") != "chat.completion" || len(at(t, whole, "choices", 0, "token_ids").([]any)) != 6 {
		t.Errorf("got %v", whole)
	}
	// What the model read is what the template makes of it, which /tokenize tells too.
	read := f.ok("/tokenize", `{"messages":[{"role":"system","content":"be"},{"role":"user","content":"the of"}],"return_token_strs":true}`)
	if fmt.Sprint(read["tokens"]) != fmt.Sprint(whole["prompt_token_ids"]) || read["count"] != float64(len(read["tokens"].([]any))) || at(t, read, "token_strs", 0) != "<s>" {
		t.Errorf("read %v, /tokenize says %v", whole["prompt_token_ids"], read)
	}
	if text := f.ok("/detokenize", fmt.Sprintf(`{"tokens":%s}`, strings.ReplaceAll(fmt.Sprint(read["tokens"]), " ", ",")))["prompt"]; text != "<s>system: be\nuser: the of\nassistant: " {
		t.Errorf("the prompt is %q", text)
	}
	events := f.stream("/v1/chat/completions", `{`+body+`,"max_tokens":6,"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}}`)
	if at(t, events[0], "choices", 0, "delta", "role") != "assistant" || at(t, events[0], "object") != "chat.completion.chunk" {
		t.Errorf("the first event is %v", events[0])
	}
	var text strings.Builder
	for _, e := range events {
		if len(e["choices"].([]any)) == 0 {
			continue
		}
		if s, ok := at(t, e, "choices", 0, "delta").(map[string]any)["content"]; ok {
			text.WriteString(s.(string))
		}
		if e["usage"] == nil {
			t.Errorf("an event without usage: %v", e)
		}
	}
	if text.String() != at(t, whole, "choices", 0, "message", "content") {
		t.Errorf("streamed %q, whole %v", text.String(), at(t, whole, "choices", 0, "message", "content"))
	}
	// Without max_tokens the context is the limit.
	long := f.ok("/v1/chat/completions", `{"messages":[{"role":"user","content":"the"}],"ignore_eos":true,"temperature":0}`)
	if at(t, long, "usage", "total_tokens") != 256. || at(t, long, "choices", 0, "finish_reason") != "length" {
		t.Errorf("usage %v", long["usage"])
	}
	if v := f.ok("/tokenize", `{"messages":[{"role":"user","content":"the"}],"add_generation_prompt":false}`); v["count"].(float64) >= f.ok("/tokenize", `{"messages":[{"role":"user","content":"the"}]}`)["count"].(float64) {
		t.Error("add_generation_prompt false leaves the generation prompt")
	}
}

// What the prefix cache had is told of an answer of one step too.
func TestCachedTokens(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	body := `{"prompt":[` + strings.TrimSuffix(strings.Repeat("260,", 40), ",") + `],"max_tokens":1,"ignore_eos":true}`
	for i, want := range []float64{0, 32} {
		u := at(t, f.ok("/v1/completions", body), "usage").(map[string]any)
		if details, ok := u["prompt_tokens_details"].(map[string]any); !ok || details["cached_tokens"] != want {
			t.Errorf("answer %d: usage %v, want %v cached tokens", i+1, u, want)
		}
	}
}

func TestStructured(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	for _, c := range []struct{ fields, want string }{
		{`"structured_outputs":{"choice":["the","of he"]}`, "the|of he"},
		{`"guided_choice":["the"]`, "the"},
		{`"structured_outputs":{"regex":"(he){3}"}`, "hehehe"},
		{`"guided_regex":"o[f]"`, "of"},
		{`"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"enum":[7]}}}`, "7"},
		{`"guided_json":{"const":true}`, "true"},
		{`"structured_outputs":{"json":"{\"const\":null}"}`, "null"},
		{`"response_format":{"type":"text"},"stop":["zz"],"allowed_token_ids":[260],"max_tokens":1`, "the"},
	} {
		v := f.ok("/v1/chat/completions", `{"messages":[{"role":"user","content":"x"}],"seed":3,`+c.fields+`}`)
		got := at(t, v, "choices", 0, "message", "content").(string)
		if !strings.Contains("|"+c.want+"|", "|"+got+"|") {
			t.Errorf("%s: got %q, want %s", c.fields, got, c.want)
		}
	}
	v := f.ok("/v1/completions", `{"prompt":"x","seed":1,"max_tokens":40,"response_format":{"type":"json_object"}}`)
	if got := at(t, v, "choices", 0, "text").(string); !strings.HasPrefix(strings.TrimSpace(got), "{") {
		t.Errorf("json_object: %q", got)
	}
}
