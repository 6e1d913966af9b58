package engine

import (
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/sampler"
)

// drawn is a token that the sampler chose before its sequence's turn to be told of it.
type drawn struct {
	done   bool
	result sampler.Result
	err    error
}

// drawing is what it takes to draw for several sequences at once.
type drawing struct {
	samplers []*sampler.Sampler // one a thread of the backend that has drawn
	parts    []int              // of the step, that draw
	one      func(worker, i int)
}

// drawAhead draws the first tokens of a step on all threads of the backend, where
// it lends them and there are several that nothing but the logits and the history
// decides: each takes a look at the whole vocabulary.
func (e *Engine) drawAhead(parts []part) {
	sharer, ok := e.model.Backend().(backend.Sharer)
	if !ok {
		return
	}
	d := &e.drawing
	d.parts = d.parts[:0]
	for i := range parts {
		if p := &parts[i]; p.draws && p.seq.beam == nil && p.seq.forks == 0 && p.seq.grammar == nil && !p.seq.state.Finished() {
			d.parts = append(d.parts, i)
		}
	}
	if len(d.parts) < 2 {
		return
	}
	if d.samplers == nil {
		d.samplers = make([]*sampler.Sampler, max(e.model.Backend().Threads(), 1))
		d.samplers[0] = e.sampler
		d.one = e.drawOneAhead
	}
	var begin time.Time
	if e.step.timed {
		begin = time.Now()
	}
	sharer.Share(len(d.parts), d.one)
	if d.samplers[0] != e.sampler { // a panic: the old one is not to be used any more
		if d.samplers[0] == nil {
			d.samplers[0] = sampler.New(e.model.Config().Vocab)
		}
		e.sampler = d.samplers[0]
	}
	if e.step.timed {
		e.step.draw += time.Since(begin)
	}
}

// drawOneAhead draws for one of the parts. A panic is its request's alone, which is told
// when its turn comes.
func (e *Engine) drawOneAhead(worker, i int) {
	p := &e.step.parts[e.drawing.parts[i]]
	s := p.seq
	defer func() {
		if value := recover(); value != nil {
			p.ahead = drawn{done: true, err: backend.Recovered(value)}
			e.drawing.samplers[worker] = nil // it may be in the middle of something
		}
	}()
	own := &e.drawing.samplers[worker]
	if *own == nil {
		*own = sampler.New(e.model.Config().Vocab)
	}
	p.ahead.result, p.ahead.err = (*own).Sample(p.logits[:e.model.Config().Vocab], &s.params, s.history(), len(s.tokens))
	p.ahead.done = true
}
