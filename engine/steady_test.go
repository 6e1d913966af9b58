package engine_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
)

// A step in which requests draw takes no memory, once there is room: neither the plan,
// nor the batch, the blocks, the prefix cache or the sampler. What a request
// is made of grows with it, by doubling, and is all that is allowed here: its tokens,
// blocks, hashes and unread events.
func TestStepDoesNotAllocate(t *testing.T) {
	for _, requests := range []int{1, 16} {
		for name, change := range map[string]func(o *engine.Options, p *sampler.Params){
			"greedy":            func(*engine.Options, *sampler.Params) {},
			"sampled":           func(_ *engine.Options, p *sampler.Params) { p.Temperature, p.TopK, p.TopP = 0.8, 50, 0.9 },
			"with penalties":    func(_ *engine.Options, p *sampler.Params) { p.RepetitionPenalty, p.FrequencyPenalty = 1.2, 0.3 },
			"no prefix caching": func(o *engine.Options, _ *sampler.Params) { o.DisablePrefixCaching = true },
			"priority":          func(o *engine.Options, _ *sampler.Params) { o.Policy = engine.Priority },
			"static":            func(o *engine.Options, _ *sampler.Params) { o.Policy = engine.StaticBatching },
			"contiguous":        func(o *engine.Options, _ *sampler.Params) { o.Memory = engine.Contiguous },
		} {
			t.Run(fmt.Sprintf("%d/%s", requests, name), func(t *testing.T) {
				testStepDoesNotAllocate(t, requests, change)
			})
		}
	}
}

func testStepDoesNotAllocate(t *testing.T, requests int, change func(o *engine.Options, p *sampler.Params)) {
	b := cpu.New(2)
	t.Cleanup(func() { b.Close() })
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	p := greedy(1000)
	p.Detokenize = false // the text of a token is its reader's
	o := engine.Options{Blocks: 1024, MaxSequences: requests}
	change(&o, &p)
	e := start(t, m, tinyTokenizer(t), o)
	if err := e.AllowSteps(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(61, 62))
	for range requests {
		prompt := make([]int32, 20)
		for i := range prompt {
			prompt[i] = r.Int32N(256)
		}
		add(t, e, engine.Request{Prompt: prompt, Params: p})
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
	if most := asking + uint64(4*requests) + runtimes; got > most {
		t.Errorf("%d steps of %d requests allocate %d times, want at most %d: no more than each request's growth", steps, requests, got, most)
	}
}
