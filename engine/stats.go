package engine

// Stats are an engine's figures at one moment, between two steps. Counts of
// requests count each output of a request on its own, as vLLM does.
type Stats struct {
	Running int // outputs that are admitted: prefill and decode; and beams of a search that has begun
	Waiting int // outputs in the queue, preempted ones included
	Paused  int

	// Counted since the engine started.

	Steps            uint64
	PromptTokens     uint64 // of the prompts that were computed or found in the cache
	GenerationTokens uint64 // drawn; of a beam search one a step and beam computed in it
	ComputedTokens   uint64 // rows that the model computed, drafts included, padding not
	PaddingTokens    uint64 // rows computed for nothing, see [StaticBatching]
	Preemptions      uint64
	// PrefixQueries counts the prompts' tokens that were looked up in the prefix
	// cache, PrefixHits those found. A look after a preemption never counts.
	PrefixQueries, PrefixHits uint64
	// Drafted counts the tokens guessed by [PromptLookup], Accepted those of them
	// that the sampler drew.
	Drafted, Accepted uint64
	// Finished counts the outputs that ended, by how.
	Finished Finished

	// The pool of KV blocks. A block that several hold counts once, so the
	// share of the held memory that holds nothing is
	// 1 − FilledSlots/(HeldBlocks·block size).

	Blocks       int // in all
	HeldBlocks   int
	CachedBlocks int    // free, and can still be found by the prefix cache
	FilledSlots  int    // slots of held blocks whose keys and values are written
	Evictions    uint64 // blocks that lost what the prefix cache had in them, since the engine started
}

// Finished counts by [State.Reason] the outputs that ended which had something asked of them:
// to be computed, or to go on. One that is released when it has finished, or a fork that
// nobody let go on, ends nothing that has not been counted. The outputs of a beam search are
// the beams that it returns, however they ended, and of one that failed the beams that it had
// come to; those that it gave up for better ones are none.
type Finished struct{ Stop, Length, Abort uint64 }

func (f *Finished) count(how State) {
	switch how {
	case FinishedStopped:
		f.Stop++
	case FinishedLength:
		f.Length++
	case FinishedAborted:
		f.Abort++
	}
}

// Stats is the latest snapshot, taken after each step and each call. It may be
// called from any goroutine and never waits for a step.
func (e *Engine) Stats() Stats {
	e.published.Lock()
	defer e.published.Unlock()
	return e.published.stats
}

// publish lets others see the figures as they are now, and tells the observer how
// the prefix cache changed.
func (e *Engine) publish() {
	if len(e.prefixEvents) > 0 {
		e.observer.Prefix(e.prefixEvents)
		e.prefixEvents = nil // they are the observer's
	}
	s := &e.stats
	beams := len(e.waiting) - e.queued()
	s.Running = e.states[Prefill] + e.states[Running] + beams
	s.Waiting = e.states[Waiting] + e.states[Preempted] - beams
	s.Paused = e.states[Paused]
	m := e.pool.Stats()
	s.Blocks, s.HeldBlocks, s.CachedBlocks, s.FilledSlots, s.Evictions = m.Blocks, m.Held, m.Cached, m.Filled, e.evictions+m.Evictions
	e.published.Lock()
	defer e.published.Unlock()
	e.published.stats, e.published.options = *s, e.options
}
