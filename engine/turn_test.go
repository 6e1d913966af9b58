package engine_test

import (
	"slices"
	"sync"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
)

// Engines that share a model by turns draw the tokens that each would draw
// alone, whatever the others do meanwhile.
func TestEnginesTakeTurns(t *testing.T) {
	b := cpu.New(2)
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); b.Close() })
	tok := tinyTokenizer(t)
	request := func(i int) engine.Request {
		p := sampler.Defaults()
		p.MaxTokens, p.IgnoreEOS, p.Temperature = 40, true, 0
		return engine.Request{Prompt: []int32{int32(i + 1), 7, 9, int32(3 * i)}, Params: p}
	}
	answers := func(e *engine.Engine) (all [][]int32) {
		var handles []*engine.Handle
		for i := range 4 {
			h, err := e.Add(t.Context(), request(i))
			if err != nil {
				t.Error(err)
				return nil
			}
			handles = append(handles, h)
		}
		for _, h := range handles {
			all = append(all, collect(t, h).ids)
		}
		return all
	}
	alone := start(t, m, tok, engine.Options{})
	want := answers(alone)
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	turn := new(sync.Mutex)
	var group sync.WaitGroup
	for _, size := range []int{4, 16, 32} {
		e := start(t, m, tok, engine.Options{BlockSize: size, Turn: turn})
		group.Go(func() {
			if got := answers(e); !slices.EqualFunc(got, want, slices.Equal[[]int32]) {
				t.Errorf("block size %d: %v, want %v", size, got, want)
			}
		})
	}
	group.Wait()
}
