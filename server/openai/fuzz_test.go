package openai

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"vitrine/engine"
)

// FuzzDecode: whatever a body is, the decoders refuse it with an error of
// OpenAI's shape or make a request that the engine's limits hold for.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"prompt":"the","n":2,"stop":["a"],"logit_bias":{"5":1},"stream":true,"stream_options":{"include_usage":true}}`,
		`{"prompt":[[1,2],[3]],"logprobs":3,"echo":true,"max_tokens":0}`,
		`{"prompt":"the","use_beam_search":true,"n":2,"length_penalty":0.5,"early_stopping":true}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"response_format":{"type":"json_schema","json_schema":{"schema":{}}}}`,
		`{"messages":[{"role":"user","content":"x"}],"bad_words":["a"],"structured_outputs":{"regex":"a+"}}`,
		`{"prompt":"\ud800","n":1e9}`, `{"prompt":null}`, `[`, `{"a":{"b":[{}]}}`,
	} {
		f.Add([]byte(seed))
	}
	fixed := newFixture(f, Options{}, engine.Options{})
	m := fixed.server.model.Load()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, decode := range []func(*object, *Model) (*request, *Error){decodeCompletion, decodeChat} {
			o := parseObject(body, "")
			if o.err != nil {
				checkError(t, o.err)
				continue
			}
			r, refusal := decode(o, m)
			if refusal != nil {
				checkError(t, refusal)
				continue
			}
			if n := r.params.N; n < 1 || n*len(r.prompts) > maxChoices || len(r.prompts) == 0 {
				t.Errorf("%d prompts, n %d", len(r.prompts), n)
			}
			for _, p := range r.prompts {
				if total := len(p.ids) + r.params.MaxTokens; len(p.ids) == 0 || r.params.MaxTokens < 1 || total > m.context() {
					t.Errorf("a prompt of %d and max_tokens %d", len(p.ids), r.params.MaxTokens)
				}
			}
		}
	})
}

func checkError(t *testing.T, e *Error) {
	t.Helper()
	b, err := marshal(e.body())
	if err != nil || !json.Valid(b) || e.Message == "" || e.Type == "" || len(b) > 4096 ||
		e.Status != http.StatusBadRequest && e.Status != http.StatusNotFound || !bytes.Contains(b, []byte(`"param":`)) {
		t.Errorf("error %d %s: %v", e.Status, b, err)
	}
}
