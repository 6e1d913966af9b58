package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vitrine/engine"
)

func (c *cli) traceCommand() *cobra.Command {
	var (
		m   modelFlags
		p   promptFlags
		out string
	)
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Write every logit, attention weight and hidden state of a text to a file",
		Long: "Runs a text through the model once and writes what it computed as safetensors, all\n" +
			"float32, for T tokens:\n\n" +
			"  logits       [T, vocabulary]  after every token\n" +
			"  attention.I  [heads, T, T]    weights of layer I, from 0\n" +
			"  hidden.I     [T, width]       the residual stream after I layers; the last one after\n" +
			"                                the final norm",
		Example: "  vitrine trace --ids 1,4093,198 --backend ref --out trace.safetensors",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.check(); err != nil {
				return err
			}
			if out == "" {
				return usagef("--out is missing: the name of the file to write")
			}
			model, err := c.open(cmd.Context(), &m)
			if err != nil {
				return err
			}
			defer c.close(model)
			ids, err := p.tokens(c.in, model)
			if err != nil {
				return err
			}
			if err := engine.WriteTrace(model.Model, ids, out); err != nil {
				return fmt.Errorf("trace: %w", requestUsage(err))
			}
			c.log.Info("wrote the trace", "file", out, "tokens", len(ids))
			return nil
		},
	}
	m.add(cmd.Flags())
	p.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "the safetensors file to write")
	return cmd
}
