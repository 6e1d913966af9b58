package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/modeltest/tinymodel"
)

// startServing starts a server whose engine serves so, and waits for it.
func startServing(t *testing.T, o engine.Options) *App {
	t.Helper()
	a := start(t, Config{Model: tinymodel.Folder(t), Serving: o, Blocks: 100})
	select {
	case <-a.Ready():
	case <-time.After(patience):
		t.Fatal("the model is not ready")
	}
	return a
}

// complete asks for a completion and returns the status and what was answered.
func complete(t *testing.T, a *App, body string) (int, string) {
	t.Helper()
	res, err := http.Post(a.URL()+"/v1/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		t.Error(err)
	}
	return res.StatusCode, text.String()
}

// Under the policy priority, a request of the API that came last and has the least
// number is answered first; under fcfs it is refused, for its priority would mean nothing.
func TestPriorityOfTheAPI(t *testing.T) {
	a := startServing(t, engine.Options{Policy: engine.Priority, MaxSequences: 1})
	e := a.engine.engine
	if err := e.AllowSteps(t.Context(), 0); err != nil { // until all of them wait
		t.Fatal(err)
	}
	ended := make(chan int, 3)
	for i, priority := range []int{5, 3, -1} {
		go func() {
			status, text := complete(t, a, fmt.Sprintf(`{"prompt":"the heath","max_tokens":40,"ignore_eos":true,"priority":%d}`, priority))
			if status != http.StatusOK {
				t.Errorf("priority %d: %d %s", priority, status, text)
			}
			ended <- priority
		}()
		for deadline := time.Now().Add(patience); e.Stats().Waiting != i+1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("of %d requests %d wait", i+1, e.Stats().Waiting)
			}
		}
	}
	// A request takes 40 steps, so the first has told its client long before the next one ends.
	var order []int
	for range 3 {
		if err := e.AllowSteps(t.Context(), 40); err != nil {
			t.Fatal(err)
		}
		select {
		case priority := <-ended:
			order = append(order, priority)
		case <-time.After(patience):
			t.Fatalf("after %v nobody ends", order)
		}
	}
	if want := []int{-1, 3, 5}; !slices.Equal(order, want) {
		t.Errorf("they were answered in the order %v of their priorities, want %v", order, want)
	}
	first := startServing(t, engine.Options{})
	if status, text := complete(t, first, `{"prompt":"the","priority":1}`); status != http.StatusBadRequest || !strings.Contains(text, "priority") {
		t.Errorf("a priority among first come: %d %s", status, text)
	}
}

// Sizes and policies reach the engine, and programs are told of the length.
func TestServingOptions(t *testing.T) {
	o := engine.Options{BlockSize: 8, MaxSequences: 3, MaxBatchTokens: 20, MaxModelLen: 50, DisablePrefixCaching: true, PromptLookup: engine.PromptLookup{Tokens: 3}}
	a := startServing(t, o)
	got := a.engine.engine.Options()
	if got.Blocks != 100 || got.BlockSize != 8 || got.MaxSequences != 3 || got.MaxBatchTokens != 20 || got.MaxModelLen != 50 || !got.DisablePrefixCaching || got.PromptLookup.Tokens != 3 {
		t.Errorf("the engine has %+v", got)
	}
	_, text := get(t, a.URL()+"/v1/models")
	var models struct {
		Data []struct {
			MaxModelLen int `json:"max_model_len"`
		}
	}
	if err := json.Unmarshal([]byte(text), &models); err != nil || len(models.Data) != 1 || models.Data[0].MaxModelLen != 50 {
		t.Errorf("%s, %v: want a max_model_len of 50", text, err)
	}
	if status, text := complete(t, a, fmt.Sprintf(`{"prompt":%q}`, strings.Repeat("x", 60))); status != http.StatusBadRequest || !strings.Contains(text, "50") {
		t.Errorf("a prompt that is too long: %d %s", status, text)
	}

	var wrong *engine.OptionError
	if _, err := Start(t.Context(), Config{Addr: "127.0.0.1:0", Model: tinymodel.Folder(t), Serving: engine.Options{BlockSize: -1}}); !errors.As(err, &wrong) || wrong.Option != "block-size" {
		t.Errorf("a negative block size: %v", err)
	}
	// How long a model's context is shows when it is there: the page and the log tell.
	long := start(t, Config{Model: tinymodel.Folder(t), Serving: engine.Options{MaxModelLen: 257}})
	deadline := time.Now().Add(patience)
	for _, phase := get(t, long.URL()+"/health"); phase != "failed\n"; _, phase = get(t, long.URL()+"/health") {
		if time.Now().After(deadline) {
			t.Fatalf("a length beyond the model's context leads to %q", phase)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
