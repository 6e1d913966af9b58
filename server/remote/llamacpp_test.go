package remote

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// llamaCPP starts a server that gives the answers of a real llama-cpp-python:
// completions is the file for /v1/completions, chat for chats.
func llamaCPP(t *testing.T, chat, completions string) *Engine {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := map[string]string{"/v1/models": "models.json", "/v1/chat/completions": chat, "/v1/completions": completions}[r.URL.Path]
		if name == "" {
			http.Error(w, `{"detail":"Not Found"}`, http.StatusNotFound)
			return
		}
		w.Write(file(t, filepath.Join("llama-cpp-python", name)))
	}))
	t.Cleanup(s.Close)
	e, err := Dial(t.Context(), Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// llama-cpp-python tells tokens by their text, with log-probabilities and the
// likeliest others; what it is, how long its context is, ids and gauges stay unknown.
func TestLlamaCPPPython(t *testing.T) {
	e := llamaCPP(t, "chat.sse", "complete.sse")
	if i := e.Info(); i.Model != "smollm2" || i.Server != "" || i.Context != 0 || e.IDs() {
		t.Errorf("the server is %+v", i)
	}
	if _, err := e.scrape(t.Context()); !errors.Is(err, ErrNoMetrics) {
		t.Errorf("its gauges: %v", err)
	}
	for _, c := range []struct {
		name         string
		tokens, tops int
		open         func() (*Stream, error)
	}{
		{"chat", 12, alternatives, func() (*Stream, error) {
			return e.Chat(t.Context(), []Message{{"user", "What is gravity? 引力"}}, Params{TopP: 1, MaxTokens: 12})
		}},
		{"completion", 6, completionAlternatives, func() (*Stream, error) {
			return e.Complete(t.Context(), "Once upon a time", Params{TopP: 1, MaxTokens: 6})
		}},
	} {
		s, err := c.open()
		deltas, tokens, text := all(t, s, err)
		if len(tokens) != c.tokens || text == "" || deltas[len(deltas)-1].Finish != "length" {
			t.Fatalf("%s: %d tokens, %q, the last chunk %+v", c.name, len(tokens), text, deltas[len(deltas)-1])
		}
		spelled := ""
		for i, token := range tokens {
			spelled += string(token.Bytes)
			if !(token.LogProb <= 0) || token.ID == Unknown || len(token.Top) < c.tops/2 {
				t.Errorf("%s: token %d is %+v", c.name, i, token)
			}
			for j, o := range token.Top {
				if (o.ID == Unknown) != (o.Bytes == nil) || !(o.LogProb <= 0) || j > 0 && o.LogProb > token.Top[j-1].LogProb {
					t.Errorf("%s: token %d has the alternative %+v", c.name, i, o)
				}
			}
		}
		if spelled != text {
			t.Errorf("%s: the tokens spell %q, the text is %q", c.name, spelled, text)
		}
		for _, d := range deltas {
			if d.Prompt != nil || d.PromptTokens != 0 {
				t.Errorf("%s: the prompt is told: %+v", c.name, d)
			}
		}
	}
}

// Parts of characters, whose text it does not tell, are not taken for one token
// without a text.
func TestPartsOfCharacters(t *testing.T) {
	e := llamaCPP(t, "", "characters.sse")
	s, err := e.Complete(t.Context(), "今天", Params{TopP: 1, MaxTokens: 6})
	_, tokens, text := all(t, s, err)
	if len(tokens) != 7 || text != "" { // it sends one more than it was asked for
		t.Fatalf("%d tokens, %q", len(tokens), text)
	}
	for i, token := range tokens {
		if token.ID != Unknown || token.Bytes != nil || !(token.LogProb <= 0) {
			t.Errorf("token %d is %+v", i, token)
		}
	}
}

// An answer that ends before it began says so.
func TestBreaksOffAtOnce(t *testing.T) {
	e := llamaCPP(t, "too_long.sse", "")
	s, err := e.Chat(t.Context(), []Message{{"user", "sea"}}, Params{TopP: 1, MaxTokens: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Next(); err == nil || !strings.Contains(err.Error(), "before its first word") {
		t.Errorf("%v", err)
	}
}

// A server without metrics is asked for a sign of life, but not while it writes
// an answer.
func TestNotAskedWhileItWrites(t *testing.T) {
	e := llamaCPP(t, "chat.sse", "")
	due := func(want bool, when string) {
		t.Helper()
		if e.due(true, aliveInterval) != want {
			t.Errorf("%s it is asked: %v", when, !want)
		}
	}
	due(true, "at rest")
	s, err := e.Chat(t.Context(), []Message{{"user", "?"}}, Params{TopP: 1, MaxTokens: 12})
	if err != nil {
		t.Fatal(err)
	}
	due(false, "while it writes")
	if !e.due(false, 0) {
		t.Error("while it writes its metrics are not asked for")
	}
	s.Close()
	s.Close()
	due(true, "afterwards")
	if e.due(true, aliveInterval/2) {
		t.Error("it is asked too early")
	}
	refusing := answering(t, http.StatusTooManyRequests, "")
	if _, err := refusing.Chat(t.Context(), nil, Params{}); err == nil || !refusing.due(true, aliveInterval) {
		t.Errorf("refused (%v), it is not asked", err)
	}
}
