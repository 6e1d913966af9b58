package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"

	"vitrine/engine/backend"
	"vitrine/engine/kvcache"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
	"vitrine/engine/structured"
	"vitrine/engine/tokenizer"
)

// Engine runs requests on a model. One goroutine owns its state: requests come
// in by a channel and events go out through mailboxes and a copy of the
// figures, so nothing inside is locked.
type Engine struct {
	model     *model.Model
	tokenizer *tokenizer.Tokenizer
	observer  Observer
	log       *slog.Logger
	eos       []int32
	slotBytes int // see PoolInfo
	windows   []windowed
	turn      sync.Locker // nil if the model is the engine's alone

	calls    chan func()
	quit     chan struct{}
	quitOnce sync.Once
	done     chan struct{}
	drained  signal // a reader who was too slow has read

	// Owned by the goroutine of loop.
	options   Options
	pool      *kvcache.Pool
	evictions uint64 // of the pools before this one
	kv        backend.KVCache
	sampler   *sampler.Sampler
	drawing   drawing // of several sequences at once
	panicked  *Panic  // the last one
	ended     error   // a panic after which nothing can be trusted any more, see Panic
	sequences map[uint32]*sequence
	running   []*sequence // admitted, in order
	waiting   []*sequence // the head of the queue first
	batch     int         // sequences that the static batch began with
	lastID    uint32
	steps     uint64
	allowed   int // steps until the engine stands still; negative means no bound
	step      stepBuffers
	stats     Stats
	states    [unannounced + 1]int // sequences in each state
	// prefixEvents are those that the observer has not been told of.
	prefixEvents []PrefixEvent

	// published is what others may see at any time.
	published struct {
		sync.Mutex
		stats   Stats
		options Options
	}

	compiler struct { // of constraints
		once sync.Once
		*structured.Compiler
	}
}

// Start starts an engine on a model, which belongs to it until Close, or to
// those engines that share its Options.Turn.
func Start(m *model.Model, t *tokenizer.Tokenizer, o Options) (*Engine, error) {
	o, err := o.withDefaults(m.Config().Context)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		model: m, tokenizer: t, eos: t.EOSIDs(), turn: o.Turn, allowed: -1,
		calls: make(chan func()), quit: make(chan struct{}), done: make(chan struct{}), drained: newSignal(),
		sampler: sampler.New(m.Config().Vocab), sequences: map[uint32]*sequence{}, log: o.Log,
	}
	if o.Observer != nil {
		e.observer = e.guarded(*o.Observer)
	}
	if err := e.makeMemory(o); err != nil {
		return nil, err
	}
	e.slotBytes = e.kv.SlotBytes()
	config := m.Config()
	e.windows = windows(&config)
	e.publish()
	go e.loop()
	return e, nil
}

// Model is the engine's model. Its numbers may be read; it computes for the
// engine alone.
func (e *Engine) Model() *model.Model { return e.model }

// Tokenizer is the model's tokenizer.
func (e *Engine) Tokenizer() *tokenizer.Tokenizer { return e.tokenizer }

// PoolInfo is the size of the pool of KV blocks.
type PoolInfo struct {
	Blocks    int
	BlockSize int // tokens a block
	SlotBytes int // bytes that one token's keys and values take over all layers
}

// Pool tells the size of the pool of KV blocks.
func (e *Engine) Pool() PoolInfo {
	o := e.Options()
	return PoolInfo{o.Blocks, o.BlockSize, e.slotBytes}
}

// Close aborts what runs and ends the engine. The model and its backend stay
// open.
func (e *Engine) Close() error {
	e.quitOnce.Do(func() { close(e.quit) })
	<-e.done
	return nil
}

// Request asks for the continuation of a prompt.
type Request struct {
	Prompt []int32
	Params sampler.Params
	// Paused: compute the prompt and stop before the first token is drawn.
	Paused bool
	// Hold keeps the sequence and its blocks after the end, so that it can be
	// looked at, rewound and continued, until Release. Without it a request
	// that finishes is released. It goes with Params.N 1 only.
	Hold  bool
	Watch Watch
	// Priority orders requests under the policy [Priority]: the least runs
	// first. Default 0.
	Priority int
	// CacheSalt, if not empty, keeps what this request computes from others:
	// only requests with the same salt find its blocks in the prefix cache, so
	// that nobody learns from the time his own prompt takes what others asked.
	CacheSalt string
	// Structured, if not nil, is what the answer has to be: a JSON value of a schema,
	// for one. It is compiled for the engine's model, see [Engine.Structured].
	Structured *structured.Constraint
}

// Add takes in a request. A *RequestError or *sampler.ParamError names the
// field that is wrong; a prompt that can never fit is refused here.
func (e *Engine) Add(ctx context.Context, r Request) (*Handle, error) {
	handles, err := e.AddAll(ctx, []Request{r}, 0)
	if err != nil {
		return nil, err
	}
	return handles[0], nil
}

// AddAll takes in requests that belong together, all of them between the same
// two steps, or none. If maxWaiting is not 0 and more than that many would wait
// then, they get a *QueueFullError. See [Engine.Add] for what else is refused.
func (e *Engine) AddAll(ctx context.Context, requests []Request, maxWaiting int) ([]*Handle, error) {
	requests = slices.Clone(requests) // what is checked is also completed
	handles := make([]*Handle, 0, len(requests))
	err := e.do(ctx, func() error {
		for i := range requests {
			if err := e.check(&requests[i]); err != nil {
				return err
			}
		}
		if waiting := e.queued(); maxWaiting > 0 && waiting+len(requests) > maxWaiting {
			return &QueueFullError{Waiting: waiting, Max: maxWaiting}
		}
		return e.takeIn(func() error {
			for i := range requests {
				handles = append(handles, e.take(&requests[i]))
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return handles, nil
}

// check says what is wrong with a request, and fills in what the engine knows.
func (e *Engine) check(r *Request) error {
	if len(r.Prompt) == 0 {
		return &RequestError{"prompt", "is empty, want at least one token"}
	}
	if err := e.checkTokens(r.Prompt, 0); err != nil {
		return err
	}
	if err := e.prepare(&r.Params); err != nil {
		return err
	}
	if r.Hold && r.Params.N > 1 {
		return &RequestError{"n", fmt.Sprintf("is %d, want 1 for a request that is held: its outputs could not be told apart when it goes on", r.Params.N)}
	}
	if err := e.checkScores(r); err != nil {
		return err
	}
	return e.checkStructured(r)
}

// take puts a request that was checked into the queue.
func (e *Engine) take(r *Request) *Handle {
	if !r.Params.HasSeed {
		r.Params.Seed = rand.Uint64()
	}
	s := e.newSequence(&sequence{
		tokens: slices.Clone(r.Prompt), params: r.Params, watch: r.Watch, hold: r.Hold, priority: r.Priority,
		steps: -1, turns: []turn{{start: len(r.Prompt), limitFrom: len(r.Prompt)}}, group: newGroup(r.Params.N, newMailbox(e.options.MaxUnread, e.drained)),
		grammar: newGrammar(r.Structured),
	})
	s.table.Salt = r.CacheSalt
	if r.Paused {
		s.steps = 0
	}
	if r.Params.HasPromptLogProbs {
		s.scores = len(r.Prompt)
	}
	e.enqueue(s)
	return &Handle{e, s}
}

// newSequence gives a sequence its number and takes it in.
func (e *Engine) newSequence(s *sequence) *sequence {
	e.lastID++
	s.id, s.table.Owner, s.state = e.lastID, e.lastID, unannounced
	s.out = newOutput(e.tokenizer, &s.params)
	s.index = len(s.outputs)
	s.outputs = append(s.outputs, s)
	e.sequences[s.id] = s
	e.states[s.state]++
	if e.observer.Request != nil {
		e.observer.Request(RequestInfo{
			Request: s.id, First: s.outputs[0].id, Index: s.index,
			Prompt: s.turns[0].start, MaxTokens: s.params.MaxTokens, Priority: s.priority, Beam: s.beam != nil,
		})
	}
	return s
}

// MaxModelLen is the most tokens that a sequence may have, prompt and answer: what
// the model was made for or what was asked for, or what the pool can hold.
func (e *Engine) MaxModelLen() int {
	o := e.Options()
	return o.longest(e.model.Config().Context)
}

// contextLimit is MaxModelLen on the engine's goroutine.
func (e *Engine) contextLimit() int { return e.options.longest(e.model.Config().Context) }

// checkTokens refuses given tokens that are not in the vocabulary or that,
// with have tokens before them, leave no room for an answer.
func (e *Engine) checkTokens(tokens []int32, have int) error {
	if n := have + len(tokens); n >= e.contextLimit() {
		return &RequestError{"prompt", fmt.Sprintf("is %d tokens long, want fewer than the context of %d", n, e.contextLimit())}
	}
	vocab := e.model.Config().Vocab
	for i, id := range tokens {
		if id < 0 || int(id) >= vocab {
			return &RequestError{"prompt", fmt.Sprintf("has token %d at %d, want 0 to %d", id, i, vocab-1)}
		}
	}
	return nil
}

// prepare validates parameters and fills in what the engine knows.
func (e *Engine) prepare(p *sampler.Params) error {
	p.EOSTokenIDs = e.eos
	return p.Validate(e.model.Config().Vocab)
}

// do runs f on the engine's goroutine, between two steps, and returns its error.
func (e *Engine) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case e.calls <- func() {
		var err error
		e.inTurn(func() bool {
			err = e.guard("a call", f)
			return true
		})
		e.publish()
		result <- err
	}:
		return <-result
	case <-e.done:
		return e.whyClosed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// whyClosed is [ErrClosed], with the panic that has ended the engine, if one has. It is
// there when the engine is done.
func (e *Engine) whyClosed() error {
	if e.ended != nil {
		return fmt.Errorf("%w by an %w", ErrClosed, e.ended)
	}
	return ErrClosed
}

// loop owns the engine's state: calls from outside, then a step, again and again.
func (e *Engine) loop() {
	defer close(e.done)
	defer func() {
		for _, s := range e.sequences {
			s.box.close(e.whyClosed())
		}
	}()
	for e.ended == nil {
		if e.allowed != 0 && e.inTurn(e.stepGuarded) {
			e.publish()
			if !e.listen() {
				return
			}
			continue
		}
		select {
		case <-e.quit:
			return
		case call := <-e.calls:
			call()
		case <-e.drained:
		}
	}
}

// listen carries out what was asked during a step, before the next one: who
// comes together is computed together. It says whether the engine goes on.
func (e *Engine) listen() bool {
	const most = 256 // so that who asks without end does not hold up the others
	for range most {
		if e.ended != nil {
			return false
		}
		select {
		case <-e.quit:
			return false
		case call := <-e.calls:
			call()
		default:
			return true
		}
	}
	return true
}

// inTurn runs f while no other engine that shares the model computes.
func (e *Engine) inTurn(f func() bool) bool {
	if e.turn == nil {
		return f()
	}
	e.turn.Lock()
	defer e.turn.Unlock()
	return f()
}

// enqueue lets a sequence run, or wait for its turn to.
func (e *Engine) enqueue(s *sequence) {
	s.aside, s.asked = false, true
	if s.computed >= len(s.tokens) {
		s.computed = len(s.tokens) - 1 // the next draw needs the last token's logits
	}
	switch {
	case slices.Contains(e.running, s):
		e.setState(s, e.busy(s), "")
	case slices.Contains(e.waiting, s):
	default:
		e.waiting = append(e.waiting, s)
		e.setState(s, Waiting, "")
	}
}

// queued is the number of requests in the queue. All beams of a search stand in it between
// two steps; those that have begun do not count.
func (e *Engine) queued() (n int) {
	for _, s := range e.waiting {
		if !s.beam.begun() {
			n++
		}
	}
	return n
}

// busy is the state of a sequence that runs.
func (e *Engine) busy(s *sequence) State {
	answers := len(s.tokens) > s.turn().start
	if len(s.tokens)-s.computed > 1 && !(answers && e.options.Memory == NoCache) {
		return Prefill
	}
	return Running
}

// park takes a sequence out of the queues; it keeps its blocks.
func (e *Engine) park(s *sequence, to State) { e.parkBecause(s, to, "") }

func (e *Engine) parkBecause(s *sequence, to State, reason string) {
	is := func(other *sequence) bool { return other == s }
	e.running = slices.DeleteFunc(e.running, is)
	e.waiting = slices.DeleteFunc(e.waiting, is)
	e.setState(s, to, reason)
}

// finish ends a sequence's answer, and releases it if nobody holds it. If its
// prompt was not computed yet, the outputs that were to be forked off from it
// end with it.
func (e *Engine) finish(s *sequence, how State, reason string) {
	e.parkBecause(s, how, reason)
	for ; s.forks > 0; s.forks-- {
		s.box.put(Event{Kind: EventState, Index: s.n - s.forks, State: how, Reason: reason})
	}
	if !s.hold {
		e.forget(s)
	}
	if how == FinishedAborted {
		e.beamAborted(s, reason)
	}
}

// forget frees what a sequence holds, and closes the request's mailbox after
// the last one.
func (e *Engine) forget(s *sequence) {
	if e.sequences[s.id] == s {
		delete(e.sequences, s.id)
		e.states[s.state]--
	}
	if !e.holds(s.group) {
		s.box.close(ErrReleased)
	}
	e.pool.Release(&s.table)
}

func (e *Engine) setState(s *sequence, to State, reason string) {
	if s.state == to {
		return
	}
	e.states[s.state]--
	e.states[to]++
	s.state = to
	switch {
	case to == Preempted:
		e.stats.Preemptions++
	case to.Finished() && s.asked:
		e.stats.Finished.count(to)
		s.asked = false
	}
	s.tell(Event{Kind: EventState, State: to, Reason: reason})
	if e.observer.State != nil {
		e.observer.State(StateInfo{s.id, to, reason})
	}
}
