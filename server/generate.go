package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vitrine/engine"
	"vitrine/engine/sampler"
)

// generated is the output of generate --json.
type generated struct {
	PromptIDs    []int32  `json:"prompt_ids"`
	IDs          []int32  `json:"ids"`
	Text         string   `json:"text"`
	FinishReason string   `json:"finish_reason"` // "stop", "length" or "abort"
	LogProbs     []number `json:"logprobs"`      // of IDs, raw: before every stage of the sampler
	// TopLogProbs is there with --logprobs only.
	TopLogProbs [][]topLogProb `json:"top_logprobs,omitempty"`
	Seed        uint64         `json:"seed"`
}

// topLogProb is one of the likeliest tokens of a step.
type topLogProb struct {
	ID      int32  `json:"id"`
	Piece   string `json:"piece"`
	LogProb number `json:"logprob"`
	Rank    int    `json:"rank"` // 1 is the likeliest
}

func (c *cli) generateCommand() *cobra.Command {
	var (
		m      modelFlags
		p      promptFlags
		s      samplingFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Continue a prompt or answer a message",
		Long: "Continues a text, a chat message or token ids. The text is written as it is drawn, or\n" +
			"with --json all at once with its token ids and log-probabilities. The sampling flags\n" +
			"have vLLM's names, meanings and defaults.",
		Example: "  vitrine generate --chat 'What is gravity?' --max-tokens 64 --temperature 0.7 --seed 1\n" +
			"  vitrine generate --prompt 'Once upon a time' --temperature 0 --json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.check(); err != nil {
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
			e, err := engine.New(model.Model, model.Tokenizer, engine.Options{MaxSequences: 1})
			if err != nil {
				return err
			}
			defer e.Close()
			live := c.out
			if asJSON {
				live = io.Discard
			}
			g, err := generate(cmd.Context(), e, ids, params, live)
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
	p.add(cmd.Flags())
	s.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object with ids, text, finish_reason and logprobs")
	return cmd
}

// generate runs one request to its end and writes its text to live as it comes.
func generate(ctx context.Context, e *engine.Engine, prompt []int32, p sampler.Params, live io.Writer) (*generated, error) {
	h, err := e.Add(ctx, engine.Request{Prompt: prompt, Params: p})
	if err != nil {
		return nil, requestUsage(err)
	}
	g := &generated{PromptIDs: prompt, IDs: []int32{}, LogProbs: []number{}, Seed: p.Seed}
	for {
		ev, err := h.Next(ctx)
		if err != nil {
			return nil, err
		}
		switch ev.Kind {
		case engine.EventToken:
			g.add(ev, p.LogProbs != 0, e)
			if _, err := io.WriteString(live, ev.Text); err != nil {
				return nil, err
			}
		case engine.EventState:
			if ev.State.Finished() {
				return g.finish(ev)
			}
		}
	}
}

// add appends a drawn token.
func (g *generated) add(ev engine.Event, top bool, e *engine.Engine) {
	g.IDs = append(g.IDs, ev.Token)
	g.Text += ev.Text
	g.LogProbs = append(g.LogProbs, number(ev.Result.LogProb))
	if !top {
		return
	}
	list := make([]topLogProb, len(ev.Result.TopLogProbs))
	for i, t := range ev.Result.TopLogProbs {
		list[i] = topLogProb{t.Token, e.Tokenizer().Piece(t.Token), number(t.LogProb), t.Rank}
	}
	g.TopLogProbs = append(g.TopLogProbs, list)
}

// finish closes the answer with its last event.
func (g *generated) finish(ev engine.Event) (*generated, error) {
	g.FinishReason = ev.State.Reason()
	if ev.State == engine.FinishedAborted {
		return nil, fmt.Errorf("the engine ended the answer: %s", ev.Reason)
	}
	return g, nil
}
