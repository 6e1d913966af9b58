package main

import (
	"os"

	"github.com/spf13/cobra"

	"vitrine/server/app"
	"vitrine/server/session"
	"vitrine/visualizer/wire"
)

// recordCommand makes the recording that the page plays until there is a
// model. It is for those who work on the page, so it is not in the help.
func (c *cli) recordCommand() *cobra.Command {
	var (
		m   modelFlags
		out string
		o   session.RecordOptions
	)
	cmd := &cobra.Command{
		Use:    "record",
		Short:  "Record a conversation, for the page to play without a model",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("--out is missing: the recording to write")
			}
			run, err := m.options()
			if err != nil {
				return err
			}
			c.tellMissing(&m)
			o.Params.HasSeed = true
			body, err := app.Record(cmd.Context(), app.Config{Model: m.name, Run: run, Version: version(), Log: c.log}, o)
			if err != nil {
				return configUsage(err)
			}
			if err := os.WriteFile(out, body, 0o644); err != nil {
				return err
			}
			c.log.Info("recorded", "file", out, "bytes", len(body))
			return nil
		},
	}
	m.add(cmd.Flags())
	o.Params = wire.Params{RepetitionPenalty: 1}
	cmd.Flags().StringVar(&out, "out", "", "the recording to write")
	cmd.Flags().StringVar(&o.Text, "chat", "What is gravity?", "the message to answer")
	cmd.Flags().StringVar(&o.System, "system", "", "the system message; empty leaves the template's own")
	cmd.Flags().Float32Var(&o.Params.Temperature, "temperature", 0.7, "divides the logits")
	cmd.Flags().Float32Var(&o.Params.TopP, "top-p", 0.95, "keep the likeliest tokens until their probabilities reach this")
	cmd.Flags().Int32Var(&o.Params.TopK, "top-k", 40, "keep this many of the likeliest tokens")
	cmd.Flags().Uint64Var(&o.Params.Seed, "seed", 42, "decides every draw")
	cmd.Flags().Uint32Var(&o.Params.MaxTokens, "max-tokens", 24, "end after this many tokens")
	cmd.Flags().IntVar(&o.MaxBytes, "max-bytes", 0, "largest file; 0 takes the default")
	return cmd
}
