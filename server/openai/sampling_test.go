package openai

import (
	"strings"
	"testing"

	"vitrine/engine"
)

// TestLogitBiasIsClamped: a bias beyond ±100 is one of ±100, however large it is.
func TestLogitBiasIsClamped(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	ask := func(bias string) string {
		t.Helper()
		v := f.ok("/v1/completions", `{"prompt":"the","seed":1,"max_tokens":8,"ignore_eos":true,"logit_bias":`+bias+`}`)
		return at(t, v, "choices", 0, "text").(string)
	}
	for _, c := range []struct{ large, edge string }{
		{`{"260":1e308}`, `{"260":100}`},
		{`{"260":1e999}`, `{"260":100}`},
		{`{"260":101}`, `{"260":100}`},
		{`{"100":-1e308,"260":99.5}`, `{"100":-100,"260":99.5}`},
	} {
		if got, want := ask(c.large), ask(c.edge); got != want {
			t.Errorf("logit_bias %s: %q, want that of %s: %q", c.large, got, c.edge, want)
		}
	}
	if got, want := ask(`{"260":1e308}`), strings.Repeat("the", 8); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if ask(`{"260":0}`) == ask(`{"260":100}`) {
		t.Error("a bias makes no difference")
	}
}

// TestRangesAreNamed: a number too large for its field is told what the field takes.
func TestRangesAreNamed(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	const chat = `"messages":[{"role":"user","content":"hi"}]`
	for _, c := range []struct{ path, body, want string }{
		{"/v1/completions", `{"prompt":"the","max_tokens":1e9}`, "from 1 to 255"},
		{"/v1/completions", `{"prompt":"the","max_tokens":1000000000}`, "at most 255"},
		{"/v1/completions", `{"prompt":"the","max_tokens":99999999999999999999}`, "from 1 to 255"},
		{"/v1/completions", `{"prompt":"the","n":1e30}`, "from 1 to 128"},
		{"/v1/completions", `{"prompt":"the","logit_bias":{"5":"a"}}`, "-100 to 100"},
		{"/v1/chat/completions", `{` + chat + `,"max_completion_tokens":1e9}`, "from 1 to 255"},
		{"/v1/chat/completions", `{` + chat + `,"store":true}`, "want false"},
	} {
		status, v := f.post(c.path, c.body)
		if message, _ := at(t, v, "error", "message").(string); status != 400 || !strings.Contains(message, c.want) {
			t.Errorf("%s: %d %q, want %q", c.body, status, message, c.want)
		}
	}
}

// TestHarmlessDefaults: fields that are not supported are taken where their
// value asks for what is done anyway. Clients send them.
func TestHarmlessDefaults(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	for field, values := range harmless {
		if _, known := unsupported[field]; !known {
			t.Errorf("%s is not among the unsupported fields", field)
		}
		for _, value := range append(values, "null") {
			path, body := "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"max_tokens":1,"`+field+`":`+value+`}`
			if field == "suffix" || field == "best_of" {
				path, body = "/v1/completions", `{"prompt":"hi","max_tokens":1,"`+field+`":`+value+`}`
			}
			f.ok(path, body)
		}
	}
	// What OpenAI's libraries give back of an answer.
	f.ok("/v1/chat/completions", `{"max_tokens":1,"modalities": [ "text" ],"messages":[{"role":"user","content":"hi"},
		{"role":"assistant","content":"he","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":[]},{"role":"user","content":"hi"}]}`)
}
