package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/server/bench"
	"vitrine/server/machine"
)

// comparison is the output of bench --compare --json. Rates are in tokens a
// second of all sequences together.
type comparison struct {
	Machine      machine.Info       `json:"machine"`
	LoadAverage  float64            `json:"load_average"` // as the comparison began; 0 where the system does not say
	Memory       *machine.Bandwidth `json:"memory,omitempty"`
	Compute      *machine.Peak      `json:"compute,omitempty"`
	Int8ShareOf  string             `json:"int8_share_of,omitempty"` // the instructions of the peak that a prefill's share is of
	Model        string             `json:"model"`
	Quantization string             `json:"quantization"`
	computing
	Rounds   int            `json:"rounds"`
	LlamaCpp bench.Build    `json:"llama_cpp"`
	Tests    []comparedTest `json:"tests"`
}

// comparedTest is one combination in a comparison: the prefill of a prompt, or
// the decode at a depth.
type comparedTest struct {
	Test         string       `json:"test"`
	PromptTokens int          `json:"prompt_tokens"`
	Depth        int          `json:"depth"`
	OutputTokens int          `json:"output_tokens"`
	Batch        int          `json:"batch"`
	Vitrine      bench.Spread `json:"vitrine"`
	LlamaCpp     bench.Spread `json:"llama_cpp"`
	Ratio        float64      `json:"ratio"` // of the medians; above 1 where Vitrine is faster
	// The part of the machine's limit in use, with --machine: of the memory's
	// bandwidth for a decode, of the int8 peak for a prefill.
	Share         float64 `json:"share,omitzero"`
	LlamaCppShare float64 `json:"llama_cpp_share,omitzero"`
}

// What is compared where the flags do not say: the measure of the project.
var (
	comparePrompts = []int{128, 512}
	compareDepths  = []int{128, 4000}
	compareBatches = []int{1, 16}
)

// compareCases are the combinations to compare: prompts and depths one sequence
// at a time, several together at the least depth.
func (b *benchFlags) compareCases(context int) []bench.Case {
	prompts, depths, batches := comparePrompts, compareDepths, compareBatches
	given := b.changed("prompt-tokens") || b.changed("depth")
	if given {
		prompts, depths, batches = nil, b.depths, b.batches
		if b.changed("prompt-tokens") {
			prompts = b.prompts
		}
	} else if b.changed("batch") {
		batches = b.batches // at the depths there are by default
	}
	var cases []bench.Case
	add := func(c bench.Case) {
		// What is there by default is left out where the model has no room for it.
		if given || c.Check(context) == nil {
			cases = append(cases, c)
		}
	}
	for _, prompt := range prompts {
		add(bench.Case{Prompt: prompt, Output: 1, Batch: 1})
	}
	for i, depth := range depths {
		for _, batch := range batches {
			if batch == 1 || i == 0 || given {
				add(bench.Case{Depth: depth, Output: b.output, Batch: batch})
			}
		}
	}
	return cases
}

// program takes the value of --compare apart.
func (b *benchFlags) program() (string, error) {
	name, path, ok := strings.Cut(b.compare, "=")
	if !ok || name != "llama-bench" || path == "" {
		return "", usagef("--compare: got %q, want llama-bench=PATH", b.compare)
	}
	return path, nil
}

// benchCompare runs llama.cpp and this program in turns and writes the ratios.
func (c *cli) benchCompare(ctx context.Context, b *benchFlags) error {
	path, err := b.program()
	if err != nil {
		return err
	}
	if _, err := bench.FindLlamaCpp(path, "", 1); err != nil {
		return usagef("--compare: %w", err)
	}
	found, err := load.Find(b.model.name)
	if err != nil {
		return modelUsage(err)
	}
	if !strings.EqualFold(filepath.Ext(found.Path), "."+string(hub.GGUF)) {
		return usagef("--model: %s is no .gguf file, and llama.cpp reads nothing else", found.Path)
	}
	m, err := b.open(ctx, c)
	if err != nil {
		return err
	}
	defer c.close(m.Model)
	theirs, err := bench.FindLlamaCpp(path, m.Path, m.Threads)
	if err != nil {
		return usagef("--compare: %w", err)
	}
	r := comparison{
		Machine: machine.Describe(), Memory: m.memory, Compute: m.peak, Int8ShareOf: m.int8ShareOf(), Model: m.Name, Quantization: m.Config().Quantization,
		computing: m.with, Rounds: b.repeat, Tests: []comparedTest{},
	}
	r.LoadAverage, _ = machine.LoadAverage()
	cases := b.compareCases(m.Config().Context)
	for _, one := range cases {
		if err := checkCase(m.Model, one); err != nil {
			return err
		}
	}
	if !b.asJSON {
		m.describe(c.out)
	}
	for _, one := range cases {
		if !theirs.Runs(one) {
			c.log.Warn("left out: llama-batched-bench does not lie beside llama-bench", "test", one)
			continue
		}
		compared, build, err := bench.Compare(ctx, m.Model, theirs, one, b.batchTokens, b.repeat, func(t bench.Turn) {
			who := "llama.cpp"
			if t.Ours {
				who = "vitrine"
			}
			c.log.Debug("running", "test", t.Case, "round", fmt.Sprintf("%d of %d", t.Round, t.Rounds), "program", who)
		})
		if err != nil {
			return fmt.Errorf("%v: %w", one, err)
		}
		test := m.comparedTest(compared)
		if build.Commit != "" {
			r.LlamaCpp = build
		}
		if !b.asJSON {
			if err := test.writeRow(c.out, len(r.Tests) == 0, b.machine); err != nil {
				return err
			}
		}
		r.Tests = append(r.Tests, test)
	}
	if b.asJSON {
		return writeJSON(c.out, r)
	}
	_, err = fmt.Fprintf(c.out, "tokens a second, medians of %d rounds in turns; llama.cpp %v\n", r.Rounds, r.LlamaCpp)
	if err == nil && b.machine && m.int8ShareOf() != "" {
		_, err = fmt.Fprintf(c.out, "the limit: of a prefill the int8 peak (%s), of a decode the memory's bandwidth, for weights, keys and values\n", m.int8ShareOf())
	}
	return err
}

// comparedTest puts together what is told of a combination.
func (l *loaded) comparedTest(c bench.Comparison) comparedTest {
	t := comparedTest{
		Test: c.Case.String(), PromptTokens: c.Case.Prompt, Depth: c.Case.Depth, OutputTokens: c.Case.Output, Batch: c.Case.Batch,
		Vitrine: c.Ours, LlamaCpp: c.Theirs, Ratio: c.Ratio,
	}
	if c.Case.Depth > 0 {
		t.Share, t.LlamaCppShare = l.share(c.Ours.Median, c.Case.Batch, c.StepKVBytes), l.shareOf(l.StepFileBytes()+c.StepKVBytes, c.Theirs.Median, c.Case.Batch)
	} else {
		t.Share, t.LlamaCppShare = l.int8Share(c.Ours.Median), l.int8Share(c.Theirs.Median)
	}
	return t
}

// writeRow writes a line of the table, the first one below its heading.
func (t *comparedTest) writeRow(out io.Writer, first, shares bool) error {
	line := func(test, ours, oursSpread, theirs, theirsSpread, ratio, share, theirShare string) string {
		s := fmt.Sprintf("%-32s%10s%17s%11s%17s%8s", test, ours, oursSpread, theirs, theirsSpread, ratio)
		if shares {
			s += fmt.Sprintf("%15s%11s", share, theirShare)
		}
		return strings.TrimRight(s, " ") + "\n"
	}
	if first {
		if _, err := io.WriteString(out, line("", "vitrine", "min–max", "llama.cpp", "min–max", "ratio", "of the limit", "llama.cpp")); err != nil {
			return err
		}
	}
	spread := func(s bench.Spread) string { return fmt.Sprintf("%.1f–%.1f", s.Min, s.Max) }
	percent := func(share float64) string {
		if share == 0 {
			return ""
		}
		return fmt.Sprintf("%.1f%%", 100*share)
	}
	_, err := io.WriteString(out, line(t.Test, fmt.Sprintf("%.1f", t.Vitrine.Median), spread(t.Vitrine),
		fmt.Sprintf("%.1f", t.LlamaCpp.Median), spread(t.LlamaCpp), fmt.Sprintf("%.2f", t.Ratio), percent(t.Share), percent(t.LlamaCppShare)))
	return err
}
