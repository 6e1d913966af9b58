package engine_test

import (
	"math/rand/v2"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
)

// BenchmarkStep is a step that decodes a token of each of 64 requests with a
// model of next to no size: what the engine does around it.
func BenchmarkStep(b *testing.B) {
	back := cpu.New(1)
	defer back.Close()
	m, err := model.Load("model/testdata/llama", back, model.LoadOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	e, err := engine.Start(m, tinyTokenizer(b), engine.Options{Blocks: 2048, MaxSequences: 64})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	r := rand.New(rand.NewPCG(1, 1))
	ids := make([]int32, 40)
	b.ReportAllocs()
	b.ResetTimer()
	for e.Stats().Steps < uint64(b.N) {
		p := greedy(200)
		p.Detokenize = false
		for i := range ids {
			ids[i] = r.Int32N(320)
		}
		h, err := e.Add(b.Context(), engine.Request{Prompt: ids, Params: p})
		if err != nil {
			b.Fatal(err)
		}
		for s := e.Stats(); s.Running+s.Waiting >= 64 && s.Steps < uint64(b.N); s = e.Stats() {
			if _, err := h.Next(b.Context()); err != nil {
				break
			}
		}
	}
}
