// Package bench measures how fast an engine reads prompts and draws tokens, and
// compares it with llama.cpp's own programs in turns on one machine.
package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/engine/sampler"
)

// Case is what one measurement runs: Batch sequences of random tokens together.
type Case struct {
	Prompt int // tokens a sequence whose prefill is timed; 0 with Depth
	Depth  int // tokens a sequence that are in the KV cache before, not timed; 0 with Prompt
	Output int // tokens a sequence that are drawn then
	Batch  int // sequences
}

// tokens is the length of a sequence in the end.
func (c Case) tokens() int { return c.Prompt + c.Depth + 1 + c.Output }

// Check says what is wrong with the case for a model with this context.
func (c Case) Check(context int) error {
	switch {
	case (c.Prompt > 0) == (c.Depth > 0) || c.Prompt < 0 || c.Depth < 0:
		return fmt.Errorf("a prompt of %d at depth %d, want one of them positive and the other 0", c.Prompt, c.Depth)
	case c.Output < 1 || c.Batch < 1:
		return fmt.Errorf("%d tokens of output in a batch of %d, want at least 1 of each", c.Output, c.Batch)
	case c.tokens() > context:
		return fmt.Errorf("prompt or depth and output: got %d tokens together, want at most the model's context of %d", c.tokens(), context)
	}
	return nil
}

// Pool is the number of KV blocks, and the tokens of each, that the case needs.
func (c Case) Pool() (blocks, blockSize int) {
	const size = 16
	return c.Batch * ((c.tokens() + size - 1) / size), size
}

// Rates are the speeds of one run, in tokens a second of all sequences
// together.
type Rates struct {
	Prefill float64 // 0 where the case has no prompt
	Decode  float64
}

// Runner is an engine with just enough KV blocks for a case.
type Runner struct {
	of      Case
	engine  *engine.Engine
	runs    uint64
	held    []*engine.Handle // at their depth, between runs of a case with one
	kvBytes int64
}

// Open makes a runner on a model, which belongs to it until Close. batchTokens
// bounds the tokens of a step; 0 takes the engine's default.
func Open(m *load.Model, c Case, batchTokens int) (*Runner, error) {
	config := m.Config()
	if err := c.Check(config.Context); err != nil {
		return nil, err
	}
	blocks, blockSize := c.Pool()
	if err := m.CheckPool(blocks, blockSize); err != nil {
		return nil, err
	}
	e, err := engine.Start(m.Model, m.Tokenizer, engine.Options{
		Blocks: blocks, BlockSize: blockSize, MaxSequences: c.Batch, MaxBatchTokens: batchTokens,
	})
	if err != nil {
		return nil, err
	}
	pool := e.Pool()
	return &Runner{of: c, engine: e, kvBytes: int64(pool.Blocks) * int64(pool.BlockSize) * int64(pool.SlotBytes)}, nil
}

// KVBytes is the size of the pool of KV blocks.
func (r *Runner) KVBytes() int64 { return r.kvBytes }

// stepKVBytes is the mean over the steps of the decode: the first computes the token that
// stands behind the prompt or the depth.
func (r *Runner) stepKVBytes() int64 {
	var sum int64
	for i := range r.of.Output {
		sum += r.engine.StepKVBytes(r.of.Prompt + r.of.Depth + 1 + i)
	}
	return sum * int64(r.of.Batch) / int64(r.of.Output)
}

// Close ends the engine.
func (r *Runner) Close() error { return r.engine.Close() }

// Run runs the case once.
//
// The requests are added paused: the engine then computes a prompt up to its
// last token, whose logits the first draw needs. So each prompt is one token
// longer than what is measured, and the first half computes exactly Prompt
// tokens a sequence, the second exactly Output, the sampler's work included.
// At a depth the first half is computed once, and later runs rewind to it.
func (r *Runner) Run(ctx context.Context) (Rates, error) {
	var rates Rates
	if err := ctx.Err(); err != nil {
		return rates, err
	}
	runtime.GC() // not in the middle of a run, for what an earlier one left
	handles := r.held
	if handles == nil {
		start := time.Now()
		var err error
		if handles, err = r.prefill(ctx); err != nil {
			return rates, err
		}
		rates.Prefill = r.rate(r.of.Prompt, start)
	}
	if r.of.Depth > 0 {
		for _, h := range handles {
			if err := h.Rewind(r.of.Depth + 1); err != nil {
				return rates, err
			}
		}
		r.held = handles
	}
	// The engine stands still until all run: else it would take a step for each that
	// comes, alone with those before it.
	if err := r.engine.AllowSteps(ctx, 0); err != nil {
		return rates, err
	}
	for _, h := range handles {
		if err := h.Resume(); err != nil {
			return rates, err
		}
	}
	start := time.Now()
	if err := r.engine.AllowSteps(ctx, -1); err != nil {
		return rates, err
	}
	if err := all(ctx, handles, engine.State.Finished); err != nil {
		return rates, err
	}
	rates.Decode = r.rate(r.of.Output, start)
	return rates, nil
}

// rate is that of so many tokens a sequence since start.
func (r *Runner) rate(tokens int, start time.Time) float64 {
	return float64(tokens*r.of.Batch) / time.Since(start).Seconds()
}

// prefill adds the requests and waits until their prompts are computed.
func (r *Runner) prefill(ctx context.Context) ([]*engine.Handle, error) {
	params := sampler.Defaults()
	params.Temperature, params.IgnoreEOS, params.MaxTokens, params.Detokenize = 0, true, r.of.Output, false
	// Fixed, so that two programs compute the same; another text each run, so
	// that no cache of prefixes answers.
	n := r.of.Prompt + r.of.Depth
	random := rand.New(rand.NewPCG(uint64(n), r.runs))
	r.runs++
	handles := make([]*engine.Handle, r.of.Batch)
	for i := range handles {
		ids := make([]int32, n+1)
		for j := range ids {
			ids[j] = random.Int32N(int32(r.engine.Model().Config().Vocab))
		}
		var err error
		if handles[i], err = r.engine.Add(ctx, engine.Request{Prompt: ids, Params: params, Paused: true, Hold: r.of.Depth > 0}); err != nil {
			return nil, err
		}
	}
	return handles, all(ctx, handles, func(s engine.State) bool { return s == engine.Paused })
}

// all waits until each request has come to a state that is reached.
func all(ctx context.Context, handles []*engine.Handle, reached func(engine.State) bool) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, h := range handles {
		g.Go(func() error {
			for {
				ev, err := h.Next(ctx)
				switch {
				case err != nil:
					return err
				case ev.Kind != engine.EventState:
				case reached(ev.State) && ev.State != engine.FinishedAborted:
					return nil
				case ev.State.Finished():
					return fmt.Errorf("the engine ended a sequence: %v %s", ev.State, ev.Reason)
				}
			}
		})
	}
	return g.Wait()
}

// Spread is the least, the median and the greatest of some rates, in tokens a
// second, to a hundredth.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// NewSpread sorts the rates, of which there is at least one.
func NewSpread(rates []float64) Spread {
	slices.Sort(rates)
	n := len(rates)
	round := func(x float64) float64 { return math.Round(x*100) / 100 }
	return Spread{round(rates[0]), round((rates[(n-1)/2] + rates[n/2]) / 2), round(rates[n-1])}
}

// Measurement is a case with its speeds over some runs.
type Measurement struct {
	Case    Case
	Prefill Spread // zero where the case has no prompt
	Decode  Spread
	KVBytes int64 // of the pool of KV blocks
	// StepKVBytes is how many bytes of keys and values a step of the decode reads, of all
	// sequences, in the mean.
	StepKVBytes int64
}

// Measure runs a case once to warm up and then repeat times.
func Measure(ctx context.Context, m *load.Model, c Case, batchTokens, repeat int) (Measurement, error) {
	r, err := Open(m, c, batchTokens)
	if err != nil {
		return Measurement{}, err
	}
	defer r.Close()
	var prefill, decode []float64
	for i := range repeat + 1 {
		rates, err := r.Run(ctx)
		if err != nil {
			return Measurement{}, err
		}
		if i > 0 {
			prefill = append(prefill, rates.Prefill)
			decode = append(decode, rates.Decode)
		}
	}
	result := Measurement{Case: c, Decode: NewSpread(decode), KVBytes: r.KVBytes(), StepKVBytes: r.stepKVBytes()}
	if c.Prompt > 0 {
		result.Prefill = NewSpread(prefill)
	}
	return result, nil
}
