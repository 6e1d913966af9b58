package remote

import (
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	for address, want := range map[string]string{
		"http://host:8000": "", "https://host/openai/v1": "", "host:8000": "http://host:8000", "ftp://host": "http://host:8000",
		"http://": "http://host:8000", "http://a:b@host": "--engine-api-key", "http://host?x=1": "no query", "http://ho st": "no address",
	} {
		err := Options{URL: address}.Check()
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	for address, ok := range map[string]bool{"": true, "tcp://host:5557": true, "http://host:1": false, "tcp://host": false, "tcp://*:5557": false} {
		if which, err := (KVSource{Endpoint: address}).Check(); (err == nil) != ok || which != "" {
			t.Errorf("%s: %q %v", address, which, err)
		}
		if which, err := (KVSource{Endpoint: "tcp://host:1", Replay: address}).Check(); (err == nil) != ok || !ok && which != "replay" {
			t.Errorf("a replay from %s: %q %v", address, which, err)
		}
	}
	if which, err := (KVSource{Replay: "tcp://host:1"}).Check(); err == nil || which != "replay" {
		t.Errorf("a replay of nothing: %q %v", which, err)
	}
}

func TestDialErrors(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	serve := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, c := range []struct{ name, url, want string }{
		{"nobody there", closed.URL, "cannot be reached"},
		{"no key", serve(401, `{"error":"Unauthorized"}`), "--engine-api-key gives it a key: Unauthorized"},
		{"no such server", serve(404, "nothing"), "does not have that"},
		{"a page", serve(200, "<html>"), "not the JSON"},
		{"no models", serve(200, `{}`), "names no models"},
		{"other models", serve(200, `{"data":[{"id":"a"},{"id":"b"}]}`), `no model "m", but a, b`},
		{"endless", serve(200, strings.Repeat("a", maxBody+1)), "over 8 MiB"},
	} {
		_, err := Dial(t.Context(), Options{URL: c.url, Model: "m"})
		var told *Error
		if !errors.As(err, &told) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What many tokens stand for is asked over as many connections as there are
// questions at once, and not over a new one for each.
func TestPiecesConnections(t *testing.T) {
	var dialed atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/detokenize" {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(time.Millisecond) // so that the questions overlap
			_, _ = w.Write([]byte(`{"prompt":"piece"}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":[{"id":"m"}],"version":"0.32.0"}`))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialed.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	e, err := Dial(t.Context(), Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	ids := make([]int32, 400)
	for i := range ids {
		ids[i] = int32(i)
	}
	pieces, err := e.Pieces(t.Context(), ids)
	if err != nil || string(pieces[399]) != "piece" {
		t.Fatalf("%q, %v", pieces, err)
	}
	if n := dialed.Load(); n > 2*detokenizers {
		t.Errorf("%d connections for %d questions, %d at once", n, len(ids), detokenizers)
	}
}

// The bytes that an answer tells of a token are better than the text that is
// asked for meanwhile, where a part of a character is U+FFFD.
func TestPiecesKeepBytes(t *testing.T) {
	_, e := replay(t, false)
	e.identify([]Token{{Candidate: Candidate{ID: 7, Bytes: []byte{0xE4}}}})
	e.learn(7, []byte("\uFFFD"))
	if pieces, err := e.Pieces(t.Context(), []int32{7}); err != nil || string(pieces[0]) != "\xE4" {
		t.Errorf("%q, %v", pieces, err)
	}
}

func TestGauges(t *testing.T) {
	_, e := replay(t, false)
	g, err := e.Gauges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if g.Running != 0 || g.Waiting != 0 || g.KVUsage < 0 || g.KVUsage > 1 || g.Preemptions != 0 || !(g.TTFT > 0 && g.TTFT < 600) || !(g.ITL > 0 && g.ITL < 60) || g.Blocks <= 0 || g.BlockSize <= 0 {
		t.Errorf("%+v", g)
	}
	_, plain := replay(t, true)
	g, err = plain.Gauges(t.Context())
	if !errors.Is(err, ErrNoMetrics) || !math.IsNaN(g.Running) || !math.IsNaN(g.TTFT) {
		t.Errorf("without metrics: %+v, %v", g, err)
	}
	if _, err := answering(t, 200, "not { metrics\n").Gauges(t.Context()); err == nil || !strings.Contains(err.Error(), "/metrics cannot be read") {
		t.Errorf("bad metrics: %v", err)
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine=\"0\"} 1\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = parseMetrics(strings.NewReader(text))
	})
}
