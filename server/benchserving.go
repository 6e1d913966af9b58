package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/server/bench"
	"vitrine/server/bench/serving"
	"vitrine/server/machine"
)

// The words of the flags of bench serving, and what they stand for.
var (
	policyWords = []string{"fcfs", "priority", "static", "one-at-a-time"}
	policies    = []engine.Policy{engine.FirstComeFirstServed, engine.Priority, engine.StaticBatching, engine.OneAtATime}
	memoryWords = []string{"paged", "contiguous", "none"}
	memories    = []engine.Memory{engine.Paged, engine.Contiguous, engine.NoCache}
	onOff       = []string{"on", "off"}
	eventWords  = []string{"meter", "none", "all"}
	events      = []serving.Events{serving.MeterEvents, serving.NoEvents, serving.AllEvents}
)

// servedRun is a line of output of bench serving --json: one way to serve the
// workload. The figures are those of the run with the median throughput.
type servedRun struct {
	Machine      machine.Info `json:"machine"`
	Model        string       `json:"model"`
	Quantization string       `json:"quantization"`
	computing

	Workload     string `json:"workload"`
	Requests     int    `json:"requests"`
	PromptTokens int    `json:"prompt_tokens"`
	OutputTokens int    `json:"output_tokens"`

	Policy            string  `json:"policy"`
	KVMemory          string  `json:"kv_memory"`
	PrefixCaching     bool    `json:"prefix_caching"`
	SpeculativeTokens int     `json:"num_speculative_tokens"`
	MaxNumSeqs        int     `json:"max_num_seqs"`
	KVBlocks          int     `json:"kv_blocks"`
	BlockSize         int     `json:"block_size"`
	Watermark         float64 `json:"watermark"`
	KVBytes           int64   `json:"kv_bytes"`
	Events            string  `json:"events"`
	RequestRate       float64 `json:"request_rate,omitzero"` // not there where all came at once

	Repeat            int          `json:"repeat"`
	Seconds           float64      `json:"seconds"`
	RequestsPerSecond float64      `json:"requests_per_second"`
	OutputPerSecond   bench.Spread `json:"output_tokens_per_second"`
	TotalPerSecond    float64      `json:"total_tokens_per_second"`
	// The latencies are in seconds.
	TTFT serving.Percentiles `json:"time_to_first_token_seconds"`
	ITL  serving.Percentiles `json:"inter_token_latency_seconds"`
	E2E  serving.Percentiles `json:"e2e_request_latency_seconds"`

	// The five are not there with --events none. The requests are those of a step:
	// the mean over the steps, that over the steps while others waited, and the most.
	KVWaste          float64 `json:"kv_waste,omitzero"`
	ConcurrentMean   float64 `json:"concurrent_requests_mean,omitzero"`
	ConcurrentQueued float64 `json:"concurrent_requests_while_others_wait,omitzero"`
	ConcurrentMax    int     `json:"concurrent_requests_max,omitzero"`
	PrefillTokens    int     `json:"prefill_tokens,omitzero"`

	Steps          uint64  `json:"steps"`
	ComputedTokens uint64  `json:"computed_tokens"`
	PaddingTokens  uint64  `json:"padding_tokens"`
	Preemptions    uint64  `json:"preemptions"`
	PrefixHitRate  float64 `json:"prefix_hit_rate"`
	Drafted        uint64  `json:"drafted_tokens"`
	Accepted       uint64  `json:"accepted_tokens"`
	// Answers is a digest of their tokens, the same for all combinations but without
	// batch invariance.
	Answers string `json:"answers"`
	// Ratio is the throughput in output tokens beside that of the first line.
	Ratio float64 `json:"ratio"`
}

// servingFlags say what is served, and how. Those that take several values
// are combined, each with each.
type servingFlags struct {
	model                              modelFlags
	workload, rate                     string
	requests, repeat, batchTokens      int
	policy, memory, prefix, eventLists []string
	speculative, sequences, blocks     []int
	blockSizes                         []int
	watermarks                         []float64
	asJSON                             bool
}

func (c *cli) benchServingCommand() *cobra.Command {
	var b servingFlags
	cmd := &cobra.Command{
		Use:   "serving",
		Short: "Measure how many requests at once are served, by policy",
		Long: "A workload's requests are sent to an engine, and throughput, latencies and the use of\n" +
			"memory are told. Every answer runs to its length, whatever is in it, so every policy\n" +
			"does the same work. Flags that take several values run each combination, in turns,\n" +
			"--repeat times, and tell the ratio of the throughput to that of the first.\n\n" +
			"Workloads: mixed has the lengths of a chat service's requests, shared-prompt many short\n" +
			"questions behind one system prompt; a .json file may hold another. Requests come all at\n" +
			"once, or as a Poisson process with --request-rate.\n\n" +
			"--kv-memory contiguous reserves for each request what may become of it, up to the workload's\n" +
			"max_model_len: nobody knows an answer's length before its end.",
		Example: "  vitrine bench serving --policy fcfs,static,one-at-a-time\n" +
			"  vitrine bench serving --kv-memory paged,contiguous --kv-blocks 512 --max-num-seqs 128\n" +
			"  vitrine bench serving --workload shared-prompt --prefix-caching on,off --json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.benchServing(cmd.Context(), &b) },
	}
	flags := cmd.Flags()
	b.model.add(flags)
	flags.StringVar(&b.workload, "workload", serving.Names[0], strings.Join(serving.Names, ", ")+", or a .json file")
	flags.IntVar(&b.requests, "requests", 0, "serve the workload's first so many requests alone; 0 serves all")
	flags.StringVar(&b.rate, "request-rate", "inf", "requests a second; inf sends all at once")
	flags.StringSliceVar(&b.policy, "policy", policyWords[:1], "who runs: "+strings.Join(policyWords, ", "))
	flags.StringSliceVar(&b.memory, "kv-memory", memoryWords[:1], "how keys and values are held: "+strings.Join(memoryWords, ", "))
	flags.StringSliceVar(&b.prefix, "prefix-caching", onOff[:1], "whether prompts that begin alike are computed once: "+strings.Join(onOff, ", "))
	flags.IntSliceVar(&b.speculative, "num-speculative-tokens", []int{0}, "tokens guessed a step by looking up the prompt; 0 guesses none")
	flags.IntSliceVar(&b.sequences, "max-num-seqs", []int{64}, "requests of one step at most")
	flags.IntVar(&b.batchTokens, "max-num-batched-tokens", 0, "tokens of one step at most; 0 takes the engine's default")
	flags.IntSliceVar(&b.blocks, "kv-blocks", []int{0}, "KV blocks; 0 takes enough for max-num-seqs requests of the greatest length")
	flags.IntSliceVar(&b.blockSizes, "block-size", []int{16}, "tokens a KV block")
	flags.Float64SliceVar(&b.watermarks, "watermark", []float64{0}, "part of the KV blocks that stays free when a request is admitted beside others, no effect in contiguous memory, where nobody grows; 0 up to, but not, 1")
	flags.StringSliceVar(&b.eventLists, "events", eventWords[:1], "what is observed: meter the memory and the batches, none nothing, all everything, and a watcher is told")
	flags.IntVar(&b.repeat, "repeat", 1, "runs of each")
	flags.BoolVar(&b.asJSON, "json", false, "write one JSON object for each combination")
	return cmd
}

// each is what a list of a flag's words stands for.
func each[T any](flag string, list, words []string, values []T) ([]T, error) {
	if len(list) == 0 {
		return nil, usagef("--%s: got none, want %s", flag, strings.Join(words, ", "))
	}
	out := make([]T, len(list))
	for i, word := range list {
		at := slices.Index(words, word)
		if at < 0 {
			return nil, usagef("--%s: got %q, want %s", flag, word, strings.Join(words, ", "))
		}
		out[i] = values[at]
	}
	return out, nil
}

// configs are the combinations to run, and says which flag is out of range.
func (b *servingFlags) configs() ([]serving.Config, error) {
	base := serving.Config{MaxNumBatchedTokens: b.batchTokens}
	if b.rate != "inf" {
		var err error
		if base.RequestRate, err = strconv.ParseFloat(b.rate, 64); err != nil || !(base.RequestRate > 0) || math.IsInf(base.RequestRate, 0) {
			return nil, usagef("--request-rate: got %q, want requests a second, or inf", b.rate)
		}
	}
	if b.repeat < 1 {
		return nil, usagef("--repeat: got %d, want at least 1", b.repeat)
	}
	if b.requests < 0 {
		return nil, usagef("--requests: got %d, want 0 (all) or more", b.requests)
	}
	policy, err := each("policy", b.policy, policyWords, policies)
	if err != nil {
		return nil, err
	}
	memory, err := each("kv-memory", b.memory, memoryWords, memories)
	if err != nil {
		return nil, err
	}
	prefix, err := each("prefix-caching", b.prefix, onOff, []bool{true, false})
	if err != nil {
		return nil, err
	}
	observed, err := each("events", b.eventLists, eventWords, events)
	if err != nil {
		return nil, err
	}
	configs := []serving.Config{base}
	configs = combine(configs, policy, func(c *serving.Config, v engine.Policy) { c.Policy = v })
	configs = combine(configs, memory, func(c *serving.Config, v engine.Memory) { c.Memory = v })
	configs = combine(configs, prefix, func(c *serving.Config, v bool) { c.PrefixCaching = v })
	configs = combine(configs, b.speculative, func(c *serving.Config, v int) { c.SpeculativeTokens = v })
	configs = combine(configs, b.sequences, func(c *serving.Config, v int) { c.MaxNumSeqs = v })
	configs = combine(configs, b.blocks, func(c *serving.Config, v int) { c.KVBlocks = v })
	configs = combine(configs, b.blockSizes, func(c *serving.Config, v int) { c.BlockSize = v })
	configs = combine(configs, b.watermarks, func(c *serving.Config, v float64) { c.Watermark = v })
	return combine(configs, observed, func(c *serving.Config, v serving.Events) { c.Events = v }), nil
}

// combine is each configuration with each value of a setting.
func combine[T any](configs []serving.Config, values []T, set func(*serving.Config, T)) []serving.Config {
	var out []serving.Config
	for _, c := range configs {
		for _, v := range values {
			set(&c, v)
			out = append(out, c)
		}
	}
	return out
}

// benchServing runs the combinations in turns and writes what each came to.
func (c *cli) benchServing(ctx context.Context, b *servingFlags) error {
	configs, err := b.configs()
	if err != nil {
		return err
	}
	if len(configs) == 0 {
		return usagef("--max-num-seqs, --kv-blocks, --block-size, --watermark and --num-speculative-tokens: one is empty, want at least one number each")
	}
	workload, err := serving.Open(b.workload)
	if err != nil {
		return usagef("--workload: %w", err)
	}
	workload = workload.Head(b.requests)
	m, err := c.open(ctx, &b.model)
	if err != nil {
		return err
	}
	defer c.close(m)
	for _, config := range configs {
		if err := config.Check(m, workload); err != nil {
			return &usageError{fmt.Errorf("--%w", err)}
		}
	}
	results := make([][]*serving.Result, len(configs))
	for round := range b.repeat {
		for i, config := range configs {
			c.log.Debug("running", "round", round+1, "config", fmt.Sprintf("%+v", config))
			r, err := serving.Run(ctx, m, workload, config)
			if err != nil {
				return err
			}
			results[i] = append(results[i], r)
		}
	}
	runs := make([]*servedRun, len(results))
	for i, r := range results {
		runs[i] = newServedRun(m, b.model.computing(m), workload, r)
		runs[i].Ratio = math.Round(runs[i].OutputPerSecond.Median/runs[0].OutputPerSecond.Median*1000) / 1000
		if b.asJSON {
			if err := writeJSON(c.out, runs[i]); err != nil {
				return err
			}
		}
	}
	if !b.asJSON {
		if err := writeServedRuns(c.out, workload, runs); err != nil {
			return err
		}
	}
	for _, r := range runs[1:] {
		if b.model.invariant && r.Answers != runs[0].Answers {
			return errors.New("the combinations did not give the same answers: one of them computes wrongly")
		}
	}
	return nil
}

// newServedRun puts together what is told of the runs of a combination.
func newServedRun(m *load.Model, with computing, w *serving.Workload, results []*serving.Result) *servedRun {
	rates := make([]float64, len(results))
	for i, r := range results {
		rates[i] = r.OutputPerSecond()
	}
	slices.SortFunc(results, func(a, b *serving.Result) int { return cmp.Compare(a.OutputPerSecond(), b.OutputPerSecond()) })
	r := results[(len(results)-1)/2]
	digits := func(x float64) float64 { return math.Round(x*1e4) / 1e4 }
	return &servedRun{
		Machine: machine.Describe(), Model: m.Name, Quantization: m.Config().Quantization, computing: with,
		Workload: w.Name, Requests: r.Requests, PromptTokens: r.PromptTokens, OutputTokens: r.OutputTokens,
		Policy: policyWords[slices.Index(policies, r.Policy)], KVMemory: memoryWords[slices.Index(memories, r.Memory)],
		PrefixCaching: r.PrefixCaching, SpeculativeTokens: r.SpeculativeTokens, MaxNumSeqs: r.MaxNumSeqs,
		KVBlocks: r.KVBlocks, BlockSize: r.BlockSize, Watermark: r.Watermark, KVBytes: r.KVBytes,
		Events: eventWords[slices.Index(events, r.Events)], RequestRate: r.RequestRate,
		Repeat: len(results), Seconds: digits(r.Seconds), RequestsPerSecond: digits(r.RequestsPerSecond()),
		OutputPerSecond: bench.NewSpread(rates), TotalPerSecond: digits(r.TotalPerSecond()), TTFT: r.TTFT, ITL: r.ITL, E2E: r.E2E,
		KVWaste: digits(r.KVWaste), ConcurrentMean: digits(r.ConcurrentMean), ConcurrentQueued: digits(r.ConcurrentQueued), ConcurrentMax: r.ConcurrentMax, PrefillTokens: r.PrefillTokens,
		Steps: r.Stats.Steps, ComputedTokens: r.Stats.ComputedTokens, PaddingTokens: r.Stats.PaddingTokens, Preemptions: r.Stats.Preemptions,
		PrefixHitRate: digits(r.HitRate()), Drafted: r.Stats.Drafted, Accepted: r.Stats.Accepted, Answers: r.Answers,
	}
}

// writeServedRuns writes a table with a line for each combination.
func writeServedRuns(out io.Writer, w *serving.Workload, runs []*servedRun) error {
	first := runs[0]
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s, %v\n%v\n", first.Model, first.Quantization, first.line(), first.Machine)
	fmt.Fprintf(&text, "workload %s: %d requests, %d tokens of prompts, %d of answers, at most %d a request\n\n",
		w.Name, first.Requests, first.PromptTokens, first.OutputTokens, w.MaxModelLen)
	fmt.Fprintf(&text, "%-44s%9s%9s%7s%7s%21s%21s%8s%15s%9s%9s%9s%9s\n", "", "KV", "tokens/s", "req/s", "ratio",
		"TTFT p50/p90/p99 s", "ITL p50/p90/p99 ms", "waste", "at once", "prefill", "padding", "preempt", "hits")
	for _, r := range runs {
		concurrent, waste, prefill := "–", "–", "–"
		if r.ConcurrentMax > 0 {
			concurrent, waste, prefill = fmt.Sprintf("%.1f/%.1f/%d", r.ConcurrentMean, r.ConcurrentQueued, r.ConcurrentMax), fmt.Sprintf("%.1f%%", 100*r.KVWaste), strconv.Itoa(r.PrefillTokens)
		}
		fmt.Fprintf(&text, "%-44s%9s%9.1f%7.2f%7.2f%21s%21s%8s%15s%9s%9d%9d%8.1f%%\n", r.title(), strings.ReplaceAll(humanize.IBytes(uint64(r.KVBytes)), " ", ""),
			r.OutputPerSecond.Median, r.RequestsPerSecond, r.Ratio,
			fmt.Sprintf("%.2f/%.2f/%.2f", r.TTFT.P50, r.TTFT.P90, r.TTFT.P99), fmt.Sprintf("%.1f/%.1f/%.1f", 1e3*r.ITL.P50, 1e3*r.ITL.P90, 1e3*r.ITL.P99),
			waste, concurrent, prefill, r.PaddingTokens, r.Preemptions, 100*r.PrefixHitRate)
	}
	text.WriteString("\nat once: requests of a step, the mean, that while others wait, and the most; waste: slots reserved for nothing\n")
	_, err := io.WriteString(out, text.String())
	return err
}

// title says in a few words how a run served.
func (r *servedRun) title() string {
	words := []string{r.Policy, r.KVMemory, fmt.Sprintf("%d seqs", r.MaxNumSeqs)}
	if !r.PrefixCaching {
		words = append(words, "no prefix cache")
	}
	if r.Watermark > 0 {
		words = append(words, fmt.Sprintf("watermark %g", r.Watermark))
	}
	if r.SpeculativeTokens > 0 {
		words = append(words, fmt.Sprintf("%d drafts", r.SpeculativeTokens))
	}
	if r.Events != eventWords[0] {
		words = append(words, "events "+r.Events)
	}
	return strings.Join(words, ", ")
}
