package engine_test

import (
	"sync"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
)

// A step tells how many bytes of keys and values it reads: those of all tokens of all its
// requests.
func TestKVBytes(t *testing.T) {
	var mu sync.Mutex
	tokens, told := map[uint64]int{}, map[uint64]engine.StepInfo{}
	o := engine.Options{MaxBatchTokens: 16, Observer: &engine.Observer{
		Step: func(s engine.StepInfo) {
			mu.Lock()
			defer mu.Unlock()
			told[s.Number] = s
		},
		Plan: func(p engine.PlanInfo) {
			mu.Lock()
			defer mu.Unlock()
			for _, part := range p.Parts {
				tokens[p.Number] += part.First + part.Count
			}
		},
	}}
	e := tiny(t, cpu.New(1), o)
	for _, n := range []int{5, 40} {
		ids := make([]int32, n)
		defer collect(t, add(t, e, engine.Request{Prompt: ids, Params: greedy(30)}))
	}
	h := add(t, e, engine.Request{Prompt: []int32{1, 2, 3}, Params: greedy(40)})
	collect(t, h)
	idle(t, e) // an answer's end is told before its last step's plan
	mu.Lock()
	defer mu.Unlock()
	if len(told) < 30 {
		t.Fatalf("%d steps were told", len(told))
	}
	for number, s := range told {
		if want := int64(tokens[number] * e.Pool().SlotBytes); s.KVBytes != want {
			t.Errorf("step %d of %d requests reads %d bytes, want %d: of %d tokens", number, s.Requests, s.KVBytes, want, tokens[number])
		}
	}
}
