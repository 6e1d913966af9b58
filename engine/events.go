package engine

import (
	"fmt"
	"time"

	"vitrine/engine/model"
	"vitrine/engine/sampler"
)

// State is what a request is doing, with vLLM's words.
type State uint8

// States of a request.
const (
	Waiting         State = iota // in the queue, holds no blocks
	Prefill                      // its given tokens are being computed
	Running                      // it draws a token a step
	Paused                       // skipped, but keeps its blocks unless it is set aside
	Preempted                    // lost its blocks to others, waits to be recomputed
	FinishedStopped              // an end token or a stop string
	FinishedLength               // max_tokens, or the context is full
	FinishedAborted              // ended from outside
)

var stateNames = [...]string{"waiting", "prefill", "running", "paused", "preempted", "finished: stopped", "finished: length capped", "finished: aborted"}

// String is the state in words.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Finished says whether the request draws no more tokens unless it is resumed.
func (s State) Finished() bool { return s >= FinishedStopped }

// Reason is OpenAI's finish_reason: "stop", "length", "abort", or "" while the
// request is not finished.
func (s State) Reason() string {
	switch s {
	case FinishedStopped:
		return "stop"
	case FinishedLength:
		return "length"
	case FinishedAborted:
		return "abort"
	}
	return ""
}

// EventKind tells the kinds of [Event] apart.
type EventKind uint8

// The kinds of events. Token, state and prompt events are never dropped; step,
// attention, logits and timing events are for the eye, and are when their reader is slow.
const (
	EventToken     EventKind = iota // a token was drawn
	EventState                      // the request's state changed
	EventPrompt                     // tokens of the prompt were scored
	EventStep                       // a step computed tokens of the request
	EventAttention                  // attention weights of the rows that a step computed
	EventLogits                     // the logits that a token was drawn from
)

// Event is one thing that happened to a request.
type Event struct {
	Kind EventKind
	// Index says which of the request's outputs it happened to, from 0. While
	// the prompt is computed there is one sequence for all of them, whose
	// events are those of output 0.
	Index int

	// EventToken: the token drawn for position Pos. EventLogits: the position
	// that the logits decide.
	Pos    int
	Token  int32
	Result sampler.Result
	// Text is what became certain of the answer's text with this token: whole
	// characters, and nothing that may yet turn out to begin a stop string.
	Text string

	// EventState. Reason says why in words where there is more to say.
	State  State
	Reason string

	// EventPrompt: the scores of the prompt's tokens from position Pos on.
	Prompt []PromptLogProb

	// EventStep, and the duration of the token's step for EventToken.
	Step StepInfo
	// Dropped counts the events for the eye that were dropped so far.
	Dropped uint64

	// EventAttention: the weights of the query positions From … From+Rows-1 as
	// round(255·√a), in the order row, layer, head, key; the row of position q
	// has q+1 keys.
	From, Rows int
	Weights    []uint8

	// EventLogits: the raw logits, one for each token of the vocabulary.
	Logits []float32

	// EventStep, if the request watches the timing: where the time of the step
	// went, that of all its requests.
	Timing *StepTiming
}

// StepTiming tells where the time of a step went. It is shared by all who
// asked for it, and nobody changes it.
type StepTiming struct {
	// Spans are the model's operations in their order. Together they take at
	// most the step's duration; the rest of it is what the engine does before
	// and after them. They are empty if the backend cannot tell.
	Spans []model.Span
	// Draw is how long the sampler took to draw the tokens of all requests, after
	// the step; it is not part of the step's duration.
	Draw time.Duration
}

// PromptLogProb is what the model thought of a token of the prompt, given the
// tokens before it: the raw distribution, before every stage of the sampler.
type PromptLogProb struct {
	sampler.TokenLogProb
	// Top are the Params.PromptLogProbs most probable tokens there, the most
	// probable first; nil if none were asked for.
	Top []sampler.TokenLogProb
}

// StepInfo describes one step of the engine, as far as it concerns a request.
type StepInfo struct {
	Number   uint64 // steps since the engine started, from 1
	Position int    // the request's last position that the step computed
	Computed int    // tokens of the request in the step
	Batch    int    // tokens of all requests in the step
	Requests int    // requests in the step
	// Cached is the number of tokens that the prefix cache had when the request
	// was first admitted.
	Cached   int
	Duration time.Duration
	// KVBytes is how many bytes of keys and values the step's attention reads, that of all
	// requests in it. What several share is read by each.
	KVBytes int64
}

// RequestError says which field of a request is wrong, and what would be right.
type RequestError struct {
	Field  string
	Reason string
}

// Error names the field and the reason.
func (e *RequestError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// QueueFullError says that too many requests wait already for one more to be
// taken in; see [Engine.AddAll].
type QueueFullError struct {
	Waiting int // outputs in the queue, as [Stats] counts them
	Max     int // how many may wait
}

// Error names both numbers.
func (e *QueueFullError) Error() string {
	return fmt.Sprintf("engine: %d requests are waiting already, at most %d may", e.Waiting, e.Max)
}
