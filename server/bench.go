package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"vitrine/engine"
	"vitrine/engine/sampler"
	"vitrine/server/load"
)

// measurement is a line of output of bench --json: one combination of prompt
// length, output length and batch. Rates are those of all sequences together,
// in tokens a second, the medians of the runs.
type measurement struct {
	Model        string `json:"model"`
	Quantization string `json:"quantization"`
	Backend      string `json:"backend"`
	Threads      int    `json:"threads"`
	PromptTokens int    `json:"prompt_tokens"`
	OutputTokens int    `json:"output_tokens"`
	Batch        int    `json:"batch"`
	Repeat       int    `json:"repeat"`

	Prefill    float64 `json:"prefill_tokens_per_second"`
	PrefillMin float64 `json:"prefill_tokens_per_second_min"`
	PrefillMax float64 `json:"prefill_tokens_per_second_max"`
	Decode     float64 `json:"decode_tokens_per_second"`
	DecodeMin  float64 `json:"decode_tokens_per_second_min"`
	DecodeMax  float64 `json:"decode_tokens_per_second_max"`
}

// benchFlags say what is measured.
type benchFlags struct {
	prompts, batches []int
	output, repeat   int
	asJSON           bool
}

func (c *cli) benchCommand() *cobra.Command {
	var (
		m modelFlags
		b benchFlags
	)
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast prompts are read and tokens are drawn",
		Long: "For each prompt length and batch, that many sequences of random tokens are run\n" +
			"together, once to warm up and then --repeat times. Prefill is the time until all\n" +
			"prompts are in the KV cache, decode the time for --output-tokens more of each, the\n" +
			"sampler's included. Medians are told, with the least and the greatest.",
		Example: "  vitrine bench --threads 2 --prompt-tokens 128,512 --output-tokens 64 --batch 1,4,16 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.check(); err != nil {
				return err
			}
			model, err := c.open(cmd.Context(), &m)
			if err != nil {
				return err
			}
			defer c.close(model)
			return b.run(cmd.Context(), model, c.out)
		},
	}
	m.add(cmd.Flags())
	cmd.Flags().IntSliceVar(&b.prompts, "prompt-tokens", []int{128, 512}, "lengths of the prompts")
	cmd.Flags().IntVar(&b.output, "output-tokens", 64, "tokens to draw after each prompt")
	cmd.Flags().IntSliceVar(&b.batches, "batch", []int{1}, "numbers of sequences to run together")
	cmd.Flags().IntVar(&b.repeat, "repeat", 3, "runs of each measurement")
	cmd.Flags().BoolVar(&b.asJSON, "json", false, "write one JSON object for each measurement")
	return cmd
}

// check says which flag is out of range.
func (b *benchFlags) check() error {
	if len(b.prompts) == 0 || slices.Min(b.prompts) < 1 {
		return usagef("--prompt-tokens: got %v, want lengths of at least 1", b.prompts)
	}
	if len(b.batches) == 0 || slices.Min(b.batches) < 1 {
		return usagef("--batch: got %v, want numbers of at least 1", b.batches)
	}
	if b.output < 1 {
		return usagef("--output-tokens: got %d, want at least 1", b.output)
	}
	if b.repeat < 1 {
		return usagef("--repeat: got %d, want at least 1", b.repeat)
	}
	return nil
}

// run measures every combination and writes each as soon as it is known.
func (b *benchFlags) run(ctx context.Context, m *load.Model, out io.Writer) error {
	config := m.Config()
	if n := slices.Max(b.prompts) + 1 + b.output; n > config.Context {
		return usagef("--prompt-tokens and --output-tokens: got %d tokens together, want at most the model's context of %d", n, config.Context)
	}
	if !b.asJSON {
		fmt.Fprintf(out, "%7s%8s%7s%15s%17s%14s%17s\n", "prompt", "output", "batch", "prefill tok/s", "min–max", "decode tok/s", "min–max")
	}
	for _, prompt := range b.prompts {
		for _, batch := range b.batches {
			r, err := b.measure(ctx, m, prompt, batch)
			if err != nil {
				return fmt.Errorf("prompt of %d, batch of %d: %w", prompt, batch, err)
			}
			if b.asJSON {
				err = writeJSON(out, r)
			} else {
				_, err = fmt.Fprintf(out, "%7d%8d%7d%15.1f%17s%14.1f%17s\n", r.PromptTokens, r.OutputTokens, r.Batch,
					r.Prefill, fmt.Sprintf("%.1f–%.1f", r.PrefillMin, r.PrefillMax),
					r.Decode, fmt.Sprintf("%.1f–%.1f", r.DecodeMin, r.DecodeMax))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// measure runs one combination in an engine with just enough KV blocks.
func (b *benchFlags) measure(ctx context.Context, m *load.Model, prompt, batch int) (*measurement, error) {
	perSequence := (prompt + 1 + b.output + blockSize) / blockSize
	if err := m.CheckPool(batch*perSequence, blockSize); err != nil {
		return nil, &usageError{err}
	}
	e, err := engine.New(m.Model, m.Tokenizer, engine.Options{
		Blocks: batch * perSequence, BlockSize: blockSize, MaxSequences: batch,
	})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	var prefill, decode []float64
	for i := range b.repeat + 1 {
		p, d, err := b.once(ctx, e, prompt, batch, uint64(i))
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first one warms up
			prefill = append(prefill, float64(batch*prompt)/p.Seconds())
			decode = append(decode, float64(batch*b.output)/d.Seconds())
		}
	}
	config := m.Config()
	r := &measurement{
		Model: m.Name, Quantization: config.Quantization, Backend: m.Backend().Name(), Threads: m.Threads,
		PromptTokens: prompt, OutputTokens: b.output, Batch: batch, Repeat: b.repeat,
	}
	r.PrefillMin, r.Prefill, r.PrefillMax = spread(prefill)
	r.DecodeMin, r.Decode, r.DecodeMax = spread(decode)
	return r, nil
}

// once runs the batch and returns the times of its two halves.
//
// The requests are added paused: the engine then computes a prompt up to its
// last token, whose logits the first draw needs. So each prompt is one token
// longer than what is measured, and the first half computes exactly prompt
// tokens a sequence, the second exactly --output-tokens.
func (b *benchFlags) once(ctx context.Context, e *engine.Engine, prompt, batch int, run uint64) (prefill, decode time.Duration, err error) {
	params := sampler.Defaults()
	params.Temperature, params.IgnoreEOS, params.MaxTokens, params.Detokenize = 0, true, b.output, false
	// Fixed, so that two programs compute the same; another text each run, so
	// that no cache of prefixes answers.
	random := rand.New(rand.NewPCG(uint64(prompt), run))
	prompts := make([][]int32, batch)
	for i := range prompts {
		prompts[i] = make([]int32, prompt+1)
		for j := range prompts[i] {
			prompts[i][j] = random.Int32N(int32(e.Model().Config().Vocab))
		}
	}
	runtime.GC() // not in the middle of a run, for what an earlier one left

	handles := make([]*engine.Handle, batch)
	start := time.Now()
	for i, ids := range prompts {
		if handles[i], err = e.Add(ctx, engine.Request{Prompt: ids, Params: params, Paused: true}); err != nil {
			return 0, 0, err
		}
	}
	if err := all(ctx, handles, func(s engine.State) bool { return s == engine.Paused }); err != nil {
		return 0, 0, err
	}
	prefill = time.Since(start)

	start = time.Now()
	for _, h := range handles {
		if err := h.Resume(); err != nil {
			return 0, 0, err
		}
	}
	if err := all(ctx, handles, engine.State.Finished); err != nil {
		return 0, 0, err
	}
	return prefill, time.Since(start), nil
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

// spread returns the least, the median and the greatest of the rates, which it
// sorts, to a hundredth of a token a second.
func spread(rates []float64) (least, median, greatest float64) {
	slices.Sort(rates)
	n := len(rates)
	round := func(x float64) float64 { return math.Round(x*100) / 100 }
	return round(rates[0]), round((rates[(n-1)/2] + rates[n/2]) / 2), round(rates[n-1])
}
