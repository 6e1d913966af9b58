package main

import (
	"github.com/spf13/cobra"

	"vitrine/server/client"
)

// clientCommand is for the build of a release, so it is not in the help.
func (c *cli) clientCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:    "client",
		Short:  "Build the browser client into a folder, for a release to embed",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("--out is missing: the folder to write to")
			}
			return client.Release(cmd.Context(), out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "the folder to write to")
	return cmd
}
