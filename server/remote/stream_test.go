package remote

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// all reads a stream to its end.
func all(t *testing.T, s *Stream, err error) (deltas []Delta, tokens []Token, text string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for {
		d, err := s.Next()
		if errors.Is(err, io.EOF) {
			return deltas, tokens, text
		}
		if err != nil {
			t.Fatal(err)
		}
		deltas, tokens, text = append(deltas, d), append(tokens, d.Tokens...), text+d.Text
	}
}

func TestChat(t *testing.T) {
	p, e := replay(t, false)
	seed := int64(7)
	s, err := e.Chat(t.Context(), []Message{{"user", "What is gravity? 引力"}}, Params{TopP: 1, MaxTokens: 24, TopK: 40, Seed: &seed})
	deltas, tokens, text := all(t, s, err)
	if i := e.Info(); i.Model != "smollm2-135m-instruct" || i.Server != VLLM || i.Version != "0.32.0" || i.Context != 2048 || !e.IDs() {
		t.Errorf("the server is %+v", i)
	}
	asked := p.asked["/v1/chat/completions"]
	for _, f := range []string{"return_token_ids", "return_tokens_as_token_ids", "logprobs", "stream", "top_k", "seed"} {
		if asked[f] == nil {
			t.Errorf("the request has no %s: %v", f, asked)
		}
	}
	if asked["min_p"] != nil || p.header.Get("Authorization") != "Bearer secret" {
		t.Errorf("the request: %v %v", asked, p.header)
	}
	if len(tokens) != 24 || len(deltas[0].Prompt) < 10 || deltas[len(deltas)-1].PromptTokens != len(deltas[0].Prompt) {
		t.Fatalf("%d tokens behind a prompt of %d; the last chunk %+v", len(tokens), len(deltas[0].Prompt), deltas[len(deltas)-1])
	}
	spelled := ""
	for i, token := range tokens {
		spelled += string(token.Bytes)
		if token.ID < 0 || token.LogProb > 0 || token.LogProb < -20 || len(token.Top) != alternatives {
			t.Errorf("token %d: %+v", i, token)
		}
		if token.Top[0].LogProb != token.LogProb { // drawn at temperature 0
			t.Errorf("token %d has %g, the likeliest %g", i, token.LogProb, token.Top[0].LogProb)
		}
		sum := 0.0
		for j, c := range token.Top {
			sum += math.Exp(c.LogProb)
			if c.ID < 0 || j > 0 && c.LogProb > token.Top[j-1].LogProb {
				t.Errorf("token %d, alternative %d: %+v", i, j, c)
			}
		}
		if sum > 1.0001 {
			t.Errorf("token %d: the probabilities add up to %g", i, sum)
		}
	}
	if spelled != text || len(text) < 40 {
		t.Errorf("the tokens spell %q, the text is %q", spelled, text)
	}
	finish := ""
	for _, d := range deltas {
		finish += d.Finish
	}
	if finish != "length" {
		t.Errorf("it ended by %q", finish)
	}
	pieces, err := e.Pieces(t.Context(), deltas[0].Prompt)
	prompt := ""
	for _, b := range pieces {
		prompt += string(b)
	}
	if err != nil || !strings.Contains(prompt, "<|im_start|>user\nWhat is gravity?") {
		t.Errorf("the prompt is %q, %v", prompt, err)
	}
}

func TestComplete(t *testing.T) {
	p, e := replay(t, false)
	s, err := e.Complete(t.Context(), "Once upon a time", Params{TopP: 1, MaxTokens: 8})
	deltas, tokens, text := all(t, s, err)
	if p.asked["/v1/completions"]["prompt"] != "Once upon a time" {
		t.Errorf("the request: %v", p.asked)
	}
	if len(tokens) != 8 || len(deltas[0].Prompt) != 4 || text == "" {
		t.Fatalf("%d tokens, prompt %v, %q", len(tokens), deltas[0].Prompt, text)
	}
	for i, token := range tokens {
		if token.ID < 0 || token.LogProb > 0 || len(token.Top) < 5 || token.Top[0].ID != token.ID {
			t.Errorf("token %d: %+v", i, token)
		}
	}
}

// A server without vLLM's extras numbers nothing; the texts get numbers of ours.
func TestWithoutIDs(t *testing.T) {
	const chat = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[{"token":"Hi","logprob":-0.5,"bytes":[72,105]},{"token":"Yo","logprob":-2,"bytes":[89,111]}]}]}}]}

: still here

data: {"choices":[{"index":0,"delta":{"content":" Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.25,"bytes":[72,105],"top_logprobs":[]}]},"finish_reason":"stop"}]}

data: [DONE]

`
	e := answering(t, 200, chat)
	if err := e.CheckParams(Params{TopK: 3}); err == nil || !strings.Contains(err.Error(), "top_k") {
		t.Errorf("top_k for a server that is not vLLM: %v", err)
	}
	s, err := e.Chat(t.Context(), []Message{{"user", "?"}}, Params{MaxTokens: 5})
	_, tokens, text := all(t, s, err)
	if e.IDs() || len(tokens) != 2 || text != "Hi Hi" || tokens[0].ID != tokens[1].ID || tokens[0].Top[1].ID == tokens[0].ID {
		t.Fatalf("%q: %+v", text, tokens)
	}
	pieces, err := e.Pieces(t.Context(), []int32{tokens[0].Top[1].ID, 99, -1})
	if err != nil || string(pieces[0]) != "Yo" || pieces[1] != nil || pieces[2] != nil {
		t.Errorf("pieces %q, %v", pieces, err)
	}
}

// Text without log-probabilities is told as text, and what is not known as that.
func TestWithoutLogProbs(t *testing.T) {
	e := answering(t, 200, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	s, err := e.Chat(t.Context(), nil, Params{MaxTokens: 5})
	_, tokens, _ := all(t, s, err)
	if len(tokens) != 1 || tokens[0].ID != Unknown || !math.IsNaN(tokens[0].LogProb) || string(tokens[0].Bytes) != "Hello there" {
		t.Errorf("%+v", tokens)
	}
}

func TestStreamErrors(t *testing.T) {
	token := `data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-1,"bytes":[97]}]}}]}` + "\n\n"
	for _, c := range []struct {
		name, body, want string
		status           int
	}{
		{"a page", "<html>", "broke the answer off", 200},
		{"no chunk", "data: hello\n\n", "not a chunk", 200},
		{"a fault in the stream", `data: {"error":{"message":"out of memory"}}` + "\n\n", "out of memory", 200},
		{"broken off", token, "broke the answer off", 200},
		{"interrupted", token + "data: [DONE]\n\n", "does not say why", 200},
		{"endless", strings.Repeat(token, 9), "more tokens than max_tokens", 200},
		{"a long line", "data: " + strings.Repeat("a", maxLine+1), "over 4 MiB", 200},
		{"another choice", `data: {"choices":[{"index":1}]}` + "\n\n", "choice 1", 200},
		{"a probability over 1", `data: {"choices":[{"index":0,"logprobs":{"content":[{"token":"a","logprob":2}]}}]}` + "\n\n", "log-probability 2", 200},
		{"no byte", `data: {"choices":[{"index":0,"logprobs":{"content":[{"token":"a","logprob":-2,"bytes":[300]}]}}]}` + "\n\n", "byte 300", 200},
		{"no key", `{"error":"Unauthorized"}`, "--engine-api-key", 401},
		{"no model", string(file(t, "unknown_model.json")), "nobody", 404},
		{"full", "", "too many requests", 429},
		{"its fault", `{"detail":"no such luck"}`, "500 Internal Server Error: no such luck", 500},
		{"a redirect", "", "302", 302},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := answering(t, c.status, c.body).Chat(t.Context(), nil, Params{MaxTokens: 3})
			for err == nil {
				_, err = s.Next()
			}
			if s != nil {
				s.Close()
			}
			var told *Error
			if !errors.As(err, &told) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n"))
	f.Add([]byte("data: {\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"token_id:5\"],\"token_logprobs\":[null],\"top_logprobs\":[{\"b\":-1}]}}]}\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := newEventReader(strings.NewReader(string(b)))
		for {
			data, err := r.next()
			if err != nil {
				return
			}
			d, err := parseChunk(data)
			if err != nil {
				continue
			}
			for _, token := range d.Tokens {
				if token.ID < Unknown || token.LogProb > 0 || len(token.Top) > maxTop {
					t.Fatalf("%+v", token)
				}
			}
		}
	})
}
