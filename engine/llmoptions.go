package engine

import (
	"context"
	"fmt"
	"strconv"

	"vitrine/engine/hub"
	"vitrine/engine/load"
)

// Option changes how [New] opens a model and sizes its engine. The options have
// the names of vLLM's arguments.
type Option func(*llmOptions)

// OptionError says which [Option] is wrong, and what would be right. It calls
// options as the commands do: "max-model-len" is [WithMaxModelLen].
type OptionError = load.OptionError

// llmOptions is what options say.
type llmOptions struct {
	context  context.Context
	progress hub.Progress
	dir      string
	load     load.Options
	engine   Options
	kvBytes  int64
	wrong    error // the first option that is out of range
}

// atLeast remembers an error if value is less than least.
func (o *llmOptions) atLeast(least int, option string, value int) {
	if value < least && o.wrong == nil {
		o.wrong = &OptionError{Option: option, Got: strconv.Itoa(value), Want: fmt.Sprintf("at least %d", least)}
	}
}

// WithTensorParallelSize divides the model among n ranks, each a goroutine with
// whole KV heads, columns of the feed-forward layer and a share of the threads
// (package parallel). The tokens are the same. A model cannot be divided among more
// ranks than it has KV heads; then New returns a *model.DivisionError, which says
// how many there may be. Default 1.
func WithTensorParallelSize(n int) Option {
	return func(o *llmOptions) {
		o.atLeast(1, "tensor-parallel-size", n)
		o.load.TensorParallelSize = n
	}
}

// WithThreads sets the number of threads that compute, of all ranks together; 0
// means one for each processor. Default 0.
func WithThreads(n int) Option { return func(o *llmOptions) { o.load.Threads = n } }

// WithBackend chooses what the model runs on: "cpu" or "ref", plain Go that
// defines what is right. Default "cpu".
func WithBackend(name string) Option { return func(o *llmOptions) { o.load.Backend = name } }

// WithKVCacheDType sets the number format of keys and values, of the cpu
// backend: "float16", "float32" or "int8". Default "float16".
func WithKVCacheDType(name string) Option { return func(o *llmOptions) { o.load.KV = name } }

// WithBatchInvariance says whether the cpu backend gives a token the same result to the
// bit whatever else is in the batch and however a prompt is cut into chunks. Without it
// prompts are read faster on processors with AMX, and nothing changes on others. Default
// true.
func WithBatchInvariance(on bool) Option {
	return func(o *llmOptions) { o.load.BatchVariant = !on }
}

// WithMaxModelLen bounds the length of a sequence, prompt and answer, in tokens.
// Default: the model's context, which is also the most.
func WithMaxModelLen(n int) Option {
	return func(o *llmOptions) {
		o.atLeast(1, "max-model-len", n)
		o.engine.MaxModelLen = n
	}
}

// WithBlockSize sets the number of tokens of a KV block. Default 16.
func WithBlockSize(n int) Option {
	return func(o *llmOptions) {
		o.atLeast(1, "block-size", n)
		o.engine.BlockSize = n
	}
}

// WithKVCacheBlocks sets the number of KV blocks that all requests share. What
// does not fit waits, or is preempted and computed again. Default: enough for the model's
// longest sequence, at least 512, but no more than half of the memory.
func WithKVCacheBlocks(n int) Option {
	return func(o *llmOptions) {
		o.atLeast(1, "kv-blocks", n)
		o.engine.Blocks, o.kvBytes = n, 0
	}
}

// WithKVCacheMemoryBytes sets the memory for keys and values instead of the number
// of blocks; it is rounded down to whole blocks. Of it and [WithKVCacheBlocks] the
// last one counts.
func WithKVCacheMemoryBytes(n int64) Option {
	return func(o *llmOptions) {
		if n < 1 && o.wrong == nil {
			o.wrong = &OptionError{Option: "kv-cache-memory-bytes", Got: strconv.FormatInt(n, 10), Want: "at least one block"}
		}
		o.engine.Blocks, o.kvBytes = 0, n
	}
}

// WithMaxNumBatchedTokens bounds the tokens of one step; longer prompts are
// computed in chunks. Default 512.
func WithMaxNumBatchedTokens(n int) Option {
	return func(o *llmOptions) {
		o.atLeast(1, "max-num-batched-tokens", n)
		o.engine.MaxBatchTokens = n
	}
}

// WithWatermark keeps this part of the pool's blocks free when a sequence is admitted
// beside others, 0 up to, but not, 1: see [Options.Watermark]. It has no effect in
// [Contiguous] memory, where nobody grows. Default 0.
func WithWatermark(part float64) Option {
	return func(o *llmOptions) { o.engine.Watermark = part }
}

// WithMaxNumSeqs bounds the sequences of one step. Default 128.
func WithMaxNumSeqs(n int) Option {
	return func(o *llmOptions) {
		o.atLeast(1, "max-num-seqs", n)
		o.engine.MaxSequences = n
	}
}

// WithSchedulingPolicy says who runs: [FirstComeFirstServed], or [Priority] by
// [Prompt].Priority. The other policies exist to be compared with. Default [FirstComeFirstServed].
func WithSchedulingPolicy(policy Policy) Option {
	return func(o *llmOptions) { o.engine.Policy = policy }
}

// WithPrefixCaching says whether prompts that begin alike are computed once. It changes
// no token. Default true.
func WithPrefixCaching(on bool) Option {
	return func(o *llmOptions) { o.engine.DisablePrefixCaching = !on }
}

// WithPromptLookup guesses tokens ahead and verifies them, vLLM's speculative method
// "ngram": PromptLookup{Tokens: 4} guesses up to four a step. It changes no token.
// Default: nothing is guessed.
func WithPromptLookup(lookup PromptLookup) Option {
	return func(o *llmOptions) { o.engine.PromptLookup = lookup }
}

// WithKVMemory says how requests hold their keys and values. Other kinds than
// [Paged] exist to be compared with. Default [Paged].
func WithKVMemory(memory Memory) Option {
	return func(o *llmOptions) { o.engine.Memory = memory }
}

// WithObserver tells what happens inside the engine: steps, blocks, all-reduces.
// Default: nobody is told, which costs nothing.
func WithObserver(observer *Observer) Option {
	return func(o *llmOptions) { o.engine.Observer = observer }
}

// WithDownloadDir sets the folder that known models are looked for in and fetched
// to. Default: the environment's VITRINE_CACHE, or vitrine/models in the user's cache.
func WithDownloadDir(dir string) Option { return func(o *llmOptions) { o.dir = dir } }

// WithProgress tells how far the download of a model is that is not here yet.
// progress is called on New's goroutine.
func WithProgress(progress func(hub.Event)) Option {
	return func(o *llmOptions) { o.progress = progress }
}

// WithContext lets New end early: when ctx does, a download is broken off, to go on
// the next time. Default: New takes as long as it takes.
func WithContext(ctx context.Context) Option { return func(o *llmOptions) { o.context = ctx } }
