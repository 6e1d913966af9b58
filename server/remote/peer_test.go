package remote

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// recorded is a server that gives the answers which a real vLLM gave; see
// testdata.
type recorded struct {
	t      *testing.T
	plain  bool // without what only vLLM has
	mu     sync.Mutex
	asked  map[string]map[string]any // the last body by path
	header http.Header
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *recorded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			p.t.Errorf("%s: %v", r.URL.Path, err)
		}
	}
	p.mu.Lock()
	p.asked[r.URL.Path], p.header = body, r.Header
	p.mu.Unlock()
	name := map[string]string{
		"/v1/models": "models.json", "/version": "version.json", "/v1/chat/completions": "chat.sse",
		"/v1/completions": "complete.sse", "/metrics": "metrics.txt",
	}[r.URL.Path]
	switch {
	case p.plain && (r.URL.Path == "/version" || r.URL.Path == "/metrics"):
		http.NotFound(w, r)
	case name != "":
		w.Write(file(p.t, name))
	case r.URL.Path == "/detokenize":
		var texts map[string]string
		if err := json.Unmarshal(file(p.t, "detokenize.json"), &texts); err != nil {
			p.t.Error(err)
		}
		id := int(body["tokens"].([]any)[0].(float64))
		json.NewEncoder(w).Encode(map[string]string{"prompt": texts[strconv.Itoa(id)]})
	default:
		http.NotFound(w, r)
	}
}

// replay starts a server that answers as vLLM did, or without what only vLLM has.
func replay(t *testing.T, plain bool) (*recorded, *Engine) {
	t.Helper()
	p := &recorded{t: t, plain: plain, asked: map[string]map[string]any{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	e, err := Dial(t.Context(), Options{URL: s.URL + "/v1/", APIKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return p, e
}

// answering is a server that gives one answer to everything but the questions
// of Dial.
func answering(t *testing.T, status int, body string) *Engine {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/models":
			w.Write([]byte(`{"data":[{"id":"m"}]}`))
		case "/version":
			http.NotFound(w, r)
		default:
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}))
	t.Cleanup(s.Close)
	e, err := Dial(t.Context(), Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}
