package engine

import (
	"fmt"
	"sync"

	"vitrine/engine/scheduler"
)

// Options sets the size of an engine and how it serves. The zero value is good.
type Options struct {
	// Blocks is the number of KV blocks in the pool. Default: enough for one
	// full context, at least 512.
	Blocks int
	// BlockSize is the number of tokens a block. Default 16.
	BlockSize int
	// MaxBatchTokens bounds the tokens of one step; long prompts are computed
	// in chunks. Default 512: larger chunks are hardly faster on a CPU, and
	// everyone else, whoever wants to pause among them, waits for a step's end.
	MaxBatchTokens int
	// MaxSequences bounds the requests of one step. Default 128.
	MaxSequences int
	// MaxModelLen bounds the length of a sequence, prompt and answer, in tokens.
	// Default: the model's context.
	MaxModelLen int
	// Policy says who runs. Default [FirstComeFirstServed].
	Policy Policy
	// Memory says how a request holds its keys and values. Default [Paged].
	Memory Memory
	// DisablePrefixCaching computes every prompt whole. Otherwise full blocks
	// are found again by their tokens as long as nobody needs their memory
	// ([Paged] only), and prompts that begin alike are computed once.
	DisablePrefixCaching bool
	// PrefixSeed decides the hashes of the prefix cache; 0 means a random one,
	// so that nobody outside can make two prefixes collide. Default 0.
	PrefixSeed uint64
	// PromptLookup guesses tokens ahead and verifies them. Default: none.
	PromptLookup PromptLookup
	// Turn is held while the engine computes or answers a call. Engines that
	// share a model share it, and take turns. It must not be changed by
	// [Engine.Configure]. Default nil: the model is this engine's alone.
	Turn sync.Locker
	// MaxUnread bounds the bytes of tokens, states and scores that wait for a
	// request's reader: with more it is not computed on until he has read some.
	// Tokens alone never come to the default of 4 MiB; whole vocabularies of
	// log-probabilities do.
	MaxUnread int
	// Observer is told what happens; may be nil.
	Observer *Observer
}

// Policy says which requests run; see package scheduler.
type Policy = scheduler.Policy

// The policies.
const (
	FirstComeFirstServed = scheduler.FirstComeFirstServed
	Priority             = scheduler.Priority
	StaticBatching       = scheduler.StaticBatching
	OneAtATime           = scheduler.OneAtATime
)

// Memory says how a request holds its keys and values; see package scheduler.
type Memory = scheduler.Memory

// The kinds of memory.
const (
	Paged      = scheduler.Paged
	Contiguous = scheduler.Contiguous
	NoCache    = scheduler.NoCache
)

// PromptLookup is speculative decoding without a second model: where the last
// tokens of a sequence stand further up in it, what followed them there is
// guessed to follow again (Saxena 2023, "Prompt Lookup Decoding"; vLLM's
// method "ngram"). The guesses, drafts, are computed in the same step as the last
// token. They are kept as far as they are what the sampler draws, so the tokens
// are those of an engine without.
type PromptLookup struct {
	// Tokens is the most drafts a step and sequence. Default 0: no speculation.
	Tokens int
	// MinNGram and MaxNGram bound how many of the last tokens are looked up, the
	// longest run first. Default 1 and 4.
	MinNGram, MaxNGram int
}

// maxDrafts bounds PromptLookup.Tokens.
const maxDrafts = 64

// withDefaults fills in what is not set and says what is wrong. context is the
// model's.
func (o Options) withDefaults(context int) (Options, error) {
	if o.BlockSize == 0 {
		o.BlockSize = 16
	}
	if o.MaxBatchTokens == 0 {
		o.MaxBatchTokens = 512
	}
	if o.MaxSequences == 0 {
		o.MaxSequences = 128
	}
	if o.MaxUnread == 0 {
		o.MaxUnread = 4 << 20
	}
	if o.Blocks == 0 && o.BlockSize > 0 {
		o.Blocks = max(512, (context+o.BlockSize-1)/o.BlockSize)
	}
	if l := &o.PromptLookup; l.Tokens > 0 {
		if l.MinNGram == 0 {
			l.MinNGram = 1
		}
		if l.MaxNGram == 0 {
			l.MaxNGram = max(4, l.MinNGram)
		}
	}
	switch l := o.PromptLookup; {
	case o.MaxModelLen < 0 || o.MaxModelLen > context:
		return o, fmt.Errorf("engine: MaxModelLen %d, want 0 to the model's context of %d", o.MaxModelLen, context)
	case o.MaxBatchTokens < 1 || o.MaxSequences < 1:
		return o, fmt.Errorf("engine: MaxBatchTokens %d, MaxSequences %d, want at least 1 each", o.MaxBatchTokens, o.MaxSequences)
	case o.MaxUnread < 1:
		return o, fmt.Errorf("engine: MaxUnread %d, want at least 1 byte", o.MaxUnread)
	case !o.Policy.Valid():
		return o, fmt.Errorf("engine: Policy %v, want one of the scheduler's", o.Policy)
	case !o.Memory.Valid():
		return o, fmt.Errorf("engine: Memory %v, want one of the scheduler's", o.Memory)
	case l.Tokens < 0 || l.Tokens > maxDrafts:
		return o, fmt.Errorf("engine: PromptLookup.Tokens %d, want 0 to %d", l.Tokens, maxDrafts)
	case l.Tokens > 0 && (l.MinNGram < 1 || l.MaxNGram < l.MinNGram):
		return o, fmt.Errorf("engine: PromptLookup.MinNGram %d, MaxNGram %d, want 1 ≤ MinNGram ≤ MaxNGram", l.MinNGram, l.MaxNGram)
	}
	return o, nil
}

// prefixCaching says whether blocks are found again by their tokens.
func (o *Options) prefixCaching() bool { return o.Memory == Paged && !o.DisablePrefixCaching }
