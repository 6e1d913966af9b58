package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vitrine/engine"
	"vitrine/engine/sampler"
)

// output is one continuation of a prompt.
type output struct {
	IDs          []int32  `json:"ids"`
	Text         string   `json:"text"`
	FinishReason string   `json:"finish_reason"` // "stop", "length" or "abort"
	LogProbs     []number `json:"logprobs"`      // of IDs, raw: before every stage of the sampler
	// TopLogProbs is there with --logprobs only.
	TopLogProbs [][]logProb `json:"top_logprobs,omitempty"`
	Seed        uint64      `json:"seed"`
}

// numbered is an output with its place among several.
type numbered struct {
	Index int `json:"index"`
	output
}

// generated is the output of generate --json: the prompt and the first
// continuation, and with --n above 1 all of them.
type generated struct {
	PromptIDs []int32 `json:"prompt_ids"`
	output
	Outputs []numbered `json:"outputs,omitempty"`
	// PromptLogProbs is there with --prompt-logprobs only: an entry a token of
	// the prompt, null for the first one.
	PromptLogProbs []*promptLogProb `json:"prompt_logprobs,omitempty"`
}

// logProb is a token with its log-probability.
type logProb struct {
	ID      int32  `json:"id"`
	Piece   string `json:"piece"`
	LogProb number `json:"logprob"`
	Rank    int    `json:"rank"` // 1 is the likeliest
}

// promptLogProb is a token of the prompt, and the likeliest ones in its place.
type promptLogProb struct {
	logProb
	Top []logProb `json:"top_logprobs,omitempty"`
}

func (c *cli) generateCommand() *cobra.Command {
	var (
		m      modelFlags
		f      engineFlags
		p      promptFlags
		s      samplingFlags
		st     structuredFlags
		b      beamFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Continue a prompt or answer a message",
		Long: "Continues a text, a chat message or token ids. The text is written as it is drawn, or\n" +
			"with --json all at once with its token ids and log-probabilities. The sampling flags\n" +
			"have vLLM's names, meanings and defaults.\n\n" +
			"With --n above 1 the prompt is computed once and continued n times, with the seeds\n" +
			"seed, seed+1, and so on. Each text is written whole under a line with its number; in\n" +
			"the JSON ids, text, finish_reason, logprobs and seed are those of the first, and\n" +
			"outputs has all of them with their index.\n\n" +
			"With --prompt-logprobs the JSON has prompt_logprobs: for each token of the prompt its\n" +
			"id, piece, logprob and rank given the tokens before it, before all sampling, and as\n" +
			"many of the likeliest there as top_logprobs; null for the first, which nothing is before.\n\n" +
			structuredHelp + "\n\n" + beamHelp,
		Example: "  vitrine generate --chat 'What is gravity?' --max-tokens 64 --temperature 0.7 --seed 1\n" +
			"  vitrine generate --prompt 'Once upon a time' --temperature 0 --json\n" +
			"  vitrine generate --prompt 'Once upon a time' --n 3 --seed 1\n" +
			"  vitrine generate --chat 'Is the sky blue?' --choice yes --choice no\n" +
			"  vitrine generate --chat 'Name a city and its country.' --json-schema city.json --max-tokens 64\n" +
			"  vitrine generate --prompt 'The capital of France is' --beam-width 4",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.check(); err != nil {
				return err
			}
			if err := s.check(asJSON); err != nil {
				return err
			}
			if err := b.check(); err != nil {
				return err
			}
			options, err := f.options(cmd.Flags())
			if err != nil {
				return err
			}
			spec, err := st.spec(c.in)
			if err != nil {
				return err
			}
			model, err := c.open(cmd.Context(), &m)
			if err != nil {
				return err
			}
			defer c.close(model)
			params, err := s.resolve(model)
			if err != nil {
				return err
			}
			ids, err := p.tokens(c.in, model)
			if err != nil {
				return err
			}
			options.Blocks, options.MaxSequences = model.PoolBlocks(options.BlockSize), max(params.N, min(b.width, engine.MaxBeamWidth))
			e, err := engine.Start(model.Model, model.Tokenizer, options)
			if err != nil {
				return optionUsage(err)
			}
			defer e.Close()
			if b.width > 0 {
				return b.run(cmd.Context(), e, ids, params, c.out, asJSON)
			}
			request := engine.Request{Prompt: ids, Params: params}
			if request.Structured, err = st.compile(e, spec); err != nil {
				return err
			}
			live := c.out
			if asJSON {
				live = io.Discard
			}
			g, err := generate(cmd.Context(), e, request, live)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.out, g)
			}
			_, err = fmt.Fprintln(c.out)
			return err
		},
	}
	m.add(cmd.Flags())
	f.addOne(cmd.Flags())
	p.add(cmd.Flags())
	s.add(cmd.Flags())
	st.add(cmd.Flags())
	b.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object with prompt_ids, ids, text, finish_reason, logprobs and seed")
	return cmd
}

// generate runs one request to its end and writes its text to live: as it
// comes, or of several outputs each when it is whole.
func generate(ctx context.Context, e *engine.Engine, r engine.Request, live io.Writer) (*generated, error) {
	p := r.Params
	h, err := e.Add(ctx, r)
	if err != nil {
		return nil, requestUsage(err)
	}
	g := newGenerated(r.Prompt, &p)
	for ended := 0; ended < p.N; {
		ev, err := h.Next(ctx)
		if err != nil {
			return nil, err
		}
		switch ev.Kind {
		case engine.EventPrompt:
			g.addPrompt(ev.Prompt, e)
		case engine.EventToken:
			g.Outputs[ev.Index].add(ev, p.LogProbs != 0, e)
			if p.N > 1 {
				continue
			}
			if _, err := io.WriteString(live, ev.Text); err != nil {
				return nil, err
			}
		case engine.EventState:
			if !ev.State.Finished() {
				continue
			}
			if ev.State == engine.FinishedAborted {
				return nil, errors.New("the engine ended the answer: " + ev.Reason)
			}
			g.Outputs[ev.Index].FinishReason = ev.State.Reason()
			ended++
		}
	}
	g.output = g.Outputs[0].output
	if p.N == 1 {
		g.Outputs = nil
	}
	for i, o := range g.Outputs {
		end := "\n"
		if i == p.N-1 {
			end = "" // as the text of a single output
		}
		if _, err := fmt.Fprintf(live, "--- %d of %d, seed %d ---\n%s%s", i+1, p.N, o.Seed, o.Text, end); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// newGenerated has room for what the request will say.
func newGenerated(prompt []int32, p *sampler.Params) *generated {
	g := &generated{PromptIDs: prompt}
	for i := range p.N {
		g.Outputs = append(g.Outputs, numbered{i, output{IDs: []int32{}, LogProbs: []number{}, Seed: p.Seed + uint64(i)}})
	}
	if p.HasPromptLogProbs {
		g.PromptLogProbs = []*promptLogProb{nil}
	}
	return g
}

// addPrompt appends tokens of the prompt.
func (g *generated) addPrompt(scores []engine.PromptLogProb, e *engine.Engine) {
	for _, s := range scores {
		own := logProbs([]sampler.TokenLogProb{s.TokenLogProb}, e)[0]
		g.PromptLogProbs = append(g.PromptLogProbs, &promptLogProb{own, logProbs(s.Top, e)})
	}
}

// add appends a drawn token.
func (o *output) add(ev engine.Event, top bool, e *engine.Engine) {
	o.IDs = append(o.IDs, ev.Token)
	o.Text += ev.Text
	o.LogProbs = append(o.LogProbs, number(ev.Result.LogProb))
	if top {
		o.TopLogProbs = append(o.TopLogProbs, logProbs(ev.Result.TopLogProbs, e))
	}
}

// logProbs puts tokens into words.
func logProbs(tokens []sampler.TokenLogProb, e *engine.Engine) []logProb {
	list := make([]logProb, len(tokens))
	for i, t := range tokens {
		list[i] = logProb{t.Token, e.Tokenizer().Piece(t.Token), number(t.LogProb), t.Rank}
	}
	return list
}
