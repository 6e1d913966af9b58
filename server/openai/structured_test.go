package openai

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/structured"
)

// A structured output that grows too complex while the answer is written is the
// request's fault and not the server's.
func TestTooComplexWhileAnswering(t *testing.T) {
	for _, asked := range []string{
		`"response_format":{"type":"json_object"}`, `"structured_outputs":{"regex":"a*"}`, `"guided_regex":"a*"`,
	} {
		o := parseObject([]byte(`{`+asked+`}`), "")
		g := &generation{request: &request{spec: takeStructured(o)}, choices: []*choice{{}}, events: make(chan promptEvent, 1)}
		g.request.params.N = 1
		g.events <- promptEvent{event: engine.Event{Kind: engine.EventState, State: engine.FinishedAborted, Reason: structured.ErrTooComplex.Error()}}
		_, _, refusal := g.next(t.Context())
		field, _, _ := strings.Cut(strings.TrimPrefix(asked, `"`), `"`)
		if refusal == nil || refusal.Status != http.StatusBadRequest || refusal.Param != field || !strings.Contains(refusal.Message, "simpler") {
			t.Errorf("%s: %+v", asked, refusal)
		}
	}
}

// As many requests wait for their turn to compile as may wait for the engine, and
// no longer than their clients do.
func TestCompilingWaits(t *testing.T) {
	f := newFixture(t, Options{MaxWaiting: 1}, engine.Options{})
	for range maxCompiling {
		f.server.compiling <- struct{}{}
	}
	body := `{"prompt":"x","max_tokens":8,"seed":1,"guided_choice":["the"]}`
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/completions", strings.NewReader(body))
		if err != nil {
			gone <- err
			return
		}
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			res.Body.Close()
		}
		gone <- err
	}()
	entered := func(n int) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			f.server.mu.Lock()
			got := f.server.compilers
			f.server.mu.Unlock()
			if got == n {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d requests wait for their turn, want %d", got, n)
			}
		}
	}
	entered(1)
	if status, v := f.post("/v1/completions", body); status != http.StatusTooManyRequests {
		t.Errorf("one more than may wait: %d %v", status, v)
	}
	leave()
	if err := <-gone; err == nil {
		t.Error("there was an answer without a turn")
	}
	entered(0) // the server does not wait for the turn of a client that has gone
	for range maxCompiling {
		<-f.server.compiling
	}
	if v := f.ok("/v1/completions", body); at(t, v, "choices", 0, "text") != "the" {
		t.Errorf("%v", v)
	}
}
