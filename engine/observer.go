package engine

import (
	"time"

	"vitrine/engine/kvcache"
)

// Observer is told what happens inside the engine. Any of its functions may be
// nil, and then costs nothing. They are called on the engine's goroutine and
// must not block, nor call the engine.
type Observer struct {
	// Request is told of each output of a request when it comes in: of the
	// first when the request is added, of the others when they are forked off.
	Request func(RequestInfo)
	State   func(StateInfo)
	Block   func(BlockInfo)
	// Step is told when the model has computed, before tokens are drawn.
	Step func(StepInfo)
	// Plan is told once a step, after its tokens are drawn.
	Plan func(PlanInfo)
	// Prefix is told, after each step and each call, what the prefix cache came to
	// know and forgot in it, in that order; of nothing where it did not change.
	Prefix func([]PrefixEvent)
	// AllReduce is told, after each step, of the step's all-reduces in their
	// order; of none where the model is not divided among ranks.
	AllReduce func(AllReduceInfo)
}

// RequestInfo tells an [Observer] of an output of a request that came in.
type RequestInfo struct {
	Request   uint32 // its number, which all other infos know it by
	First     uint32 // the number of the request's first output: [Handle.ID]
	Index     int    // which of the request's outputs it is, from 0
	Prompt    int    // tokens of the prompt
	MaxTokens int
	Priority  int
	// Beam: it is no output, but a beam of [Engine.BeamSearch]. They come and go; one that is
	// given up for better ones ends FinishedAborted.
	Beam bool
}

// StateInfo tells an [Observer] of a request's change of state.
type StateInfo struct {
	Request uint32
	State   State
	Reason  string // in words, where there is more to say
}

// BlockInfo tells an [Observer] of a block's change: of its references, its
// filled slots, its place among the free blocks, or its hash.
type BlockInfo = kvcache.BlockInfo

// PrefixEvent tells an [Observer] of a block that the prefix cache came to know,
// or forgot. It is the observer's to keep.
type PrefixEvent = kvcache.PrefixEvent

// PlanInfo tells an [Observer] what a step computed, and for whom.
type PlanInfo struct {
	Number   uint64        // of the step: the same as its StepInfo's
	Begin    time.Time     // when the step was planned
	Duration time.Duration // of the whole step: planning, computing and drawing
	Parts    []PlanPart    // in the order of the batch; to be read during the call only
	// Padding is the number of rows that were computed for nothing: those that
	// fill a static batch up to a rectangle.
	Padding int
}

// PlanPart is one output's part of a step.
type PlanPart struct {
	Request uint32
	First   int // the first position computed
	Count   int // positions computed, drafts included
	// Prefill: more than the last token was to be computed: a prompt, or what a
	// preemption threw away.
	Prefill bool
	// Cached is the number of tokens that the prefix cache gave before this
	// step, which begins behind them.
	Cached  int
	Drafted int // tokens that were guessed and verified in this step
	// Drawn is the number of tokens drawn: 1 for a decode; more if drafts were
	// right; 0 while a prompt is not computed to its end. A beam of a search counts 1.
	Drawn int
	// Blocks is the block table; to be read during the call only.
	Blocks []int32
}
