package bench

import (
	"context"
	"fmt"
	"math"

	"vitrine/engine/load"
)

// Comparison is a case as this program and llama.cpp run it.
type Comparison struct {
	Case   Case
	Ours   Spread
	Theirs Spread
	// StepKVBytes is [Measurement]'s, of a decode.
	StepKVBytes int64
	// Ratio is that of the medians: above 1 where this program is faster.
	Ratio float64
}

// Turn is one run of one of the two, as it begins.
type Turn struct {
	Case   Case
	Round  int // from 1
	Rounds int
	Ours   bool
}

// Compare runs a case on the model with llama.cpp and with this program in
// turns, rounds times each, so that whatever else the machine does falls on
// both. Of a case with a prompt the prefill is compared, else the decode.
// told, if not nil, is told of each turn.
func Compare(ctx context.Context, m *load.Model, l *LlamaCpp, c Case, batchTokens, rounds int, told func(Turn)) (Comparison, Build, error) {
	r, err := Open(m, c, batchTokens)
	if err != nil {
		return Comparison{}, Build{}, err
	}
	defer r.Close()
	if told == nil {
		told = func(Turn) {}
	}
	var (
		ours, theirs []float64
		build        Build
	)
	// llama.cpp's programs warm up by themselves.
	if _, err := r.Run(ctx); err != nil {
		return Comparison{}, build, err
	}
	for round := 1; round <= rounds; round++ {
		told(Turn{c, round, rounds, false})
		rate, b, err := l.Run(ctx, c)
		if err != nil {
			return Comparison{}, build, err
		}
		theirs, build = append(theirs, rate), b

		told(Turn{c, round, rounds, true})
		rates, err := r.Run(ctx)
		if err != nil {
			return Comparison{}, build, err
		}
		if c.Prompt > 0 {
			ours = append(ours, rates.Prefill)
		} else {
			ours = append(ours, rates.Decode)
		}
	}
	result := Comparison{Case: c, Ours: NewSpread(ours), Theirs: NewSpread(theirs), StepKVBytes: r.stepKVBytes()}
	result.Ratio = math.Round(result.Ours.Median/result.Theirs.Median*1000) / 1000
	return result, build, nil
}

// String says in a few words what a case measures: "prefill of 512", "decode at
// depth 128", "decode at depth 128, 16 streams".
func (c Case) String() string {
	if c.Prompt > 0 {
		return fmt.Sprintf("prefill of %d", c.Prompt)
	}
	s := fmt.Sprintf("decode at depth %d", c.Depth)
	if c.Batch > 1 {
		s += fmt.Sprintf(", %d streams", c.Batch)
	}
	return s
}
