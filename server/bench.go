package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"vitrine/engine/load"
	"vitrine/server/bench"
	"vitrine/server/machine"
)

// measurement is a line of output of bench --json: one combination of prompt
// length or depth, output length and batch. Rates are those of all sequences
// together, in tokens a second, the medians of the runs.
type measurement struct {
	Model        string `json:"model"`
	Quantization string `json:"quantization"`
	computing
	PromptTokens int `json:"prompt_tokens"`
	Depth        int `json:"depth"`
	OutputTokens int `json:"output_tokens"`
	Batch        int `json:"batch"`
	Repeat       int `json:"repeat"`

	// Prefill is not there at a depth.
	Prefill    float64 `json:"prefill_tokens_per_second,omitzero"`
	PrefillMin float64 `json:"prefill_tokens_per_second_min,omitzero"`
	PrefillMax float64 `json:"prefill_tokens_per_second_max,omitzero"`
	Decode     float64 `json:"decode_tokens_per_second"`
	DecodeMin  float64 `json:"decode_tokens_per_second_min"`
	DecodeMax  float64 `json:"decode_tokens_per_second_max"`

	LoadSeconds float64 `json:"load_seconds"`
	ModelBytes  int64   `json:"model_bytes"` // of the file, or of a folder's weights
	KVBytes     int64   `json:"kv_bytes"`    // of the pool of KV blocks
	*machine.Resident
	StepBytes   int64 `json:"step_bytes"`    // of weights that one step reads
	StepKVBytes int64 `json:"step_kv_bytes"` // of keys and values that a step of the decode reads beside them, in the mean
	// The rest is there with --machine only.
	Memory  *machine.Bandwidth `json:"memory,omitempty"`
	Compute *machine.Peak      `json:"compute,omitempty"`
	// BandwidthShare is the part of the memory's bandwidth that reading the weights, keys
	// and values takes while decoding, from 0 to 1; above it where they stay in a cache.
	BandwidthShare float64 `json:"bandwidth_share,omitzero"`
	// Int8Share is the part of the int8 peak that the weights' multiply–adds
	// take during the prefill; attention is not counted. Int8ShareOf says with which
	// instructions that peak was measured: those of the features that the model runs on.
	Int8Share   float64 `json:"int8_share,omitzero"`
	Int8ShareOf string  `json:"int8_share_of,omitempty"`
}

// benchFlags say what is measured.
type benchFlags struct {
	model                    modelFlags
	prompts, depths, batches []int
	output, repeat           int
	batchTokens              int
	compare                  string
	machine, asJSON          bool
	changed                  func(flag string) bool
}

func (c *cli) benchCommand() *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast prompts are read and tokens are drawn",
		Long: "For each prompt length and batch, that many sequences of random tokens are run\n" +
			"together, once to warm up and then --repeat times. Prefill is the time until all\n" +
			"prompts are in the KV cache, decode the time for --output-tokens more of each, the\n" +
			"sampler's included. Medians are told, with the least and the greatest. With --depth\n" +
			"only the decode is timed, behind so many tokens.\n\n" +
			"--compare llama-bench=PATH runs llama.cpp's llama-bench on the same file with as many\n" +
			"threads, and this program, in turns, --repeat times each, and tells the ratios; several\n" +
			"sequences together are run by llama-batched-bench, where it lies beside llama-bench.",
		Example: "  vitrine bench --threads 2 --prompt-tokens 128,512 --output-tokens 64 --batch 1,4,16 --json\n" +
			"  vitrine bench --depth 4000 --machine\n" +
			"  vitrine bench --threads 2 --compare llama-bench=llama.cpp/build/bin/llama-bench",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.changed = cmd.Flags().Changed
			if err := b.check(); err != nil {
				return err
			}
			if b.compare != "" {
				return c.benchCompare(cmd.Context(), &b)
			}
			return c.bench(cmd.Context(), &b)
		},
	}
	flags := cmd.Flags()
	b.model.add(flags)
	flags.IntSliceVar(&b.prompts, "prompt-tokens", []int{128, 512}, "lengths of the prompts")
	flags.IntSliceVar(&b.depths, "depth", nil, "measure the decode alone, behind so many tokens in the KV cache")
	flags.IntVar(&b.output, "output-tokens", 64, "tokens to draw after each prompt")
	flags.IntSliceVar(&b.batches, "batch", []int{1}, "numbers of sequences to run together")
	flags.IntVar(&b.repeat, "repeat", 3, "runs of each measurement")
	flags.IntVar(&b.batchTokens, "max-num-batched-tokens", 0, "tokens of one step at most; 0 takes the engine's default")
	flags.StringVar(&b.compare, "compare", "", "compare with another program: llama-bench=PATH")
	flags.BoolVar(&b.machine, "machine", false, "measure the memory's bandwidth and the int8 peak too, and tell the shares in use")
	flags.BoolVar(&b.asJSON, "json", false, "write one JSON object for each measurement, or for a comparison")
	cmd.AddCommand(c.benchServingCommand())
	return cmd
}

// check says which flag is out of range.
func (b *benchFlags) check() error {
	if len(b.prompts) == 0 || slices.Min(b.prompts) < 1 {
		return usagef("--prompt-tokens: got %v, want lengths of at least 1", b.prompts)
	}
	if len(b.depths) > 0 && slices.Min(b.depths) < 1 {
		return usagef("--depth: got %v, want depths of at least 1", b.depths)
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
	if b.batchTokens < 0 {
		return usagef("--max-num-batched-tokens: got %d, want 0 (the engine's default) or more", b.batchTokens)
	}
	return nil
}

// cases are the combinations to measure: those of prompts, unless only depths
// are asked for, and those of depths.
func (b *benchFlags) cases() []bench.Case {
	var cases []bench.Case
	add := func(prompt, depth int) {
		for _, batch := range b.batches {
			cases = append(cases, bench.Case{Prompt: prompt, Depth: depth, Output: b.output, Batch: batch})
		}
	}
	if len(b.depths) == 0 || b.changed("prompt-tokens") {
		for _, prompt := range b.prompts {
			add(prompt, 0)
		}
	}
	for _, depth := range b.depths {
		add(0, depth)
	}
	return cases
}

// bench measures every combination and writes each as soon as it is known.
func (c *cli) bench(ctx context.Context, b *benchFlags) error {
	m, err := b.open(ctx, c)
	if err != nil {
		return err
	}
	defer c.close(m.Model)
	cases := b.cases()
	for _, one := range cases {
		if err := checkCase(m.Model, one); err != nil {
			return err
		}
	}
	if !b.asJSON {
		m.describe(c.out)
		fmt.Fprintf(c.out, "%7s%7s%8s%7s%15s%17s%14s%17s", "prompt", "depth", "output", "batch", "prefill tok/s", "min–max", "decode tok/s", "min–max")
		if b.machine {
			fmt.Fprintf(c.out, "%13s", "of bandwidth")
			if of := m.int8ShareOf(); of != "" {
				fmt.Fprintf(c.out, "%22s", "of "+of+" peak")
			}
		}
		fmt.Fprintln(c.out)
	}
	var last *measurement
	var pool int64 // the greatest KV pool: the greatest resident size is that of all combinations
	for _, one := range cases {
		measured, err := bench.Measure(ctx, m.Model, one, b.batchTokens, b.repeat)
		if err != nil {
			return fmt.Errorf("%v: %w", one, err)
		}
		last = m.measurement(measured, b.repeat)
		pool = max(pool, last.KVBytes)
		if b.asJSON {
			err = writeJSON(c.out, last)
		} else {
			err = last.writeRow(c.out)
		}
		if err != nil {
			return err
		}
	}
	if b.asJSON || last.Resident == nil {
		return nil
	}
	_, err = fmt.Fprintf(c.out, "resident memory %s, at most %s; the model's file and the largest KV pool are %s + %s: %.2f times as much\n",
		humanize.IBytes(last.Now), humanize.IBytes(last.Peak), humanize.IBytes(uint64(last.ModelBytes)), humanize.IBytes(uint64(pool)),
		float64(last.Peak)/float64(last.ModelBytes+pool))
	return err
}

// checkCase refuses a combination that the model's context or the machine's
// memory has no room for.
func checkCase(m *load.Model, c bench.Case) error {
	if err := c.Check(m.Config().Context); err != nil {
		return &usageError{err}
	}
	if err := m.CheckPool(c.Pool()); err != nil {
		return &usageError{err}
	}
	return nil
}

// measurement puts together what is told of a combination.
func (l *loaded) measurement(m bench.Measurement, repeat int) *measurement {
	r := &measurement{
		Model: l.Name, Quantization: l.Config().Quantization, computing: l.with,
		PromptTokens: m.Case.Prompt, Depth: m.Case.Depth, OutputTokens: m.Case.Output, Batch: m.Case.Batch, Repeat: repeat,
		Prefill: m.Prefill.Median, PrefillMin: m.Prefill.Min, PrefillMax: m.Prefill.Max,
		Decode: m.Decode.Median, DecodeMin: m.Decode.Min, DecodeMax: m.Decode.Max,
		LoadSeconds: math.Round(l.Loading.Seconds()*1000) / 1000, ModelBytes: l.bytes, KVBytes: m.KVBytes, StepBytes: l.StepBytes(), StepKVBytes: m.StepKVBytes,
		Memory: l.memory, Compute: l.peak, BandwidthShare: l.share(m.Decode.Median, m.Case.Batch, m.StepKVBytes), Int8Share: l.int8Share(m.Prefill.Median),
		Int8ShareOf: l.int8ShareOf(),
	}
	if resident, ok := machine.ResidentMemory(); ok {
		r.Resident = &resident
	}
	return r
}

// writeRow writes a line of the table.
func (r *measurement) writeRow(out io.Writer) error {
	prefill, spread := "–", "–"
	if r.Depth == 0 {
		prefill, spread = fmt.Sprintf("%.1f", r.Prefill), fmt.Sprintf("%.1f–%.1f", r.PrefillMin, r.PrefillMax)
	}
	row := fmt.Sprintf("%7d%7d%8d%7d%15s%17s%14.1f%17s", r.PromptTokens, r.Depth, r.OutputTokens, r.Batch,
		prefill, spread, r.Decode, fmt.Sprintf("%.1f–%.1f", r.DecodeMin, r.DecodeMax))
	if r.Memory != nil {
		row += fmt.Sprintf("%12.1f%%", 100*r.BandwidthShare)
		if r.Int8Share > 0 {
			row += fmt.Sprintf("%21.1f%%", 100*r.Int8Share)
		}
	}
	_, err := fmt.Fprintln(out, strings.TrimRight(row, " "))
	return err
}
