package engine

import (
	"errors"
	"fmt"

	"vitrine/engine/backend"
	"vitrine/engine/sampler"
)

// Panic is a mistake of the program that was met while something was computed. It ends
// what met it and nothing else: a request ends aborted, a call returns it, a step's requests
// end as they do when a device fails. The stack is logged, see Options.Log.
//
// What all requests have in common is not kept apart so: the scheduler, the pool of blocks
// and the copies between blocks, and the putting together of a batch. After a mistake there
// nobody's numbers could be trusted, and the program ends.
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
// would do together with the next step's.
func (e *Engine) recover(p *Panic) {
	e.panicked = p
	e.sampler, e.drawing.samplers = sampler.New(e.model.Config().Vocab), nil
	defer func() {
		if value := recover(); value != nil {
			e.log.Error("a backend panics while it is cleared", "panic", value, "stack", string(backend.Recovered(value).Stack))
		}
	}()
	_ = e.model.Backend().Sync() // what it tells belongs to what has failed already
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
