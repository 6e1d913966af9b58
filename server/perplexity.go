package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"vitrine/engine"
	"vitrine/engine/load"
	"vitrine/engine/tokenizer"
)

// kingJames is the text that perplexities are told of: Ruth, Ecclesiastes and
// Mark in the King James Version of 1611, which is in the public domain; a
// verse a line, from Debian's package bible-kjv-text.
//
//go:embed testdata/kjv.txt
var kingJames string

// measuredPerplexity is the output of perplexity --json.
type measuredPerplexity struct {
	engine.Perplexity
	Model        string `json:"model"`
	Quantization string `json:"quantization"`
	Backend      string `json:"backend"`
	Text         string `json:"text"` // the file's name, or what the text is
}

func (c *cli) perplexityCommand() *cobra.Command {
	var (
		m      modelFlags
		file   string
		o      engine.PerplexityOptions
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "perplexity",
		Short: "Measure how well a model predicts a text",
		Long: "Cuts a text into chunks of --context tokens and computes e to the mean negative\n" +
			"log-likelihood of the tokens in the second half of each, as llama.cpp's llama-perplexity\n" +
			"does: with the same model file and text the figures can be compared. Without --file the\n" +
			"text is Ruth, Ecclesiastes and Mark in the King James Version (121 kB).",
		Example: "  vitrine perplexity --json\n  vitrine perplexity --model model.gguf --file text.txt --context 1024",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, name, err := perplexityText(file)
			if err != nil {
				return err
			}
			model, err := c.open(cmd.Context(), &m)
			if err != nil {
				return err
			}
			defer c.close(model)
			ids, err := perplexityTokens(model, text, &o)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			display := chunkDisplay{out: c.err}
			o.Progress = display.show
			p, err := engine.ComputePerplexity(cmd.Context(), model.Model, ids, o)
			display.close()
			if err != nil {
				return fmt.Errorf("perplexity: %w", requestUsage(err))
			}
			if asJSON {
				return writeJSON(c.out, measuredPerplexity{p, model.Name, model.Config().Quantization, model.Backend().Name(), name})
			}
			_, err = fmt.Fprintf(c.out, "perplexity %.4f ± %.4f (%s, %s; %d tokens scored in %d chunks of %d)\n",
				p.Value, p.Error, model.Name, name, p.Scored, p.Chunks, p.Context)
			return err
		},
	}
	m.add(cmd.Flags())
	cmd.Flags().StringVar(&file, "file", "", "the text, UTF-8; empty takes the one that is built in")
	cmd.Flags().IntVar(&o.Context, "context", 0, "tokens a chunk; 0 takes 512, or the model's context where that is shorter")
	cmd.Flags().IntVar(&o.Chunks, "chunks", 0, "chunks to compute; 0 takes all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	return cmd
}

// perplexityText reads the file or takes the text that is built in. One line
// end at the end is not of the text, as in llama.cpp.
func perplexityText(file string) (text, name string, err error) {
	text, name = kingJames, "King James Version"
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", "", usagef("--file: %v", err)
		}
		defer f.Close()
		body, err := io.ReadAll(io.LimitReader(f, maxInput+1))
		switch {
		case err != nil:
			return "", "", usagef("--file: %v", err)
		case len(body) > maxInput:
			return "", "", usagef("--file: %s is longer than 64 MiB", file)
		}
		text, name = string(body), file
	}
	return strings.TrimSuffix(text, "\n"), name, nil
}

// perplexityTokens encodes the text. Special tokens in it are text. Whether a
// text, and so each chunk, begins with BOS is the model's to say.
func perplexityTokens(m *load.Model, text string, o *engine.PerplexityOptions) ([]int32, error) {
	empty, err := m.Tokenizer.Encode("", tokenizer.EncodeOptions{AddSpecial: true})
	if err != nil {
		return nil, err
	}
	bos, ok := m.Tokenizer.BOS()
	o.AddBOS, o.BOS = ok && len(empty) > 0 && empty[0] == bos, bos
	ids, err := m.Tokenizer.Encode(text, tokenizer.EncodeOptions{})
	if err == nil && o.AddBOS {
		ids = append([]int32{bos}, ids...)
	}
	return ids, err
}

// chunkDisplay shows how far a perplexity is: as a bar on a terminal, as a line
// now and then elsewhere.
type chunkDisplay struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil until drawn, and where out is no terminal
	at  time.Time                // of the last line
}

func (d *chunkDisplay) show(p engine.Perplexity, chunks int) {
	figures := fmt.Sprintf("chunk %d of %d, perplexity %.4f ± %.4f", p.Chunks, chunks, p.Value, p.Error)
	if !isTerminal(d.out) {
		if now := time.Now(); now.Sub(d.at) >= lineInterval {
			d.at = now
			fmt.Fprintln(d.out, figures)
		}
		return
	}
	if d.bar == nil {
		d.bar = progressbar.NewOptions(chunks, progressbar.OptionSetWriter(d.out), progressbar.OptionSetWidth(16),
			progressbar.OptionShowDescriptionAtLineEnd())
	}
	d.bar.Describe(figures)
	_ = d.bar.Set(p.Chunks) // a write to the terminal that fails leaves nothing to tell it to
}

// close leaves the terminal on a fresh line.
func (d *chunkDisplay) close() {
	if d.bar != nil {
		fmt.Fprintln(d.out)
	}
}
