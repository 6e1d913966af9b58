// Package resample runs the engine's sampler again, in the browser, on the
// logits that the server sent: what would be drawn with other parameters. It
// is the same code on the same numbers, so with the parameters, the seed and
// the position of the draw that was made it makes the same draw.
package resample

import (
	"math"
	"slices"

	"vitrine/engine/sampler"
	"vitrine/visualizer/wire"
)

// Question is a draw that could be made.
type Question struct {
	Logits *wire.Logits // the model's, for the position that is drawn
	Tokens []wire.Token // of the sequence; those from that position on are not looked at
	Params wire.Params
	Seed   uint64  // of the chat; Params.Seed goes before it
	EOS    []int32 // [wire.Model].EOS
}

// Outcome is a draw with everything that led to it.
type Outcome struct {
	sampler.Report
	Position int
	Seed     uint64  // that decided, with the position
	Outputs  int     // tokens of the present answer, which the penalties look at
	Whole    bool    // the logits were those of the whole vocabulary
	Known    int     // logits that were there
	Missing  float64 // share of the raw probability of the tokens whose logits were not
}

// Resampler holds the sampler's scratch memory for one vocabulary. It is not
// safe for concurrent use.
type Resampler struct {
	sampler *sampler.Sampler
	row     []float32 // [vocab], where the logits are not whole
}

// New returns a resampler for rows of vocab logits.
func New(vocab int) *Resampler { return &Resampler{sampler: sampler.New(vocab)} }

// Run makes the draw. Errors are those of [sampler.Sampler.Explain].
func (r *Resampler) Run(q Question) (*Outcome, error) {
	o := &Outcome{Position: int(q.Logits.Position), Seed: q.Seed, Known: len(q.Logits.Values)}
	if q.Params.HasSeed {
		o.Seed = q.Params.Seed
	}
	row := q.Logits.Values
	if o.Whole = len(q.Logits.IDs) == 0; !o.Whole {
		row, o.Missing = r.spread(q.Logits)
	}
	params := Params(&q.Params, o.Seed, q.EOS)
	history := History(q.Tokens, o.Position)
	history.Prompt, history.Output = known(history.Prompt, int(q.Logits.Vocab)), known(history.Output, int(q.Logits.Vocab))
	o.Outputs = len(history.Output)
	report, err := r.sampler.Explain(row, &params, history, o.Position)
	if err != nil {
		return nil, err
	}
	o.Report = report
	return o, nil
}

// spread writes logits that are not whole into a row of the vocabulary; those
// that are not there are −Inf. missing is the share of the probability that
// they have together.
func (r *Resampler) spread(l *wire.Logits) (row []float32, missing float64) {
	if len(r.row) != int(l.Vocab) {
		r.row = make([]float32, l.Vocab)
	}
	for i := range r.row {
		r.row[i] = float32(math.Inf(-1))
	}
	top, sum := math.Inf(-1), 0.0
	for i, id := range l.IDs {
		if id >= 0 && int(id) < len(r.row) {
			r.row[id] = l.Values[i]
			top = max(top, float64(l.Values[i]))
		}
	}
	for _, z := range l.Values {
		sum += math.Exp(float64(z) - top)
	}
	rest := math.Exp(float64(l.Rest) - top)
	return r.row, rest / (sum + rest)
}

// Params are the sampler's parameters for those of the page, as the server
// makes them: server/session does the same, and a test compares the draws.
func Params(p *wire.Params, seed uint64, eos []int32) sampler.Params {
	s := sampler.Defaults()
	s.Temperature, s.TopP, s.MinP, s.TopK = p.Temperature, p.TopP, p.MinP, int(p.TopK)
	s.PresencePenalty, s.FrequencyPenalty, s.RepetitionPenalty = p.PresencePenalty, p.FrequencyPenalty, p.RepetitionPenalty
	s.Seed, s.HasSeed = seed, true
	s.MaxTokens, s.MinTokens = int(p.MaxTokens), int(p.MinTokens)
	s.IgnoreEOS, s.EOSTokenIDs = p.IgnoreEOS, eos
	s.Order = sampler.Order(p.Order)
	for _, b := range p.LogitBias {
		s.LogitBias = append(s.LogitBias, sampler.TokenBias{Token: b.Token, Bias: b.Bias})
	}
	return s
}

// known leaves out ids that logits of vocab tokens do not have: a remote engine
// may not tell a token's id, nor the vocabulary's size.
func known(ids []int32, vocab int) []int32 {
	return slices.DeleteFunc(ids, func(id int32) bool { return id < 0 || int(id) >= vocab })
}

// History splits the tokens before a position as the engine does: the answer
// that is being written, for the penalties that look at it alone, and all
// before. The first token of all counts as given.
func History(tokens []wire.Token, position int) sampler.History {
	tokens = tokens[:min(max(position, 0), len(tokens))]
	start := len(tokens)
	for start > 1 && tokens[start-1].Flags&(wire.FlagDrawn|wire.FlagForced) != 0 {
		start--
	}
	ids := make([]int32, len(tokens))
	for i := range tokens {
		ids[i] = tokens[i].ID
	}
	return sampler.History{Prompt: ids[:start:start], Output: ids[start:]}
}
