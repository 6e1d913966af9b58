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
		_, _ = w.Write([]byte(`{"data":[{"id":"m","owned_by":"vllm"}],"version":"0.32.0"}`))
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
	s, err := e.scrape(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if g := s.now; g.Running != 0 || g.Waiting != 0 || g.KVUsage != 0 || g.Preemptions != 0 || g.Blocks != 364 || g.BlockSize != 128 {
		t.Errorf("%+v", g)
	}
	if s.firstToken != (total{35.98818254470825, 2}) || s.interToken != (total{40.635999083999195, 30}) || s.prefix != (total{0, 43}) {
		t.Errorf("%+v", s)
	}
	_, plain := replay(t, true)
	if _, err = plain.scrape(t.Context()); !errors.Is(err, ErrNoMetrics) {
		t.Errorf("without metrics: %v", err)
	}
	if _, err := answering(t, 200, "not { metrics\n").scrape(t.Context()); err == nil || !strings.Contains(err.Error(), "/metrics cannot be read") {
		t.Errorf("bad metrics: %v", err)
	}
}

// A server with vLLM's names for some of its metrics tells no others.
func TestGaugesOfOthers(t *testing.T) {
	s, err := parseMetrics(strings.NewReader("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine=\"0\"} 1\nvllm:num_requests_running{engine=\"1\"} 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	var m meter
	for range 2 {
		if g := m.read(s); g.Running != 3 || g.Blocks != 0 || !math.IsNaN(g.Waiting) || !math.IsNaN(g.TTFT) || !math.IsNaN(g.ITL) || !math.IsNaN(g.Hits) {
			t.Errorf("%+v", g)
		}
	}
}

// Who answers /version is not vLLM for that: the owner of the models says it.
func TestWhoItIs(t *testing.T) {
	for owner, want := range map[string]Info{
		"vllm": {Server: VLLM, Version: "1.2"}, "vitrine": {Server: Vitrine, Version: "1.2"}, "someone": {}, "": {},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"data":[{"id":"m","owned_by":"` + owner + `"}],"version":"1.2"}`))
		}))
		t.Cleanup(s.Close)
		e, err := Dial(t.Context(), Options{URL: s.URL})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		if i := e.Info(); i.Server != want.Server || i.Version != want.Version || i.Extended() != (want.Server != "") || e.IDs() != i.Extended() {
			t.Errorf("%q: %+v", owner, i)
		}
		err = e.CheckParams(Params{TopK: 4})
		var param *ParamError
		if (err == nil) != (want.Server != "") || err != nil && (!errors.As(err, &param) || param.Field != "top_k") {
			t.Errorf("%q: top_k is answered by %v", owner, err)
		}
		if _, sent := e.body(Params{})["return_token_ids"]; sent != (want.Server != "") {
			t.Errorf("%q: return_token_ids is sent: %v", owner, sent)
		}
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add("# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{engine=\"0\"} 1\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = parseMetrics(strings.NewReader(text))
	})
}
