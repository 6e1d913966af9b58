package openai

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
)

// TestRefusals: each field that is wrong is named, in OpenAI's shape, and the
// server goes on answering.
func TestRefusals(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	const c, chat = "/v1/completions", "/v1/chat/completions"
	hi := `"messages":[{"role":"user","content":"the"}]`
	for _, r := range []struct {
		path, body string
		status     int
		param      any // nil for none
	}{
		{c, `{"prompt":"the","n":0}`, 400, "n"},
		{c, "{\"prompt\":\"the \xff\xfe\"}", 400, "prompt"},
		{c, `{"prompt":"\ud800"}`, 400, "prompt"},
		{c, `{"prompt":"the","stop":["\udc00"]}`, 400, "stop"},
		{c, `{"prompt":"the","n":129}`, 400, "n"},
		{c, `{"prompt":"the","n":1000000000000}`, 400, "n"},
		{c, `{"prompt":"the","n":1e30}`, 400, "n"},
		{c, `{"prompt":"the","n":-1}`, 400, "n"},
		{c, `{"prompt":"the","n":"2"}`, 400, "n"},
		{c, `{"prompt":"the","n":2,"temperature":0}`, 400, "n"},
		{c, `{"prompt":["he","he","he","he","he"],"n":128}`, 400, "n"},
		{c, `{"prompt":"the","temperature":-1}`, 400, "temperature"},
		{c, `{"prompt":"the","temperature":1e300}`, 400, "temperature"},
		{c, `{"prompt":"the","temperature":NaN}`, 400, "temperature"},
		{c, `{"prompt":"the","temperature":"hot"}`, 400, "temperature"},
		{c, `{"prompt":"the","temperature":[1]}`, 400, "temperature"},
		{c, `{"prompt":"the","top_p":0}`, 400, "top_p"},
		{c, `{"prompt":"the","top_p":1.5}`, 400, "top_p"},
		{c, `{"prompt":"the","top_k":-2}`, 400, "top_k"},
		{c, `{"prompt":"the","top_k":1.5}`, 400, "top_k"},
		{c, `{"prompt":"the","min_p":2}`, 400, "min_p"},
		{c, `{"prompt":"the","presence_penalty":2.1}`, 400, "presence_penalty"},
		{c, `{"prompt":"the","frequency_penalty":-2.1}`, 400, "frequency_penalty"},
		{c, `{"prompt":"the","repetition_penalty":0}`, 400, "repetition_penalty"},
		{c, `{"prompt":"the","max_tokens":0}`, 400, "max_tokens"},
		{c, `{"prompt":"the","max_tokens":-5}`, 400, "max_tokens"},
		{c, `{"prompt":"the","max_tokens":256}`, 400, "max_tokens"},
		{c, `{"prompt":"the","max_tokens":9e99}`, 400, "max_tokens"},
		{c, `{"prompt":"the","min_tokens":17}`, 400, "min_tokens"},
		{c, `{"prompt":"the","seed":1.5}`, 400, "seed"},
		{c, `{"prompt":"the","seed":99999999999999999999}`, 400, "seed"},
		{c, `{"prompt":"the","stop":5}`, 400, "stop"},
		{c, `{"prompt":"the","stop":""}`, 400, "stop[0]"},
		{c, `{"prompt":"the","stop":["a",null]}`, 400, "stop[1]"},
		{c, `{"prompt":"the","stop":` + strs(33) + `}`, 400, "stop"},
		{c, `{"prompt":"the","stop":"` + strings.Repeat("a", 2000) + `"}`, 400, "stop[0]"},
		{c, `{"prompt":"the","stop_token_ids":[320]}`, 400, "stop_token_ids"},
		{c, `{"prompt":"the","logit_bias":{"x":1}}`, 400, "logit_bias"},
		{c, `{"prompt":"the","logit_bias":{"320":1}}`, 400, "logit_bias"},
		{c, `{"prompt":"the","logit_bias":{"1":null}}`, 400, "logit_bias"},
		{c, `{"prompt":"the","logit_bias":{"1":"5"}}`, 400, "logit_bias"},
		{c, `{"prompt":"the","logit_bias":{"1":Infinity}}`, 400, "logit_bias"},
		{c, `{"prompt":"the","allowed_token_ids":[]}`, 400, "allowed_token_ids"},
		{c, `{"prompt":"the","allowed_token_ids":[-1]}`, 400, "allowed_token_ids"},
		{c, `{"prompt":"the","bad_words":[""]}`, 400, "bad_words[0]"},
		{c, `{"prompt":"the","allowed_token_ids":[260],"bad_words":["the"]}`, 400, "allowed_token_ids"},
		{c, `{"prompt":"the","logprobs":21}`, 400, "logprobs"},
		{c, `{"prompt":"the","logprobs":-1}`, 400, "logprobs"},
		{c, `{"prompt":"the","logprobs":true}`, 400, "logprobs"},
		{c, `{"prompt":"the","prompt_logprobs":21}`, 400, "prompt_logprobs"},
		{c, `{"prompt":"the","prompt_logprobs":1,"stream":true}`, 400, "prompt_logprobs"},
		{c, `{"prompt":"the","stream_options":{"include_usage":true}}`, 400, "stream_options"},
		{c, `{"prompt":"the","stream":true,"stream_options":{"usage":true}}`, 400, "stream_options.usage"},
		{c, `{"prompt":"the","stream":"yes"}`, 400, "stream"},
		{c, `{"prompt":"the","priority":3}`, 400, "priority"},
		{c, `{"prompt":"the","cache_salt":""}`, 400, "cache_salt"},
		{c, `{"prompt":"the","truncate_prompt_tokens":0}`, 400, "truncate_prompt_tokens"},
		{c, `{"prompt":"the","spaces_between_special_tokens":false}`, 400, "spaces_between_special_tokens"},
		{c, `{"prompt":"the","best_of":2}`, 400, "best_of"},
		{c, `{"prompt":"the","suffix":"x"}`, 400, "suffix"},
		{c, `{"prompt":"the","use_beam_search":true,"stream":true}`, 400, "stream"},
		{c, `{"prompt":"the","tempreature":1}`, 400, "tempreature"},
		{c, `{"prompt":"the","Temperature":1}`, 400, "Temperature"},
		{c, `{"prompt":"the","tempreature":null}`, 400, "tempreature"},
		{c, `{"prompt":"the","n":1,"n":2}`, 400, "n"},
		{c, `{"prompt":"the","echo":true,"max_tokens":0,"n":2}`, 400, "n"},
		{c, `{}`, 400, "prompt"},
		{c, `{"prompt":""}`, 400, "prompt"},
		{c, `{"prompt":[]}`, 400, "prompt"},
		{c, `{"prompt":[[]]}`, 400, "prompt"},
		{c, `{"prompt":5}`, 400, "prompt"},
		{c, `{"prompt":[null]}`, 400, "prompt"},
		{c, `{"prompt":[1,320]}`, 400, "prompt"},
		{c, `{"prompt":[-1]}`, 400, "prompt"},
		{c, `{"prompt":[99999999999]}`, 400, "prompt"},
		{c, `{"prompt":"` + strings.Repeat("a", 300) + `"}`, 400, "prompt"},
		{c, `{"prompt":` + strs(257) + `}`, 400, "prompt"},
		{c, `{"prompt":"the","model":"gpt-4"}`, 404, "model"},
		{c, `{"prompt":"the","model":"gemma-3-270m"}`, 404, "model"}, // which the registry knows: nobody fetches models by asking
		{c, `{"prompt":"the","model":7}`, 400, "model"},
		{c, `{"prompt":"the","structured_outputs":{"regex":"("}}`, 400, "structured_outputs"},
		{c, `{"prompt":"the","structured_outputs":{"regex":"a","choice":["b"]}}`, 400, "structured_outputs"},
		{c, `{"prompt":"the","guided_regex":"a","guided_choice":["b"]}`, 400, "guided_choice"},
		{c, `{"prompt":"the","structured_outputs":{"grammar":"root"}}`, 400, "structured_outputs.grammar"},
		{c, `{"prompt":"the","guided_grammar":"root"}`, 400, "guided_grammar"},
		{c, `{"prompt":"the","guided_choice":[]}`, 400, "guided_choice"},
		{chat, `{` + hi + `,"response_format":{"type":"xml"}}`, 400, "response_format.type"},
		{chat, `{` + hi + `,"response_format":{"type":"json_schema"}}`, 400, "response_format.json_schema"},
		{chat, `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}`, 400, "response_format.json_schema.schema"},
		{chat, `{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"strin"}}}}`, 400, "response_format"},
		{chat, `{` + hi + `,"tools":[{"type":"function","function":{"name":"f"}}]}`, 400, "tools"},
		{chat, `{` + hi + `,"tool_choice":"required"}`, 400, "tool_choice"},
		{chat, `{` + hi + `,"store":true}`, 400, "store"},
		{chat, `{` + hi + `,"modalities":["text","audio"]}`, 400, "modalities"},
		{chat, `{` + hi + `,"service_tier":"flex"}`, 400, "service_tier"},
		{chat, `{"messages":[{"role":"user","content":"x","store":false}]}`, 400, "messages[0].store"},
		{chat, `{"messages":[{"role":"assistant","content":"x","tool_calls":[{}]}]}`, 400, "messages[0].tool_calls"},
		{chat, `{` + hi + `,"top_logprobs":3}`, 400, "top_logprobs"},
		{chat, `{` + hi + `,"logprobs":3}`, 400, "logprobs"},
		{chat, `{` + hi + `,"max_completion_tokens":0}`, 400, "max_completion_tokens"},
		{chat, `{` + hi + `,"prompt":"the"}`, 400, "prompt"},
		{chat, `{` + hi + `,"echo":true}`, 400, "echo"},
		{chat, `{` + hi + `,"continue_final_message":true}`, 400, "continue_final_message"},
		{chat, `{}`, 400, "messages"},
		{chat, `{"messages":[]}`, 400, "messages"},
		{chat, `{"messages":"hi"}`, 400, "messages"},
		{chat, `{"messages":["hi"]}`, 400, "messages[0]"},
		{chat, `{"messages":[{"role":"tool","content":"x"}]}`, 400, "messages[0].role"},
		{chat, `{"messages":[{"role":"user"}]}`, 400, "messages[0].content"},
		{chat, `{"messages":[{"role":"user","content":"x","name":"me"}]}`, 400, "messages[0].name"},
		{chat, `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}`, 400, "messages[0].content[0].type"},
		{chat, `{"messages":[{"role":"user","content":"` + strings.Repeat("a", 300) + `"}]}`, 400, "messages"},
		{chat, ``, 400, nil},
		{chat, `[]`, 400, nil},
		{chat, `{"messages":`, 400, "messages"},
		{chat, `{` + hi + `} {}`, 400, nil},
		{chat, strings.Repeat(`{"messages":[`, 20000), 400, "messages"},
		{"/tokenize", `{}`, 400, "prompt"},
		{"/tokenize", `{"prompt":5}`, 400, "prompt"},
		{"/detokenize", `{"tokens":[320]}`, 400, "tokens"},
		{"/detokenize", `{}`, 400, "tokens"},
		{c, `{"prompt":"` + strings.Repeat("a", 2<<20) + `"}`, 413, nil},
		{"/v1/embeddings", `{}`, 404, nil},
	} {
		status, v := f.post(r.path, r.body)
		e, _ := v["error"].(map[string]any)
		_, hasCode := e["code"]
		if status != r.status || e["param"] != r.param || e["message"] == "" || e["type"] == "" || !hasCode {
			t.Errorf("%s %s:\n got %d %v\nwant %d %v", r.path, excerpt([]byte(r.body)), status, v, r.status, r.param)
		}
	}
	f.ok(c, `{"prompt":"the"}`)
	f.quiet()
}

// strs is a list of n texts.
func strs(n int) string { return `["a"` + strings.Repeat(`,"a"`, n-1) + `]` }

func TestMethodsTypesAndPaths(t *testing.T) {
	f := newFixture(t, Options{Version: "1.2"}, engine.Options{})
	for _, c := range []struct {
		method, path, kind string
		status             int
		want               string
	}{
		{"GET", "/v1/models", "", 200, `"id":"tiny"`},
		{"GET", "/v1/models/tiny", "", 200, `"max_model_len":256`},
		{"GET", "/v1/models/other", "", 404, `"code":"model_not_found"`},
		{"GET", "/version", "", 200, `{"version":"1.2"}`},
		{"GET", "/v1/completions", "", 405, `"error"`},
		{"DELETE", "/v1/models", "", 405, `"error"`},
		{"POST", "/v1/completions", "text/plain", 415, `application/json`},
		{"POST", "/v1/completions", "application/json; charset=utf-8", 400, `"param":"prompt"`},
		{"GET", "/v1/", "", 404, `"error"`},
		{"GET", "/v1/../v1/models", "", 200, `"tiny"`},
	} {
		r, _ := http.NewRequest(c.method, f.url+c.path, strings.NewReader("{}"))
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), c.want) || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %d %s %s, want %d %s", c.method, c.path, res.StatusCode, res.Header.Get("Content-Type"), body, c.status, c.want)
		}
	}
}

func TestWithoutAModel(t *testing.T) {
	s := New(Options{})
	for _, path := range []string{"/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(`{"prompt":"x"}`)))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"server_error"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/v1/models", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"data":[]`) {
		t.Errorf("models: %d %s", w.Code, w.Body)
	}
}

// TestQueueIsBounded: while the engine stands still, requests wait, as many as
// may of those that arrive at the same moment, and the others are told when to
// come again.
func TestQueueIsBounded(t *testing.T) {
	const places, arrivals = 3, 8
	f := newFixture(t, Options{MaxWaiting: places}, engine.Options{})
	if err := f.engine.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		after  string
	}
	answers := make(chan answer, arrivals)
	together := make(chan struct{})
	for range arrivals {
		go func() {
			<-together
			res, err := http.Post(f.url+"/v1/completions", "application/json", strings.NewReader(`{"prompt":"the","max_tokens":2}`))
			if err != nil {
				t.Error(err)
				answers <- answer{}
				return
			}
			res.Body.Close()
			answers <- answer{res.StatusCode, res.Header.Get("Retry-After")}
		}()
	}
	close(together)
	for range arrivals - places {
		select {
		case a := <-answers:
			if a.status != http.StatusTooManyRequests || a.after != "1" {
				t.Errorf("one too many gets %d, Retry-After %q", a.status, a.after)
			}
		case <-time.After(patience):
			t.Fatalf("%d requests wait, at most %d may", f.engine.Stats().Waiting, places)
		}
	}
	if waiting := f.engine.Stats().Waiting; waiting != places {
		t.Errorf("%d requests wait, want %d", waiting, places)
	}
	if status, v := f.post("/v1/completions", `{"prompt":["a","b","c","d"]}`); status != 400 {
		t.Errorf("more prompts than may ever wait: %d %v", status, v)
	}
	if err := f.engine.AllowSteps(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	for range places {
		if a := <-answers; a.status != 200 {
			t.Errorf("one that waited gets %d", a.status)
		}
	}
	f.quiet()
}

// TestClientThatGoes: whoever hangs up has the request aborted, waiting or
// running, streamed or not.
func TestClientThatGoes(t *testing.T) {
	f := newFixture(t, Options{}, engine.Options{})
	for _, stream := range []bool{false, true} {
		for _, steps := range []int{0, 5} {
			if err := f.engine.AllowSteps(t.Context(), steps); err != nil {
				t.Fatal(err)
			}
			before := f.engine.Stats().Finished.Abort
			ctx, cancel := context.WithCancel(t.Context())
			r, _ := http.NewRequestWithContext(ctx, "POST", f.url+"/v1/completions", strings.NewReader(fmt.Sprintf(`{"prompt":"the","max_tokens":200,"ignore_eos":true,"stream":%v}`, stream)))
			go func() {
				res, err := http.DefaultClient.Do(r)
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			}()
			for deadline := time.Now().Add(patience); f.engine.Stats().Waiting+f.engine.Stats().Running == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the request does not come in")
				}
			}
			cancel()
			f.quiet()
			if got := f.engine.Stats().Finished.Abort - before; got != 1 {
				t.Errorf("stream %v, %d steps: %d aborts, want 1", stream, steps, got)
			}
		}
	}
}

// pipeListener hands out connections without any buffer of the system's, so
// that a client that does not read stops the server's writes at once.
type pipeListener struct{ conns chan net.Conn }

func (l *pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return &net.IPAddr{} }

// TestSlowReader: whoever does not read is aborted after the write timeout,
// and his tokens do not pile up.
func TestSlowReader(t *testing.T) {
	f := newFixture(t, Options{WriteTimeout: 100 * time.Millisecond}, engine.Options{})
	l := &pipeListener{make(chan net.Conn, 1)}
	web := &http.Server{Handler: f.server}
	go func() { _ = web.Serve(l) }()
	defer close(l.conns)
	ours, theirs := net.Pipe()
	defer ours.Close()
	l.conns <- theirs
	body := `{"prompt":"the","n":100,"max_tokens":200,"ignore_eos":true,"stream":true,"logprobs":20}`
	fmt.Fprintf(ours, "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := ours.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	f.quiet() // though nothing more is read
	if s := f.engine.Stats(); s.Finished.Abort == 0 || s.GenerationTokens >= 100*200 {
		t.Errorf("the request ran on: %+v", s)
	}
	rest, _ := io.ReadAll(ours)
	if bytes.Contains(rest, []byte("[DONE]")) {
		t.Error("the stream was told to be whole")
	}
}

// TestShutdown: who runs may finish; who takes longer than that is told.
func TestShutdown(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		f := newFixture(t, Options{}, engine.Options{})
		if err := f.engine.AllowSteps(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		type end struct {
			status int
			body   string
		}
		ends := make(chan end, 2)
		for _, stream := range []bool{true, false} {
			go func() {
				res, err := http.Post(f.url+"/v1/completions", "application/json", strings.NewReader(fmt.Sprintf(`{"prompt":"the","max_tokens":50,"ignore_eos":true,"stream":%v,"logprobs":0}`, stream)))
				if err != nil {
					ends <- end{0, err.Error()}
					return
				}
				defer res.Body.Close()
				body, _ := io.ReadAll(res.Body)
				ends <- end{res.StatusCode, string(body)}
			}()
		}
		for deadline := time.Now().Add(patience); f.engine.Stats().Running+f.engine.Stats().Waiting < 2; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the requests do not come in")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if !inTime {
			cancel()
		}
		ended := make(chan int, 1)
		go func() { ended <- f.server.Shutdown(ctx) }()
		<-f.server.draining
		if status, v := f.post("/v1/completions", `{"prompt":"the"}`); status != 503 {
			t.Errorf("while it stops: %d %v", status, v)
		}
		if inTime {
			if err := f.engine.AllowSteps(t.Context(), -1); err != nil {
				t.Fatal(err)
			}
		}
		want := 2
		if inTime {
			want = 0
		}
		if got := <-ended; got != want {
			t.Errorf("in time %v: %d ended, want %d", inTime, got, want)
		}
		cancel()
		for range 2 {
			e := <-ends
			if told := strings.Contains(e.body, "the server is stopping"); told == inTime {
				t.Errorf("in time %v: %d %s", inTime, e.status, e.body)
			}
		}
	}
}
