package remote

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// forward starts a server that passes on to peer, or to an address where nobody
// listens if that is nil.
func forward(t *testing.T, peer http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(peer)
	t.Cleanup(s.Close)
	if peer == nil {
		s.Close()
	}
	p, err := NewForward(Options{URL: s.URL + "/base/v1", APIKey: "engine's"}, ForwardOptions{
		WriteTimeout: time.Minute, Log: slog.New(slog.DiscardHandler),
		Refuse: func(w http.ResponseWriter, status int, message string) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "refused: "+message)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	ours := httptest.NewServer(http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		p.ServeHTTP(w, r)
	}), 1000))
	t.Cleanup(ours.Close)
	return ours.URL
}

// exchange sends a request as a client with a key and a cookie for us does.
func exchange(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer ours")
	r.Header.Set("Cookie", "vitrine=ours")
	r.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(said)
}

// The request arrives with the server's key and without ours, and the answer
// comes back with the status and the headers that concern it.
func TestForward(t *testing.T) {
	url := forward(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "theirs=1")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprintf(w, "%s %s %q %q %q %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Cookie"), r.Header.Get("X-Forwarded-For"), body)
	})
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/v1/chat/completions?x=1", `{"a":1}`, `POST /base/v1/chat/completions "Bearer engine's" "" "" {"a":1}`},
		{"GET", "/v1/models/some/model", "", `GET /base/v1/models/some/model "Bearer engine's" "" "" `},
	} {
		res, said := exchange(t, c.method, url+c.path, c.body)
		h := res.Header
		if res.StatusCode != http.StatusTooManyRequests || said != c.want || h.Get("Set-Cookie") != "" || h.Get("Retry-After") != "7" ||
			h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", c.path, res.StatusCode, said, h)
		}
	}
}

// What is no business of a client's, and what no API answers, stays outside.
func TestForwardRefuses(t *testing.T) {
	asked := false
	url := forward(t, func(w http.ResponseWriter, r *http.Request) {
		asked = true
		switch r.URL.Path {
		case "/base/version":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<script src=/metrics></script>")
		case "/base/metrics":
			w.Header().Set("Content-Type", "text/javascript")
		case "/base/v1/models":
			http.Redirect(w, r, "http://elsewhere", http.StatusFound)
		case "/base/v1/models/key":
			w.WriteHeader(http.StatusUnauthorized)
		case "/base/v1/models/early":
			w.Header().Set("Set-Cookie", "theirs=1")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}")
		}
	})
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
		asks               bool
	}{
		{"POST", "/v1/load_lora_adapter", "{}", 404, "not passed on", false},
		{"GET", "/v1/completions", "", 405, "is for POST", false},
		{"POST", "/v1/completions", strings.Repeat("a", 1001), 413, "longer than 1000 bytes", false},
		{"GET", "/version", "", 502, `"text/html", which is not of OpenAI's API`, true},
		{"GET", "/metrics", "", 502, "text/javascript", true},
		{"GET", "/v1/models", "", 502, "302 Found, which is not followed", true},
		{"GET", "/v1/models/key", "", 502, "--engine-api-key", true},
	} {
		asked = false
		res, said := exchange(t, c.method, url+c.path, c.body)
		if res.StatusCode != c.status || !strings.HasPrefix(said, "refused: ") || !strings.Contains(said, c.want) || asked != c.asks {
			t.Errorf("%s %s: %d %q, asked %v", c.method, c.path, res.StatusCode, said, asked)
		}
	}
	if res, said := exchange(t, "GET", url+"/v1/models/early", ""); res.StatusCode != 200 || said != "{}" || res.Header.Get("Set-Cookie") != "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("early hints: %d %q %v", res.StatusCode, said, res.Header)
	}
	res, said := exchange(t, "GET", forward(t, nil)+"/v1/models", "")
	if res.StatusCode != 502 || !strings.Contains(said, "refused: the remote engine, http://127.0.0.1:") || !strings.Contains(said, "cannot be reached") {
		t.Errorf("nobody there: %d %q", res.StatusCode, said)
	}
}

// A stream comes piece by piece, and that its reader has gone is told the server.
func TestForwardStreams(t *testing.T) {
	more, gone := make(chan bool), make(chan bool)
	url := forward(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the caller has gone
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-more
		_, _ = io.WriteString(w, "data: 2\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	res, err := http.Post(url+"/v1/completions", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return ""
	}
	if got := next(); got != "data: 1" {
		t.Errorf("first comes %q", got)
	}
	more <- true
	if got := next(); got != "data: 2" {
		t.Errorf("then comes %q", got)
	}
	res.Body.Close()
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("the server writes on for nobody")
	}
}
