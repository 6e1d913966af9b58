package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/engine/sampler"
)

// samplingFlags are the flags for all of [sampler.Params] that a single answer
// on the command line has a use for, under vLLM's names with dashes.
type samplingFlags struct {
	params   sampler.Params
	badWords []string
	noSkip   bool
	order    *choice
	flags    *pflag.FlagSet
}

func (s *samplingFlags) add(flags *pflag.FlagSet) {
	s.flags = flags
	s.params = sampler.Defaults()
	s.order = newChoice(s.params.Order.String(), sampler.VLLM.String(), sampler.HuggingFace.String(), sampler.LlamaCPP.String())
	p := &s.params
	flags.Float32Var(&p.Temperature, "temperature", p.Temperature, "divides the logits; 0 always takes the likeliest token")
	flags.Float32Var(&p.TopP, "top-p", p.TopP, "keep the likeliest tokens until their probabilities reach this, above 0 up to 1")
	flags.IntVar(&p.TopK, "top-k", p.TopK, "keep this many of the likeliest tokens; 0 or -1 keeps all")
	flags.Float32Var(&p.MinP, "min-p", p.MinP, "drop tokens less likely than this times the likeliest, 0 to 1")
	flags.Float32Var(&p.PresencePenalty, "presence-penalty", p.PresencePenalty, "taken off the logit of tokens in the output, -2 to 2")
	flags.Float32Var(&p.FrequencyPenalty, "frequency-penalty", p.FrequencyPenalty, "the same for each time the token is in the output, -2 to 2")
	flags.Float32Var(&p.RepetitionPenalty, "repetition-penalty", p.RepetitionPenalty, "makes tokens of prompt and output less likely above 1, more likely below")
	flags.Uint64Var(&p.Seed, "seed", 0, "with the position it decides every draw (default: a random one, told in the JSON)")
	flags.IntVar(&p.MaxTokens, "max-tokens", p.MaxTokens, "end after this many tokens")
	flags.IntVar(&p.MinTokens, "min-tokens", p.MinTokens, "do not end before this many tokens")
	flags.StringArrayVar(&p.Stop, "stop", nil, "end before this string; may be repeated")
	flags.Int32SliceVar(&p.StopTokenIDs, "stop-token-ids", nil, "end after any of these tokens, e.g. 2,0")
	flags.BoolVar(&p.IgnoreEOS, "ignore-eos", false, "go on after the model's own end token")
	flags.Var((*biases)(&p.LogitBias), "logit-bias", "add to a token's logit, e.g. 42=-5 or 42=-5,7=1.5; may be repeated")
	flags.Int32SliceVar(&p.AllowedTokenIDs, "allowed-token-ids", nil, "draw no other tokens than these, e.g. 15,16,17")
	flags.StringArrayVar(&s.badWords, "bad-words", nil, "never write this word; may be repeated")
	flags.IntVar(&p.LogProbs, "logprobs", p.LogProbs, "with --json: also tell this many of the likeliest tokens at each step; -1 tells all")
	flags.IntVar(&p.PromptLogProbs, "prompt-logprobs", p.PromptLogProbs, "with --json: also tell the log-probability of each token of the prompt, and this many of the likeliest there; -1 tells all (default: none)")
	flags.IntVar(&p.N, "n", p.N, "continue the prompt this many times, with the seeds seed, seed+1, …; needs a temperature above 0")
	flags.BoolVar(&s.noSkip, "no-skip-special-tokens", false, "show special tokens in the text")
	flags.BoolVar(&p.IncludeStopStrInOutput, "include-stop-str-in-output", false, "leave the stop string in the text")
	flags.Var(s.order, "order", "order of the sampler's stages: "+s.order.list())
}

// check says whether the flags fit the form of the output: what is told in JSON
// alone would be asked for in vain without it.
func (s *samplingFlags) check(asJSON bool) error {
	for _, name := range []string{"logprobs", "prompt-logprobs"} {
		if s.flags.Changed(name) && !asJSON {
			return usagef("--%s goes with --json only", name)
		}
	}
	return nil
}

// resolve returns the parameters that the flags ask for, with a seed. A bad
// one is told by its flag's name.
func (s *samplingFlags) resolve(m *load.Model) (sampler.Params, error) {
	p := s.params
	if err := p.Order.UnmarshalText([]byte(s.order.value)); err != nil {
		return p, err
	}
	p.SkipSpecialTokens = !s.noSkip
	p.HasPromptLogProbs = s.flags.Changed("prompt-logprobs")
	if p.HasSeed = s.flags.Changed("seed"); !p.HasSeed {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return p, fmt.Errorf("no random seed: %w", err)
		}
		// A seed that is told has to survive readers of JSON that hold numbers
		// as float64, and so have those that --n counts up from it.
		p.Seed, p.HasSeed = binary.LittleEndian.Uint64(b[:])>>12, true
	}
	words, err := engine.BadWords(m.Tokenizer, s.badWords)
	if err != nil {
		return p, badWordsUsage(err)
	}
	p.BadWords = words
	// The engine validates again; here the error can name the flag.
	if err := p.Validate(m.Config().Vocab); err != nil {
		return p, paramUsage(err)
	}
	return p, nil
}

// paramUsage turns an error about a parameter into one about its flag.
func paramUsage(err error) error {
	var bad *sampler.ParamError
	if !errors.As(err, &bad) {
		return err
	}
	field, place, _ := strings.Cut(bad.Field, "[")
	if place != "" {
		place = " [" + place
	}
	return usagef("--%s%s: got %s, want %s", strings.ReplaceAll(field, "_", "-"), place, bad.Got, bad.Want)
}

// badWordsUsage turns an error about a word into one about its flag.
func badWordsUsage(err error) error {
	var bad *engine.RequestError
	if errors.As(err, &bad) {
		return usagef("--%s", strings.Replace(bad.Error(), "bad_words", "bad-words ", 1))
	}
	return err
}

// biases is the value of --logit-bias.
type biases []sampler.TokenBias

// String implements [pflag.Value].
func (b *biases) String() string {
	var parts []string
	for _, x := range *b {
		parts = append(parts, fmt.Sprintf("%d=%g", x.Token, x.Bias))
	}
	return strings.Join(parts, ",")
}

// Type implements [pflag.Value].
func (b *biases) Type() string { return "token=bias" }

// Set implements [pflag.Value].
func (b *biases) Set(s string) error {
	for entry := range strings.SplitSeq(s, ",") {
		id, bias, found := strings.Cut(entry, "=")
		token, err := strconv.ParseInt(strings.TrimSpace(id), 10, 32)
		value, err2 := strconv.ParseFloat(strings.TrimSpace(bias), 32)
		if !found || err != nil || err2 != nil || math.IsNaN(value) {
			return errors.New("a token id, =, and a number, e.g. 42=-5")
		}
		*b = append(*b, sampler.TokenBias{Token: int32(token), Bias: float32(value)})
	}
	return nil
}
