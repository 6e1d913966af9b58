package engine

import (
	"slices"
	"time"

	"vitrine/engine/kvcache"
	"vitrine/engine/model"
	"vitrine/engine/scheduler"
)

// stepBuffers are reused from step to step.
type stepBuffers struct {
	batch    model.Batch
	logits   []float32
	probs    []float32
	scorings []scoring // of this step
	scores   []float32 // logits to score prompts with
	timing   model.Timing
	timed    bool          // somebody watches where the time goes
	draw     time.Duration // that the sampler took, if timed
	parts    []part        // of this step
	told     []PlanPart    // to the observer

	planner  scheduler.Planner
	failures []failure // of this step, before it was computed
	// What the scheduler is told.
	refs                     func(block int32) int
	running, waiting, parked []scheduler.Sequence
	next                     []*sequence // who may be admitted
	runs                     []kvcache.Run
}

// resize makes s a slice of n numbers, in the same memory if there is enough.
func resize(s []float32, n int) []float32 { return slices.Grow(s[:0], n)[:n] }

// stepOnce plans and computes one step. It says whether there was anything to do.
func (e *Engine) stepOnce() bool {
	begin := time.Now()
	decision := e.step.planner.Plan(e.schedulerState())
	changed := e.carryOut(decision)
	if len(decision.Shares) == 0 {
		return changed
	}
	if e.allowed > 0 {
		e.allowed--
	}
	parts := e.gather(decision)
	defer e.endFailures() // when nothing computes any more in the blocks that they give back
	if len(parts) == 0 {
		return true
	}
	computing := time.Now()
	if err := e.guard("computing a step", func() error { return e.model.Forward(e.kv, &e.step.batch) }); err != nil {
		for _, p := range parts {
			e.finish(p.seq, FinishedAborted, err.Error())
		}
		return true
	}
	e.steps++
	info := StepInfo{Number: e.steps, Batch: len(e.step.batch.Tokens) - decision.Padding, Requests: len(parts), Duration: time.Since(computing), KVBytes: e.kvBytes(parts)}
	if e.observer.Step != nil {
		e.observer.Step(info)
	}
	if e.tellsAllReduces() {
		e.tellAllReduces(info)
	}
	for i := range e.step.scorings {
		if sc := &e.step.scorings[i]; sc.seq.state.Finished() {
			continue
		} else if err := e.guard("scoring a prompt", func() error { return e.score(sc) }); err != nil {
			e.finish(sc.seq, FinishedAborted, err.Error())
		}
	}
	e.drawAhead(parts)
	for i := range parts {
		if parts[i].seq.state.Finished() {
			parts[i].timed = false
			continue
		}
		_ = e.guardRequest(parts[i].seq, "drawing a token", func() error { // the request is told
			e.conclude(&parts[i], info)
			return nil
		})
	}
	if e.step.timed {
		e.tellTimed(parts, info)
	}
	e.count(parts, decision.Padding)
	if e.observer.Plan != nil {
		e.tellPlan(parts, PlanInfo{Number: e.steps, Begin: begin, Duration: time.Since(begin), Padding: decision.Padding})
	}
	return true
}

// count adds the step to the figures.
func (e *Engine) count(parts []part, padding int) {
	e.stats.Steps = e.steps
	e.stats.PaddingTokens += uint64(padding)
	for i := range parts {
		e.stats.ComputedTokens += uint64(parts[i].count)
	}
}

// tellPlan tells the observer whose tokens the step computed and drew.
func (e *Engine) tellPlan(parts []part, info PlanInfo) {
	told := e.step.told[:0]
	for i := range parts {
		p := &parts[i]
		told = append(told, PlanPart{Request: p.seq.id, First: p.first, Count: p.count, Prefill: p.prefill, Cached: p.cached, Drafted: p.drafts, Drawn: p.drawn, Blocks: p.seq.table.Blocks})
		if p.forked {
			for _, o := range p.seq.outputs[1:] {
				told = append(told, PlanPart{Request: o.id, First: p.position, Drawn: 1, Blocks: o.table.Blocks})
			}
		}
	}
	e.step.told, info.Parts = told, told
	e.observer.Plan(info)
}

// tellTimed tells those who watch where the time goes of the step, which the
// others were told of as soon as their token was drawn.
func (e *Engine) tellTimed(parts []part, info StepInfo) {
	t := &StepTiming{Spans: slices.Clone(e.step.timing.Spans), Draw: e.step.draw}
	for _, p := range parts {
		if p.timed {
			info.Position, info.Computed = p.position, p.count
			p.seq.tell(Event{Kind: EventStep, Step: info, Timing: t})
		}
	}
}
