package engine_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
)

// steady is a way to serve requests whose steps are to take no memory.
type steady struct {
	options engine.Options
	params  sampler.Params
	watch   engine.Watch
	read    bool // a goroutine reads the events of each request
}

// A step in which requests draw takes no memory, once there is room: neither the plan,
// nor the batch, the blocks, the prefix cache, the sampler, the text of the tokens or its way
// to a reader. What a request is made of grows with it, by doubling, and is all that is
// allowed here: its tokens, blocks, hashes, text and unread events. Who watches gets what
// there is to see to keep, so that takes memory: of each token its attention weights
// and its logits, and of each step once for all where its time went, which is two pieces.
func TestStepDoesNotAllocate(t *testing.T) {
	for _, requests := range []int{1, 16} {
		for name, change := range map[string]func(s *steady){
			"greedy":            func(*steady) {},
			"sampled":           func(s *steady) { s.params.Temperature, s.params.TopK, s.params.TopP = 0.8, 50, 0.9 },
			"with penalties":    func(s *steady) { s.params.RepetitionPenalty, s.params.FrequencyPenalty = 1.2, 0.3 },
			"no prefix caching": func(s *steady) { s.options.DisablePrefixCaching = true },
			"priority":          func(s *steady) { s.options.Policy = engine.Priority },
			"static":            func(s *steady) { s.options.Policy = engine.StaticBatching },
			"contiguous":        func(s *steady) { s.options.Memory = engine.Contiguous },
			"text":              func(s *steady) { s.params.Detokenize = true },
			"text that is read": func(s *steady) { s.params.Detokenize, s.read = true, true },
			"sampled text with stop strings": func(s *steady) {
				s.params.Detokenize, s.params.Stop, s.params.Temperature, s.read = true, []string{"never drawn", "\n\n\n\n"}, 0.8, true
			},
			"watched": func(s *steady) {
				s.params.Detokenize, s.watch, s.read = true, engine.Watch{Attention: true, Logits: true, Timing: true}, true
			},
			"watched, now and then": func(s *steady) {
				s.params.Detokenize, s.watch, s.read = true, engine.Watch{Attention: true, Logits: true, Every: time.Hour}, true
			},
		} {
			t.Run(fmt.Sprintf("%d/%s", requests, name), func(t *testing.T) {
				testStepDoesNotAllocate(t, requests, change)
			})
		}
	}
}

func testStepDoesNotAllocate(t *testing.T, requests int, change func(s *steady)) {
	b := cpu.New(2)
	t.Cleanup(func() { b.Close() })
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s := steady{options: engine.Options{Blocks: 1024, MaxSequences: requests}, params: greedy(1000)}
	s.params.Detokenize = false
	change(&s)
	e := start(t, m, tinyTokenizer(t), s.options)
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait)
	r := rand.New(rand.NewPCG(61, 62))
	for range requests {
		prompt := make([]int32, 20)
		for i := range prompt {
			prompt[i] = r.Int32N(256)
		}
		h := add(t, e, engine.Request{Prompt: prompt, Params: s.params, Watch: s.watch})
		if s.read {
			ctx := t.Context() // it ends before the engine does
			readers.Go(func() {
				for {
					if _, err := h.Next(ctx); err != nil {
						return
					}
				}
			})
		}
	}
	// mallocs counts what n steps allocate, with what it takes to ask for them.
	mallocs := func(n int) uint64 {
		until := e.Stats().Steps + uint64(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := e.AllowSteps(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		for e.Stats().Steps < until {
			time.Sleep(100 * time.Microsecond)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	mallocs(130)
	const steps = 80
	asking := mallocs(0)
	got := mallocs(steps)
	t.Logf("%d steps: %d allocations, and %d to ask for them", steps, got, asking)
	const runtimes = 6 // own, now and then
	most := asking + uint64(4*requests) + runtimes
	if s.watch.Every == 0 && s.watch.Attention {
		most += uint64(steps * (2*requests + 2))
	}
	if got > most {
		t.Errorf("%d steps of %d requests allocate %d times, want at most %d: no more than each request's growth and what is seen", steps, requests, got, most)
	}
}
