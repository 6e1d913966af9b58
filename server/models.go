package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"vitrine/engine/hub"
)

func (c *cli) modelsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the known models",
		Long: "Lists the models that can be named with --model and pull. Any other .gguf file, or\n" +
			"folder with config.json, *.safetensors and tokenizer.json, can be given by its path.",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			models := hub.New(hub.Options{}).Models()
			if asJSON {
				for _, m := range models {
					if err := writeJSON(c.out, m); err != nil {
						return err
					}
				}
				return nil
			}
			w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSIZE\tHERE\tCONTEXT\tLICENCE\tLANGUAGES")
			for _, m := range models {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", m.Name, sizeOf(m), yesNo(m.Cached), m.Context, m.Licence, strings.Join(m.Languages, " "))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			for _, m := range models {
				if _, err := fmt.Fprintf(c.out, "\n%s\n  %s\n", m.Name, m.GoodFor.En); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object for each model")
	return cmd
}

// sizeOf is the size of a model's file, which for some only the hub knows.
func sizeOf(m hub.Model) string {
	if m.Size == 0 {
		return "?"
	}
	return humanize.IBytes(uint64(m.Size))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
