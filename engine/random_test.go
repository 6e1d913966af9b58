package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/kvcache"
)

// client reads one request in the background and remembers what it was told.
type client struct {
	request engine.Request
	handle  *engine.Handle
	fork    bool // it began in the midst of another's answer, see forkClient
	changed bool // rewound or given other tokens: its answer is its own
	broken  bool // its work panics from now on
	done    chan struct{}

	mu      sync.Mutex
	tokens  [][]int32 // of each output
	ends    []engine.State
	failure string // of a panic: what the reader was told
	err     error
}

func newClient(r engine.Request, h *engine.Handle) *client {
	c := &client{request: r, handle: h, done: make(chan struct{}), tokens: make([][]int32, r.Params.N), ends: make([]engine.State, r.Params.N)}
	go c.read()
	return c
}

func (c *client) read() {
	defer close(c.done)
	for {
		ev, err := c.handle.Next(context.Background())
		c.mu.Lock()
		switch {
		case errors.Is(err, engine.ErrReleased):
			c.mu.Unlock()
			return
		case err != nil:
			c.err = err
			c.mu.Unlock()
			return
		case ev.Kind == engine.EventToken:
			if at := len(c.request.Prompt) + len(c.tokens[ev.Index]); ev.Pos != at && !c.changed {
				c.err = fmt.Errorf("output %d got a token for position %d, want %d", ev.Index, ev.Pos, at)
			}
			c.tokens[ev.Index] = append(c.tokens[ev.Index], ev.Token)
		case ev.Kind == engine.EventState:
			c.ends[ev.Index] = ev.State
			if strings.Contains(ev.Reason, "panic: ") {
				c.failure = ev.Reason
			}
		}
		c.mu.Unlock()
	}
}

// forkClient reads a fork of the request that c reads. What it draws from where it
// stands on is what a request draws whose prompt ends there.
func forkClient(ctx context.Context, c *client, fork *engine.Handle) (*client, error) {
	s, err := fork.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	q := c.request
	q.Prompt, q.Params, q.Hold = s.Tokens, s.Params, true
	f := newClient(q, fork)
	f.fork, f.broken = true, c.broken // what is broken is copied
	return f, nil
}

// beamClient is a beam search in the background.
type beamClient struct {
	request engine.BeamRequest
	giveUp  context.CancelFunc
	done    chan struct{}
	beams   []engine.Beam
	err     error
}

func newBeamClient(ctx context.Context, e *engine.Engine, q engine.BeamRequest) *beamClient {
	s := &beamClient{request: q, done: make(chan struct{})}
	ctx, s.giveUp = context.WithCancel(ctx)
	go func() {
		defer close(s.done)
		s.beams, s.err = e.BeamSearch(ctx, q)
	}()
	return s
}

func (s *beamClient) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Ten thousand random operations on small pools keep the books right after
// each of them and after each step, and what is answered is what an engine
// without any of it answers: no token is lost, repeated or another.
func TestRandomOperations(t *testing.T) {
	operations := 2000
	if testing.Short() {
		operations = 300
	}
	lookup := engine.PromptLookup{Tokens: 3}
	for i, o := range []engine.Options{
		{BlockSize: 4, Blocks: 64, MaxBatchTokens: 24, PromptLookup: lookup},
		{BlockSize: 3, Blocks: 48, MaxBatchTokens: 16, Policy: engine.Priority},
		{BlockSize: 8, Blocks: 40, Memory: engine.Contiguous, PromptLookup: lookup, MaxSequences: 6},
		{BlockSize: 4, Blocks: 64, Policy: engine.StaticBatching, MaxSequences: 4, PromptLookup: lookup},
		{BlockSize: 1, Blocks: 150, Memory: engine.NoCache, Policy: engine.OneAtATime},
	} {
		t.Run(fmt.Sprintf("%v %v", o.Policy, o.Memory), func(t *testing.T) {
			t.Parallel()
			randomOperations(t, o, operations, uint64(i))
		})
	}
}

func randomOperations(t *testing.T, o engine.Options, operations int, seed uint64) {
	var e *engine.Engine
	var wrong atomic.Pointer[error]
	var forks, shared, copied atomic.Int64
	hashed, known := map[int32]bool{}, map[kvcache.Hash]bool{} // the engine's, or between two calls
	o.Observer = &engine.Observer{
		Plan: func(engine.PlanInfo) {
			if err := e.CheckNow(); err != nil {
				wrong.CompareAndSwap(nil, &err)
			}
		},
		Request: func(q engine.RequestInfo) {
			if q.Index > 0 {
				forks.Add(1)
			}
		},
		Block: func(b engine.BlockInfo) {
			if b.Refs > 1 {
				shared.Add(1)
			}
			if b.Cause == kvcache.Copied {
				copied.Add(1)
			}
			if b.Hashed {
				hashed[b.Block] = true
			} else {
				delete(hashed, b.Block)
			}
		},
		Prefix: func(events []engine.PrefixEvent) {
			for _, event := range events {
				switch event.Kind {
				case kvcache.BlockStored:
					known[event.Hash] = true
				case kvcache.BlockRemoved:
					delete(known, event.Hash)
				case kvcache.AllBlocksCleared:
					clear(known)
				}
			}
			if len(known) != len(hashed) {
				err := fmt.Errorf("%d blocks are known by what was stored and removed, want %d", len(known), len(hashed))
				wrong.CompareAndSwap(nil, &err)
			}
		},
	}
	log, logger := newLog()
	o.Log = logger
	e = tiny(t, cpu.New(1), o)
	r := rand.New(rand.NewPCG(seed, 2))
	ctx := t.Context()
	systems := [][]int32{prompt(r, 16), prompt(r, 21)}
	salts := []string{"", "", "one", "two"}
	var clients, live []*client
	var searches []*beamClient
	counts := map[string]int{}

	request := func() engine.Request {
		q := engine.Request{
			Prompt: prompt(r, 1+r.IntN(20)), Params: greedy(1 + r.IntN(24)),
			Paused: r.IntN(6) == 0, Hold: r.IntN(4) == 0, Priority: r.IntN(3), CacheSalt: salts[r.IntN(4)],
		}
		if r.IntN(2) == 0 {
			q.Prompt = append(slices.Clone(systems[r.IntN(2)]), q.Prompt[:min(len(q.Prompt), 8)]...)
		}
		q.Params.Seed, q.Params.HasSeed = r.Uint64(), true
		if r.IntN(2) == 0 {
			q.Params.Temperature = 0.8
			if !q.Hold {
				q.Params.N = 1 + r.IntN(3)
			}
		}
		q.Watch.Attention = r.IntN(10) == 0
		return q
	}
	operate := func(c *client) (string, error) {
		h, single := c.handle, c.request.Params.N == 1
		s, err := h.Snapshot(ctx)
		if err != nil {
			return "snapshot", err
		}
		switch k := r.IntN(21); {
		case k < 4:
			return "pause", h.Pause()
		case k < 11:
			return "resume", h.Resume()
		case k < 14:
			return "step", h.Step(1 + r.IntN(3))
		case k == 14 && single:
			c.mu.Lock()
			c.changed = true
			c.mu.Unlock()
			return "rewind", h.Rewind(1 + r.IntN(len(s.Tokens)))
		case k == 15 && single:
			c.mu.Lock()
			c.changed = true
			c.mu.Unlock()
			return "append", h.Append(prompt(r, 1+r.IntN(3)), r.IntN(2) == 0)
		case k >= 16 && k < 20 && r.IntN(12) == 0: // a mistake in the program, which ends this one alone
			c.mu.Lock()
			c.broken = true
			c.mu.Unlock()
			return "panic", e.Break(h.ID(), "sampling")
		case k == 16 && single:
			from := r.IntN(len(s.Tokens))
			_, err := h.Probe(ctx, engine.Probe{From: from, Count: 1 + r.IntN(len(s.Tokens)-from), Logits: true})
			return "probe", err
		case k == 19 && single && r.IntN(2) == 0:
			switch r.IntN(6) {
			case 0:
				return "set aside", h.SetAside()
			case 1:
				return "take up", h.TakeUp()
			}
			fork, err := h.Fork()
			if err != nil {
				return "fork a request", err
			}
			f, err := forkClient(ctx, c, fork)
			if err != nil {
				return "fork a request", err
			}
			clients, live = append(clients, f), append(live, f)
			if r.IntN(4) > 0 {
				err = fork.Resume() // it has something to say
			}
			return "fork a request", err
		case k == 17:
			return "abort", h.Abort()
		case k == 18:
			return "release", h.Release()
		}
		return "watch", h.SetWatch(engine.Watch{Attention: r.IntN(2) == 0})
	}
	for range operations {
		name, err := "add", error(nil)
		var about *client // whose request the operation is about; nil if it is about none
		switch k := r.IntN(10); {
		case k < 3 && len(live) < 24 || len(live) == 0:
			q := request()
			var h *engine.Handle
			if h, err = e.Add(ctx, q); err == nil {
				c := newClient(q, h)
				clients, live = append(clients, c), append(live, c)
			}
		case k == 3:
			name = "hold the engine"
			err = e.AllowSteps(ctx, r.IntN(4)-1)
		case k == 4 && r.IntN(20) == 0:
			name = "reset the cache"
			err = e.ResetPrefixCache(ctx)
		case k == 4 && r.IntN(4) == 0:
			if last := len(searches) - 1; last >= 0 && !searches[last].ended() && r.IntN(2) == 0 {
				name = "give a search up"
				if searches[last].giveUp(); r.IntN(2) == 0 {
					<-searches[last].done
				}
				break
			}
			name = "search beams"
			searches = append(searches, newBeamClient(ctx, e, engine.BeamRequest{
				Prompt: append(slices.Clone(systems[r.IntN(2)]), prompt(r, r.IntN(4))...), Width: 1 + r.IntN(4), MaxTokens: 1 + r.IntN(8),
				LengthPenalty: 1, IgnoreEOS: true, Priority: r.IntN(3), CacheSalt: salts[r.IntN(4)],
			}))
		default:
			i := r.IntN(len(live))
			about = live[i]
			name, err = operate(about)
			if errors.Is(err, engine.ErrReleased) && name == "panic" {
				err = nil // what is to panic is the first output, and others may go on
			}
			if errors.Is(err, engine.ErrReleased) {
				name, live, err = "find it released", slices.Delete(live, i, i+1), nil
			}
		}
		var refused *engine.RequestError // of what can only be said when it is too late
		var panicked *engine.Panic       // of a call about a broken request
		switch {
		case errors.As(err, &panicked) && about != nil && about.broken:
		case errors.As(err, &refused), name == "probe" && errors.Is(err, kvcache.ErrNoFreeBlocks):
		case err != nil:
			t.Fatalf("%s: %v", name, err)
		default:
			counts[name]++
		}
		if _, err := e.CheckPool(); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		if err := wrong.Load(); err != nil {
			t.Fatalf("after a step, before or during %s: %v", name, *err)
		}
	}
	// All go to their ends.
	if err := e.AllowSteps(ctx, -1); err != nil {
		t.Fatal(err)
	}
	for _, c := range live {
		if c.request.Hold || c.changed {
			err := c.handle.Release()
			if err != nil && !errors.Is(err, engine.ErrReleased) {
				t.Fatal(err)
			}
		} else if err := c.handle.Resume(); err != nil && !errors.Is(err, engine.ErrReleased) {
			t.Fatal(err)
		}
	}
	for _, c := range clients {
		<-c.done
	}
	for _, s := range searches {
		<-s.done
	}
	s := idle(t, e)
	if s.HeldBlocks != 0 || s.Paused != 0 {
		t.Errorf("all have finished: %+v", s)
	}
	t.Logf("%v, %d forks, %d blocks shared, %d copied; %+v", counts, forks.Load(), shared.Load(), copied.Load(), s)
	counts["follow a fork"] = compare(t, clients)
	counts["see a search through"] = compareSearches(t, searches)

	counts["fork"], counts["preempt"] = int(forks.Load()), int(s.Preemptions)
	if operations >= 1000 { // else chance has too much of a part
		for name, each := range oftenEnough {
			if o.Policy == engine.OneAtATime && (name == "preempt" || name == "follow a fork") {
				continue // where one runs there is nobody to take memory from him, and forks come to an end rarely
			}
			if least := operations / each; counts[name] < least {
				t.Errorf("%s: %d times in %d operations, want at least %d", name, counts[name], operations, least)
			}
		}
	}
	if o.Memory == engine.Paged && (shared.Load() == 0 || copied.Load() == 0) {
		t.Errorf("%d blocks were shared and %d copied, want some", shared.Load(), copied.Load())
	}
	if n := counts["panic"]; operations >= 1000 && (n < operations/400 || strings.Count(log.String(), "a panic was kept") < n/4) {
		t.Errorf("%d requests were broken, and %d panics are logged", n, strings.Count(log.String(), "a panic was kept"))
	}
	if s.Finished.Abort < uint64(counts["abort"]) {
		t.Errorf("%d outputs were aborted, of %d that were told to", s.Finished.Abort, counts["abort"])
	}
}

// oftenEnough says of how many operations one at least has to have been, or led to, each of these:
// a third of what is usual. Otherwise the books would be right because nothing happens.
var oftenEnough = map[string]int{
	"add": 20, "pause": 20, "resume": 10, "step": 25, "abort": 80, "release": 80, "watch": 80, "hold the engine": 25,
	"rewind": 130, "append": 130, "probe": 150, "fork": 150, "fork a request": 500, "follow a fork": 4000, "preempt": 150,
	"search beams": 200, "see a search through": 400, "give a search up": 600,
}

// compareSearches holds what beam searches found against an engine that does nothing
// else, and counts those that nobody gave up.
func compareSearches(t *testing.T, searches []*beamClient) (whole int) {
	t.Helper()
	plain := tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true})
	for i, s := range searches {
		if errors.Is(s.err, context.Canceled) {
			continue
		}
		q := s.request
		q.Priority, q.CacheSalt = 0, ""
		want, err := plain.BeamSearch(t.Context(), q)
		if err != nil || s.err != nil || !reflect.DeepEqual(s.beams, want) {
			t.Fatalf("search %d found %+v, %v; want %+v, %v", i, s.beams, s.err, want, err)
		}
		whole++
	}
	return whole
}

// compare holds what clients were told against an engine that does nothing but
// answer one after the other. It returns the number of forks that drew something. A
// panic may have ended the requests that were broken, and no other: what was broken
// ([engine.Engine.Break]) is met where a step's work is each request's own.
func compare(t *testing.T, clients []*client) (forks int) {
	t.Helper()
	plain := tiny(t, cpu.New(1), engine.Options{DisablePrefixCaching: true})
	whole := 0
	for i, c := range clients {
		if c.err != nil {
			t.Fatalf("request %d: %v", i, c.err)
		}
		if c.failure != "" && !c.broken {
			t.Fatalf("request %d, which nobody broke, ended with %q", i, c.failure)
		}
		if c.changed {
			continue
		}
		q := c.request
		q.Hold, q.Paused, q.Watch = false, false, engine.Watch{}
		if q.Params.N == 1 && (c.request.Hold && len(c.tokens[0]) > q.Params.MaxTokens || c.fork) {
			// It was resumed behind its end; and a fork's end is that of the other one's answer.
			q.Params.MaxTokens = max(len(c.tokens[0]), 1)
		}
		want := outputsOf(t, add(t, plain, q), q.Params.N)
		for k, got := range c.tokens {
			if len(got) > len(want[k]) || !slices.Equal(got, want[k][:len(got)]) {
				t.Fatalf("output %d of request %d was told %v, want %v", k, i, got, want[k])
			}
			switch {
			case c.fork && len(got) > 0:
				forks++
			case c.ends[k] == engine.FinishedLength && !c.fork:
				if len(got) < len(want[k]) {
					t.Fatalf("output %d of request %d finished with %d tokens, want %d", k, i, len(got), len(want[k]))
				}
				whole++
			}
		}
	}
	if whole < len(clients)/4 {
		t.Errorf("of %d requests only %d outputs came to their end", len(clients), whole)
	}
	return forks
}
