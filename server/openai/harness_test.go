package openai

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/engine/modeltest/tinymodel"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// fixture is a server of the tiny model.
type fixture struct {
	t      testing.TB
	server *Server
	engine *engine.Engine
	url    string
}

// newFixture starts an engine of the tiny model, whose context is 256 tokens,
// and serves it under the name "tiny".
func newFixture(t testing.TB, o Options, eo engine.Options) *fixture {
	t.Helper()
	found, err := load.Find(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := found.Open(load.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	metrics := NewMetrics("tiny", m.Config().Context)
	eo.Observer = metrics.Observer()
	e, err := engine.Start(m.Model, m.Tokenizer, eo)
	if err != nil {
		t.Fatal(err)
	}
	template, err := m.ChatTemplate()
	if err != nil {
		t.Fatal(err)
	}
	s := New(o)
	s.SetModel(Model{Engine: e, Template: template, Name: "tiny", Metrics: metrics})
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.Shutdown(ctx)
		web.Close()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{t, s, e, web.URL}
}

// post sends a body and returns the status and the answer's JSON.
func (f *fixture) post(path, body string) (int, map[string]any) {
	f.t.Helper()
	res, err := http.Post(f.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		f.t.Fatalf("%s %s: %v", path, body, err)
	}
	return res.StatusCode, v
}

// ok is post for what must succeed.
func (f *fixture) ok(path, body string) map[string]any {
	f.t.Helper()
	status, v := f.post(path, body)
	if status != http.StatusOK {
		f.t.Fatalf("%s %s: %d %v", path, body, status, v)
	}
	return v
}

// stream sends a body that asks for a stream and returns its events; the last
// must be [DONE].
func (f *fixture) stream(path, body string) []map[string]any {
	f.t.Helper()
	res, err := http.Post(f.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || !strings.HasPrefix(kind, "text/event-stream") {
		text, _ := io.ReadAll(res.Body)
		f.t.Fatalf("%s: %d %s: %s", body, res.StatusCode, kind, text)
	}
	var events []map[string]any
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	done := false
	for lines.Scan() {
		data, found := strings.CutPrefix(lines.Text(), "data: ")
		switch {
		case lines.Text() == "":
		case !found || done:
			f.t.Fatalf("line %q", lines.Text())
		case data == "[DONE]":
			done = true
		default:
			var v map[string]any
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				f.t.Fatalf("%q: %v", data, err)
			}
			events = append(events, v)
		}
	}
	if !done || lines.Err() != nil {
		f.t.Fatalf("the stream ends without [DONE]: %v", lines.Err())
	}
	return events
}

// at walks into JSON: names and indices.
func at(t testing.TB, v any, path ...any) any {
	t.Helper()
	for i, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("%v: no object at %v: %v", path, path[:i], v)
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				t.Fatalf("%v: no element at %v: %v", path, path[:i], v)
			}
			v = l[p]
		}
	}
	return v
}

// quiet waits until the engine holds nothing, and checks that it does in the end.
func (f *fixture) quiet() {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		s := f.engine.Stats()
		if s.Running+s.Waiting+s.Paused+s.HeldBlocks == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("the engine still has %+v", s)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
