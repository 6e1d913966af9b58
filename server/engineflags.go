package main

import (
	"slices"

	"github.com/spf13/pflag"

	"vitrine/engine"
)

// engineFlags say how the engine serves, with the names of vLLM's arguments.
type engineFlags struct {
	policy                 *choice
	prefix, noPrefix       bool
	blockSize, modelLen    int
	sequences, batchTokens int
	speculative            int
	watermark              float64
}

// add adds the flags of a server.
func (f *engineFlags) add(flags *pflag.FlagSet) {
	f.policy = newChoice(policyWords[0], policyWords[:2]...) // the others exist to be compared with
	flags.Var(f.policy, "scheduling-policy", "who runs first: "+f.policy.list()+", by which a request's field priority says so, the least first")
	flags.IntVar(&f.sequences, "max-num-seqs", engine.DefaultMaxSequences, "sequences of one step at most")
	flags.Float64Var(&f.watermark, "watermark", 0, "part of the KV blocks that stays free when a request is admitted beside others: fewer preemptions where memory is short, no effect in contiguous memory, where nobody grows; 0 up to, but not, 1")
	flags.BoolVar(&f.prefix, "enable-prefix-caching", true, "compute prompts that begin alike once")
	flags.BoolVar(&f.noPrefix, "no-enable-prefix-caching", false, "compute every prompt whole")
	f.addOne(flags)
}

// addOne adds those of them that matter to a single request.
func (f *engineFlags) addOne(flags *pflag.FlagSet) {
	flags.IntVar(&f.blockSize, "block-size", engine.DefaultBlockSize, "tokens a KV block; multiples of 16 are fastest, for attention takes 16 at once and puts others together first")
	flags.IntVar(&f.batchTokens, "max-num-batched-tokens", engine.DefaultMaxBatchTokens, "tokens of one step at most; longer prompts are computed in chunks")
	flags.IntVar(&f.modelLen, "max-model-len", 0, "tokens of a sequence at most, prompt and answer; 0 takes the model's context")
	flags.IntVar(&f.speculative, "num-speculative-tokens", 0, "tokens guessed a step by looking up the prompt, which changes no answer; 0 guesses none")
}

// options is what the flags say. The error names the flag that is out of range.
func (f *engineFlags) options(flags *pflag.FlagSet) (engine.Options, error) {
	o := engine.Options{
		BlockSize: f.blockSize, MaxBatchTokens: f.batchTokens, MaxModelLen: f.modelLen, Watermark: f.watermark,
		PromptLookup: engine.PromptLookup{Tokens: f.speculative},
	}
	given := []string{"block-size", "max-num-batched-tokens"} // 0 is a default for programs, but nothing that a user means
	if f.policy != nil {                                      // a server's
		given = append(given, "max-num-seqs")
		o.Policy, o.MaxSequences = policies[slices.Index(policyWords, f.policy.value)], f.sequences
		if f.noPrefix && flags.Changed("enable-prefix-caching") && f.prefix {
			return o, usagef("--no-enable-prefix-caching: does not go with --enable-prefix-caching, want one of them")
		}
		o.DisablePrefixCaching = f.noPrefix || !f.prefix
	}
	if err := o.Check(given...); err != nil {
		return o, usagef("--%w", err)
	}
	return o, nil
}
