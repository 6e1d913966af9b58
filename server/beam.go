package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"vitrine/engine"
	"vitrine/engine/sampler"
)

// beamHelp tells of the flags in the help of generate.
const beamHelp = "With --beam-width nothing is drawn: the likeliest continuations as a whole are searched\n" +
	"for, and each is written under a line with its number and score; in the JSON they are\n" +
	"beams, the best first, with ids, text, finish_reason, cumulative_logprob and score."

// beamFlags ask for a beam search.
type beamFlags struct {
	width   int
	penalty float64
	early   bool
	flags   *pflag.FlagSet
}

func (b *beamFlags) add(flags *pflag.FlagSet) {
	b.flags = flags
	flags.IntVar(&b.width, "beam-width", 0, "search for this many of the likeliest continuations instead of drawing one")
	flags.Float64Var(&b.penalty, "length-penalty", 1, "with --beam-width: rank by the log-probability divided by this power of the length")
	flags.BoolVar(&b.early, "early-stopping", false, "with --beam-width: end when that many continuations have ended")
}

// beamless are the flags that a search has no use for.
var beamless = []string{
	"temperature", "top-p", "top-k", "min-p", "presence-penalty", "frequency-penalty", "repetition-penalty", "seed", "min-tokens",
	"stop", "stop-token-ids", "logit-bias", "allowed-token-ids", "bad-words", "logprobs", "prompt-logprobs", "n",
	"include-stop-str-in-output", "order", "json-schema", "json-object", "regex", "choice",
}

// check says whether the flags fit together.
func (b *beamFlags) check() error {
	if !b.flags.Changed("beam-width") {
		for _, name := range []string{"length-penalty", "early-stopping"} {
			if b.flags.Changed(name) {
				return usagef("--%s goes with --beam-width only", name)
			}
		}
		return nil
	}
	if b.width < 1 || b.width > engine.MaxBeamWidth {
		return usagef("--beam-width: got %d, want 1 to %d", b.width, engine.MaxBeamWidth)
	}
	for _, name := range beamless {
		if b.flags.Changed(name) {
			return usagef("--%s does not go with --beam-width, which draws nothing", name)
		}
	}
	return nil
}

// foundBeam is a continuation that the search found.
type foundBeam struct {
	IDs          []int32 `json:"ids"`
	Text         string  `json:"text"`
	FinishReason string  `json:"finish_reason"` // "stop" or "length"
	// CumLogProb is the sum of the raw log-probabilities of IDs.
	CumLogProb number `json:"cumulative_logprob"`
	Score      number `json:"score"`
}

// searched is the output of generate --beam-width --json.
type searched struct {
	PromptIDs []int32     `json:"prompt_ids"`
	Beams     []foundBeam `json:"beams"` // the best first
}

// run searches and writes what it found.
func (b *beamFlags) run(ctx context.Context, e *engine.Engine, prompt []int32, p sampler.Params, out io.Writer, asJSON bool) error {
	beams, err := e.BeamSearch(ctx, engine.BeamRequest{
		Prompt: prompt, Width: b.width, MaxTokens: p.MaxTokens, LengthPenalty: b.penalty, EarlyStopping: b.early, IgnoreEOS: p.IgnoreEOS,
	})
	if err != nil {
		return requestUsage(err)
	}
	found := searched{PromptIDs: prompt, Beams: []foundBeam{}}
	for i, beam := range beams {
		text := beam.Text
		if !p.SkipSpecialTokens {
			text = e.Tokenizer().Decode(beam.Tokens, false)
		}
		found.Beams = append(found.Beams, foundBeam{beam.Tokens, text, beam.FinishReason, number(beam.CumLogProb), number(beam.Score)})
		if asJSON {
			continue
		}
		if _, err := fmt.Fprintf(out, "--- %d of %d, score %.4f, log-probability %.4f ---\n%s\n", i+1, len(beams), beam.Score, beam.CumLogProb, text); err != nil {
			return err
		}
	}
	if asJSON {
		return writeJSON(out, found)
	}
	return nil
}
