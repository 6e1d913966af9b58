package scheduler

import "fmt"

// Policy says which requests run in a step. The first two are vLLM's; the
// others are what engines did before continuous batching, to be compared with.
type Policy uint8

const (
	// FirstComeFirstServed admits requests in the order of the queue and, where
	// memory runs out, preempts the one that was admitted last.
	FirstComeFirstServed Policy = iota
	// Priority runs the least Sequence.Priority first, of equal ones the least
	// ID, which is the order of arrival, and preempts in the opposite order.
	Priority
	// StaticBatching forms a batch of what waits and lets nobody in until all
	// of it have finished. The batch is a rectangle: prompts are padded on the left to the longest
	// one, and a member that has finished goes on being computed, as in an
	// engine that pads. See Decision.Padding.
	StaticBatching
	// OneAtATime runs a single sequence from its prompt to its end.
	OneAtATime
)

var policyNames = [...]string{"fcfs", "priority", "static", "one at a time"}

// String is the policy in a word: vLLM's, where it has it.
func (p Policy) String() string {
	if p.Valid() {
		return policyNames[p]
	}
	return fmt.Sprintf("Policy(%d)", uint8(p))
}

// Valid says whether the policy is one of those above.
func (p Policy) Valid() bool { return int(p) < len(policyNames) }

// Memory says how a sequence holds its keys and values.
type Memory uint8

const (
	// Paged takes a block when the one before is full (Kwon et al. 2023).
	Paged Memory = iota
	// Contiguous reserves a single run of slots when a sequence is admitted, as
	// long as it may become: its prompt and all of max_tokens, or what the
	// context has room for.
	Contiguous
	// NoCache drops a sequence's keys and values when a token is drawn, so that
	// the next one computes all of them again.
	NoCache
)

var memoryNames = [...]string{"paged", "contiguous", "no cache"}

// String is the kind of memory in a word.
func (m Memory) String() string {
	if m.Valid() {
		return memoryNames[m]
	}
	return fmt.Sprintf("Memory(%d)", uint8(m))
}

// Valid says whether the kind is one of those above.
func (m Memory) Valid() bool { return int(m) < len(memoryNames) }
