package serving

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"vitrine/engine"
)

// watcher takes in everything that an engine tells its Observer and, as a
// server does for a page, passes it on a few times a second. It is there to
// measure what being watched costs.
type watcher struct {
	mu     sync.Mutex
	events []any
}

// every is the time between two frames of a page that shows what happens.
const every = 50 * time.Millisecond

// observer tells the watcher everything, and the meter what it needs.
func (w *watcher) observer(m *meter) *engine.Observer {
	return &engine.Observer{
		Request: func(r engine.RequestInfo) { w.put(r) },
		Step:    func(s engine.StepInfo) { w.put(s) },
		State: func(s engine.StateInfo) {
			m.state(s)
			w.put(s)
		},
		Block: func(b engine.BlockInfo) {
			m.block(b)
			w.put(b)
		},
		Plan: func(p engine.PlanInfo) {
			m.plan(p)
			p.Parts = append([]engine.PlanPart(nil), p.Parts...)
			w.put(p)
		},
	}
}

func (w *watcher) put(event any) {
	w.mu.Lock()
	w.events = append(w.events, event)
	w.mu.Unlock()
}

// run passes on what came in, until the context ends.
func (w *watcher) run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	e := json.NewEncoder(io.Discard)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		w.mu.Lock()
		events := w.events
		w.events = nil
		w.mu.Unlock()
		if err := e.Encode(events); err != nil {
			return err
		}
	}
}

// watched: one of so many requests is looked at while it runs, some at a time
// as they come and go.
const watched = 32

// watch is what the page watches of the one request that it shows at a time.
var watch = engine.Watch{Attention: true, Logits: true, Timing: true, Every: 100 * time.Millisecond}
