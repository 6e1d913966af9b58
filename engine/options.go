package engine

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"

	"vitrine/engine/scheduler"
)

// Options sets the size of an engine and how it serves. The zero value is good.
type Options struct {
	// Blocks is the number of KV blocks in the pool. Default: enough for one
	// full context, at least 512.
	Blocks int
	// BlockSize is the number of tokens a block, up to 4096. Default [DefaultBlockSize].
	BlockSize int
	// MaxBatchTokens bounds the tokens of one step; long prompts are computed
	// in chunks. Default [DefaultMaxBatchTokens]: larger chunks are hardly faster on a CPU, and
	// everyone else, whoever wants to pause among them, waits for a step's end.
	MaxBatchTokens int
	// MaxSequences bounds the requests of one step. Default [DefaultMaxSequences].
	MaxSequences int
	// Watermark is the part of the pool's blocks that stays free when a sequence is admitted
	// beside others: where memory is short, those who run grow into it instead of being
	// preempted and computed again. It has no effect in [Contiguous] memory, where nobody
	// grows. 0 up to, but not, 1; default 0, as vLLM's argument of that name.
	Watermark float64
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
	// Log is told of panics, with their stacks: see [Panic]. It is the engine's from its
	// start on. Default: slog's.
	Log *slog.Logger
}

// The defaults of [Options].
const (
	DefaultBlockSize      = 16
	DefaultMaxBatchTokens = 512
	DefaultMaxSequences   = 128
)

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

const (
	maxDrafts    = 64      // bounds PromptLookup.Tokens
	maxBlockSize = 1 << 12 // bounds BlockSize, as package kvcache does
)

// Check says which option is out of range for any model. The error is an
// *[OptionError], which calls options as the commands do. For those that are given, by these
// names, 0 is no default but a number like others, and too small.
func (o Options) Check(given ...string) error {
	for _, f := range []struct {
		option      string
		value, most int // 0 means no bound
	}{
		{"kv-blocks", o.Blocks, 0}, {"block-size", o.BlockSize, maxBlockSize}, {"max-num-batched-tokens", o.MaxBatchTokens, 0},
		{"max-num-seqs", o.MaxSequences, 0}, {"max-model-len", o.MaxModelLen, 0}, {"max-unread", o.MaxUnread, 0},
		{"num-speculative-tokens", o.PromptLookup.Tokens, maxDrafts},
	} {
		least, from := 0, "0 (the default)"
		if slices.Contains(given, f.option) {
			least, from = 1, "1"
		}
		switch {
		case f.most > 0 && (f.value < least || f.value > f.most):
			return &OptionError{Option: f.option, Got: strconv.Itoa(f.value), Want: fmt.Sprintf("%s to %d", from, f.most)}
		case f.value < least:
			return &OptionError{Option: f.option, Got: strconv.Itoa(f.value), Want: from + " or more"}
		}
	}
	switch l := o.PromptLookup; {
	case !(o.Watermark >= 0 && o.Watermark < 1): // nor is it a NaN
		return &OptionError{Option: "watermark", Got: strconv.FormatFloat(o.Watermark, 'g', -1, 64), Want: "0 (the default) up to, but not, 1"}
	case !o.Policy.Valid():
		return &OptionError{Option: "scheduling-policy", Got: o.Policy.String(), Want: "one of the scheduler's"}
	case !o.Memory.Valid():
		return &OptionError{Option: "kv-memory", Got: o.Memory.String(), Want: "one of the scheduler's"}
	case l.MinNGram < 0:
		return &OptionError{Option: "prompt-lookup-min", Got: strconv.Itoa(l.MinNGram), Want: "0 (the default) or more"}
	case l.MaxNGram < 0 || l.MaxNGram > 0 && l.MaxNGram < l.MinNGram:
		return &OptionError{Option: "prompt-lookup-max", Got: strconv.Itoa(l.MaxNGram), Want: fmt.Sprintf("at least prompt-lookup-min, which is %d", max(l.MinNGram, 1))}
	}
	return nil
}

// withDefaults fills in what is not set and says what is wrong. context is the
// model's.
func (o Options) withDefaults(context int) (Options, error) {
	if err := o.Check(); err != nil {
		return o, fmt.Errorf("engine: %w", err)
	}
	if o.MaxModelLen > context {
		return o, fmt.Errorf("engine: %w", &OptionError{Option: "max-model-len", Got: strconv.Itoa(o.MaxModelLen), Want: fmt.Sprintf("at most the model's context of %d", context)})
	}
	o.BlockSize = cmp.Or(o.BlockSize, DefaultBlockSize)
	o.MaxBatchTokens = cmp.Or(o.MaxBatchTokens, DefaultMaxBatchTokens)
	o.MaxSequences = cmp.Or(o.MaxSequences, DefaultMaxSequences)
	o.MaxUnread = cmp.Or(o.MaxUnread, 4<<20)
	o.Log = cmp.Or(o.Log, slog.Default())
	o.Blocks = cmp.Or(o.Blocks, max(512, (context+o.BlockSize-1)/o.BlockSize))
	if l := &o.PromptLookup; l.Tokens > 0 {
		l.MinNGram = cmp.Or(l.MinNGram, 1)
		l.MaxNGram = cmp.Or(l.MaxNGram, max(4, l.MinNGram))
	}
	return o, nil
}

// prefixCaching says whether blocks are found again by their tokens.
func (o *Options) prefixCaching() bool { return o.Memory == Paged && !o.DisablePrefixCaching }

// longest is the most tokens of a sequence of a model with that context, with the
// defaults filled in.
func (o *Options) longest(context int) int {
	return min(cmp.Or(o.MaxModelLen, context), o.Blocks*o.BlockSize)
}
