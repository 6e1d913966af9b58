// Package scheduler decides which tokens the engine computes in its next step.
//
// There are no phases of prefill and decode: a request's computed tokens
// catch up with its tokens, many at a time after a prompt and one at a time
// while it generates (continuous batching; Yu et al. 2022, "Orca", and
// chunked prefill; Agrawal et al. 2023, "Sarathi"). [Plan] is a pure function:
// it reads no clock and owns nothing, so it can be tested by tables.
//
// The policies and kinds of memory that came before, [StaticBatching],
// [OneAtATime] and [Contiguous], are decided here too, by the same code where
// they do the same, so that what is compared is the idea and nothing else.
package scheduler

import (
	"cmp"
	"slices"

	"vitrine/engine/kvcache"
)

// Sequence is what the scheduler knows of one sequence of a request.
type Sequence struct {
	ID       uint32  // in the order of arrival
	Priority int     // the least runs first under the policy [Priority]
	Tokens   int     // tokens to be computed in the end, for now
	Drafts   int     // tokens guessed behind them, computed with the last of them where there is room
	Computed int     // tokens whose keys and values are in the cache
	Blocks   []int32 // its block table, read only
	// Cached are the blocks that the prefix cache has for a sequence that waits
	// and holds none: it begins behind them when it is admitted.
	Cached []int32
	// Reserve is the number of blocks that it must have reserved to run, and
	// Reserved the number that it has, if the memory is [Contiguous].
	Reserve, Reserved int
	// MaxChunk bounds the tokens of this request in one step; 0 means no bound.
	MaxChunk int
}

// State is everything that a plan depends on.
type State struct {
	Policy Policy
	Memory Memory

	Running []Sequence // in the order of their admission
	// Waiting sequences, the head of the queue first. Some hold blocks: those
	// that have been paused, and those that were forked off.
	Waiting []Sequence
	// Parked requests compute nothing but hold blocks (finished ones that are
	// looked at, for instance), the one used longest ago first. Their blocks
	// are taken back before anyone is preempted.
	Parked []Sequence
	// Batch is the number of sequences that the static batch began with.
	Batch int

	FreeBlocks int
	// Watermark is the number of blocks that stay free when a sequence that holds none is
	// admitted beside others, for what those draw (vLLM's watermark). It has no effect in
	// [Contiguous] memory, where nobody grows.
	Watermark int
	FreeRuns  []kvcache.Run // of free blocks, if the memory is [Contiguous] and somebody waits
	// Refs is the number of sequences that hold a block. It must not change
	// while Plan runs.
	Refs       func(block int32) int
	BlockSize  int
	MaxTokens  int // tokens a step
	MaxRunning int // requests a step
}

// Share is one request's part of a step.
type Share struct {
	ID    uint32
	Count int // tokens to compute, from the first that is not computed on, drafts included
	// Drafts are those of them that are guessed.
	Drafts int
}

// Reservation gives a sequence a run of blocks before it begins.
type Reservation struct {
	ID  uint32
	Run kvcache.Run
}

// Decision is what the next step does, in the order of its fields.
type Decision struct {
	Evicted   []uint32 // parked and waiting sequences whose blocks are freed first
	Preempted []uint32 // running sequences that lose their blocks and go to the head of the queue, to be recomputed
	Admitted  []uint32 // waiting sequences that begin to run, from the blocks that the cache has for them
	Reserved  []Reservation
	Shares    []Share // what is computed; running sequences first
	// Padding is the number of rows that are computed for nothing beside the
	// shares: what fills the static batch up to a rectangle.
	Padding int
	// Batch is State.Batch for the next plan, if anything runs then.
	Batch int
}

// Plan decides the next step. Running sequences come first, then waiting ones
// in order, as long as the token budget and the blocks last; if something had
// to be preempted, nobody new is admitted. Where blocks run out for a running
// sequence, parked ones lose theirs first, then waiting ones from the end of
// the queue, and then the sequence that was admitted last, or has the least
// priority. Where they run out for the head of the queue and nothing runs that
// could free some, those behind it lose theirs. Nobody is admitted whose tokens do not
// all fit beside those of whoever runs.
func Plan(s State) Decision {
	var p Planner
	return *p.Plan(s)
}

// Planner plans step after step in the same memory. The zero value is ready.
type Planner struct{ plan plan }

// Plan is the function [Plan] in the planner's memory: a plan for requests that all run
// takes no other. The decision is good until the next one.
func (m *Planner) Plan(s State) *Decision {
	p := &m.plan
	switch s.Policy {
	case Priority:
		p.ordered = byPriority(p.ordered, s.Running)
		p.queued = byPriority(p.queued, s.Waiting)
		s.Running, s.Waiting = p.ordered, p.queued
	case StaticBatching:
		p.ordered = append(p.ordered[:0], s.Running...) // which may lose their drafts
		s.Running = p.ordered
	case OneAtATime:
		s.MaxRunning, s.Running = 1, s.Running[:min(len(s.Running), 1)]
	}
	p.begin(s)
	if s.Policy == StaticBatching {
		p.static()
	} else {
		p.continuous()
	}
	return &p.Decision
}

// byPriority copies sequences to the memory of into, in the order in which they run, the
// opposite of that in which they are preempted.
func byPriority(into, list []Sequence) []Sequence {
	into = append(into[:0], list...)
	slices.SortStableFunc(into, func(a, b Sequence) int {
		return ComparePriority(a.Priority, b.Priority, a.ID, b.ID)
	})
	return into
}

// ComparePriority is the order of the policy [Priority] between two sequences a and b: negative
// if a runs first.
func ComparePriority(aPriority, bPriority int, aID, bID uint32) int {
	return cmp.Or(cmp.Compare(aPriority, bPriority), cmp.Compare(aID, bID))
}

// continuous fills the step up from whoever has something to compute.
func (p *plan) continuous() {
	budget, running := p.MaxTokens, p.Running
	for i := 0; i < len(running); i++ {
		q := running[i]
		count := min(p.chunk(q), budget)
		if count == 0 {
			p.promised += p.missing(q, p.rest(q))
			continue
		}
		var fits bool
		if running, fits = p.makeRoom(running, i, count); !fits {
			break
		}
		budget -= p.compute(q, count, budget)
	}
	if len(p.Preempted) > 0 || p.queue < len(p.Waiting) {
		return // memory is short: nobody new
	}
	for i, q := range p.Waiting {
		if budget == 0 || len(running)+len(p.Admitted) >= p.MaxRunning || i >= p.queue {
			break
		}
		count := min(p.chunk(q), budget)
		if !p.admit(i, len(running)+len(p.Admitted) == 0) {
			break
		}
		budget -= p.compute(q, count, budget)
	}
}

// makeRoom sees to the blocks that running[i] needs to compute count tokens. It
// returns who still runs, and whether that is so for i.
func (p *plan) makeRoom(running []Sequence, i, count int) (left []Sequence, fits bool) {
	q := running[i]
	if q.Reserve > q.Reserved {
		// It may become longer than it was to when it was admitted.
		p.preempt(q)
		return slices.Delete(slices.Clone(running), i, i+1), false
	}
	for !p.room(q, count, 0, 0) && len(running) > i+1 {
		p.preempt(running[len(running)-1])
		running = running[:len(running)-1]
	}
	if p.room(q, count, 0, 0) {
		return running, true
	}
	// Alone and still too large for the memory that others hold: wait with
	// nothing, so that they can end.
	p.preempt(q)
	return running[:i], false
}

// admit lets Waiting[i] run if there are blocks for all of its tokens, and for
// those of whoever runs already: a sequence that came in for a first chunk would be
// preempted before its last, and come in again, for ever. Beside others the watermark
// stays free too, but for who has blocks already and is one of those that it is kept for. If it would be alone, those behind it give theirs up.
func (p *plan) admit(i int, alone bool) bool {
	q, keep, spare := p.Waiting[i], len(p.Waiting), p.promised
	if alone {
		keep = i + 1
	} else if len(q.Blocks) == 0 {
		spare += p.Watermark
	}
	if q.Reserve > q.Reserved {
		if !p.reserve(q, keep) {
			return false
		}
	} else if !p.room(q, p.rest(q), spare, keep) {
		return false
	}
	p.Admitted = append(p.Admitted, q.ID)
	p.attach(q)
	return true
}

// rest is how many tokens q has to compute.
func (p *plan) rest(q Sequence) int { return max(q.Tokens-p.computed(q), 0) }

// chunk is how many of them it may compute at once.
func (p *plan) chunk(q Sequence) int {
	if q.MaxChunk > 0 {
		return min(p.rest(q), q.MaxChunk)
	}
	return p.rest(q)
}
