package engine

import (
	"errors"
	"fmt"
	"slices"

	"vitrine/engine/backend"
	"vitrine/engine/kvcache"
	"vitrine/engine/sampler"
)

// Panic is a mistake of the program that was met while something was computed. Whom it ends
// depends on what was done:
//
//   - Something for one request (its drafts, its prompt looked up in the prefix cache, its
//     draw, the copy of a block that it writes to): all of its outputs that have not finished
//     end aborted, or the beam search that it is of. Scores of a prompt end the output
//     that computes them and those that were to be forked off from it, which are all there are.
//   - The model, which computes a step's sequences together: the outputs in the step end, as they
//     do when a device fails. An output of the same request that waits goes on.
//   - A call: it returns the panic, and the unfinished outputs of the request that it is about
//     end. Requests that it was to take in are not taken in. A call about no request ends
//     none.
//   - An observer: nobody, see [Observer]. The engine goes on as if it had returned.
//   - All else in a step, which the requests have in common, such as the scheduler: all who
//     run or wait.
//
// The stack is logged, see Options.Log. After each panic but an observer's the pool's books are proven
// ([kvcache.Pool.Check]); where they are not right any more, all who run or wait end too,
// and an empty pool takes the place of the old one: paused and held requests stay,
// and are computed again when they go on. If not even that can be done, the engine is
// closed, and every request and call is told why.
type Panic = backend.Panic

// guard runs f, which does something, and makes an error of its panic. It logs the stack, also
// of a panic that a backend has made an error of.
func (e *Engine) guard(something string, f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = backend.Recovered(value)
		}
		if p := panicIn(err); p != nil && p != e.panicked {
			e.recover(p)
			err = fmt.Errorf("internal error: %s: %w", something, err)
			e.log.Error("a panic was kept from ending the engine", "in", something, "panic", p.Value, "stack", string(p.Stack))
		}
	}()
	return f()
}

// panicIn is the panic that an error is about, nil if it is about none.
func panicIn(err error) *Panic {
	if err == nil {
		return nil
	}
	var p *Panic // in the heap: not for every step that goes well
	errors.As(err, &p)
	return p
}

// recover throws away what a panic may have left half done beside the request that
// met it: the samplers' working memory, and operations that a backend has noted and
// would do together with the next step's. It mends the pool of blocks first.
func (e *Engine) recover(p *Panic) {
	e.panicked = p
	e.mend(p)
	e.sampler, e.drawing.samplers = sampler.New(e.model.Config().Vocab), nil
	defer func() {
		if value := recover(); value != nil {
			e.log.Error("a backend panics while it is cleared", "panic", value, "stack", string(backend.Recovered(value).Stack))
		}
	}()
	_ = e.model.Backend().Sync() // what it tells belongs to what has failed already
}

// stepGuarded is stepOnce. What ends no single request ends all that run or wait.
func (e *Engine) stepGuarded() (did bool) {
	err := e.guard("a step", func() error {
		did = e.stepOnce()
		return nil
	})
	if err != nil {
		did = true
		if e.ended == nil {
			e.failAll(err)
		}
	}
	return did
}

// failAll ends all requests that run or wait, or the engine if that panics too.
func (e *Engine) failAll(err error) {
	defer func() {
		if value := recover(); value != nil {
			e.end(err, value)
		}
	}()
	e.step.failures = nil
	for len(e.running)+len(e.waiting) > 0 {
		e.finish(slices.Concat(e.running, e.waiting)[0], FinishedAborted, err.Error())
	}
}

// end has the engine close itself, after a panic that another one kept from being mended.
func (e *Engine) end(err error, other any) {
	e.ended = err
	e.log.Error("a panic ends the engine", "error", err, "panic", other, "stack", string(backend.Recovered(other).Stack))
}

// mend proves the pool's books after a panic, and begins new ones if they are not right.
func (e *Engine) mend(p *Panic) {
	found := e.checkPool()
	if found == nil {
		return
	}
	e.log.Error("a panic has left the pool of blocks half done: it begins anew", "found", found)
	err := fmt.Errorf("internal error: %w", p)
	defer func() {
		if value := recover(); value != nil {
			e.end(err, value)
		}
	}()
	if other := e.renewPool(); other != nil {
		e.end(err, other)
		return
	}
	e.failAll(err)
}

// checkPool proves that the pool and the sequences' tables agree.
func (e *Engine) checkPool() (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = backend.Recovered(value) // so wrong that it cannot even be looked at
		}
	}()
	tables := make([]*kvcache.Table, 0, len(e.sequences))
	for _, s := range e.sequences {
		tables = append(tables, &s.table)
	}
	return e.pool.Check(tables)
}

// renewPool gives the engine an empty pool, and tells the observer of its blocks.
// No sequence has any of them.
func (e *Engine) renewPool() error {
	pool, err := e.newPool(&e.options)
	if err != nil {
		return err
	}
	e.usePool(pool)
	for _, s := range e.sequences {
		s.table, s.computed = kvcache.Table{Owner: s.id, Salt: s.table.Salt}, 0
	}
	pool.Reset() // which tells that nothing is cached any more
	for b := range e.options.Blocks {
		if info, ok := pool.Info(int32(b)); ok && e.observer.Block != nil {
			e.observer.Block(info)
		}
	}
	return nil
}

// takeIn runs f, which takes sequences in. If it fails, be it by a panic, none of them stays.
func (e *Engine) takeIn(f func() error) error {
	before := e.lastID
	err := e.guard("taking a request in", f)
	if err == nil {
		return nil
	}
	for id := before; id != e.lastID; {
		id++
		if s := e.sequences[id]; s != nil {
			s.asked, s.forks = false, 0 // it never came in
			e.finish(s, FinishedAborted, "")
			e.forget(s)
		}
	}
	return err
}

// guardRequest runs f for a request, and ends the request if it panics.
func (e *Engine) guardRequest(s *sequence, something string, f func() error) error {
	err := e.guard(something, f)
	if panicIn(err) != nil {
		e.failRequest(s, err)
	}
	return err
}

// failRequest ends a request, all outputs of it, or the search that it is a beam of.
func (e *Engine) failRequest(s *sequence, err error) {
	if s.beam != nil {
		search := s.beam.search
		for _, o := range e.sequences { // those too that were forked off and not yet taken in
			if o.beam != nil && o.beam.search == search {
				search.live = append(search.live, o) // some twice: to be released all
			}
		}
		e.endSearch(search, fmt.Errorf("engine: beam search: %w", err))
		return
	}
	for _, o := range s.unfinished() {
		e.finish(o, FinishedAborted, err.Error())
	}
}

// guarded are the functions of an observer, of which none ends the engine when it
// panics: who watches must not harm whom he watches.
func (e *Engine) guarded(o Observer) Observer {
	return Observer{
		Request: guardObserver(e, "Request", o.Request), State: guardObserver(e, "State", o.State), Block: guardObserver(e, "Block", o.Block),
		Step: guardObserver(e, "Step", o.Step), Plan: guardObserver(e, "Plan", o.Plan), Prefix: guardObserver(e, "Prefix", o.Prefix),
		AllReduce: guardObserver(e, "AllReduce", o.AllReduce),
	}
}

func guardObserver[T any](e *Engine, name string, f func(T)) func(T) {
	if f == nil {
		return nil
	}
	return func(info T) {
		defer func() {
			if value := recover(); value != nil {
				e.log.Error("an observer panics", "function", name, "panic", value, "stack", string(backend.Recovered(value).Stack))
			}
		}()
		f(info)
	}
}
