package remote

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestLive talks to the server that the environment names: VITRINE_REMOTE is its
// address, VITRINE_REMOTE_KV_EVENTS that of its KV events, and
// VITRINE_REMOTE_KV_EVENTS_REPLAY that of their replay. It prints what the README
// says of it.
func TestLive(t *testing.T) {
	address := os.Getenv("VITRINE_REMOTE")
	if address == "" {
		t.Skip("VITRINE_REMOTE names no server")
	}
	e, err := Dial(t.Context(), Options{URL: address, APIKey: os.Getenv("VITRINE_REMOTE_API_KEY")})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", e.Info())
	var mu sync.Mutex
	blocks := map[string]bool{}
	events := os.Getenv("VITRINE_REMOTE_KV_EVENTS")
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	if events != "" {
		listening.Go(func() {
			KVEvents(ctx, slog.New(slog.DiscardHandler), KVSource{Endpoint: events, Replay: os.Getenv("VITRINE_REMOTE_KV_EVENTS_REPLAY")}, func(e KVEvent) {
				mu.Lock()
				defer mu.Unlock()
				for _, h := range e.Stored {
					blocks[h] = true
				}
			})
		})
		time.Sleep(2 * time.Second) // a subscription says nothing when it has arrived
	}
	defer func() {
		cancel()
		listening.Wait()
	}()
	before, beforeErr := e.scrape(t.Context())
	p := Params{Temperature: 0.7, TopP: 1, MaxTokens: 48}
	begin := time.Now()
	s, err := e.Chat(t.Context(), []Message{{"user", strings.Repeat("Tell me about the sea and the sky. ", 40) + begin.String()}}, p)
	if err != nil {
		t.Fatal(err)
	}
	first := time.Since(begin)
	deltas, tokens, text := all(t, s, nil)
	took := time.Since(begin)
	if text == "" || len(tokens) == 0 {
		t.Fatalf("no answer: %+v", deltas)
	}
	withLogProb, withTop := 0, 0
	for _, token := range tokens {
		if token.LogProb <= 0 {
			withLogProb++
		}
		if len(token.Top) > 1 {
			withTop++
		}
		if e.IDs() && token.ID == Unknown {
			t.Errorf("a token without an id: %+v", token)
		}
	}
	t.Logf("%d tokens behind %d of the prompt in %v, headers after %v; %d with log-probability, %d with alternatives: %q",
		len(tokens), len(deltas[0].Prompt), took.Round(time.Millisecond), first.Round(time.Millisecond), withLogProb, withTop, text)
	if withLogProb != len(tokens) {
		t.Errorf("%d of %d tokens have a log-probability", withLogProb, len(tokens))
	}
	// Breaking off makes the server stop.
	p.MaxTokens = 1000
	p.IgnoreEOS = e.Info().Extended()
	if s, err = e.Chat(t.Context(), []Message{{"user", "Count."}}, p); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if beforeErr == nil {
		after, err := e.scrape(t.Context())
		for deadline := time.Now().Add(time.Minute); err == nil && after.now.Running > 0 && time.Now().Before(deadline); {
			time.Sleep(200 * time.Millisecond)
			after, err = e.scrape(t.Context())
		}
		t.Logf("gauges before %+v, after %+v", before, after)
		if err != nil || after.now.Running > 0 {
			t.Errorf("the server did not stop when it was broken off: %+v, %v", after, err)
		}
	} else {
		t.Logf("no gauges: %v", beforeErr)
	}
	if events != "" {
		mu.Lock()
		t.Logf("%d blocks were stored", len(blocks))
		if len(blocks) == 0 {
			t.Error("no KV event came")
		}
		mu.Unlock()
	}
}
