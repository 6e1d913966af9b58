package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"vitrine/engine/gguf"
	"vitrine/engine/hub"
)

func (c *cli) quantizeCommand() *cobra.Command {
	var (
		m    modelFlags
		name string
	)
	cmd := &cobra.Command{
		Use:   "quantize OUT.gguf",
		Short: "Write a model in another number format",
		Long: "Writes the model to a .gguf file with its matrices in the format of --type: " + gguf.QuantizeTypes + ".\n" +
			"Norms and biases stay as they are, and the matrix that makes the logits keeps at least\n" +
			"8 bits. Weights that are quantized already are rounded a second time.",
		Example: "  vitrine quantize --type q8_0 smollm2-q8_0.gguf",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !strings.EqualFold(filepath.Ext(args[0]), ".gguf") {
				return usagef("quantize takes the name of the .gguf file to write, got %q", args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := gguf.QuantizeType(name); !ok {
				return usagef("--type: got %q, want one of %s", name, gguf.QuantizeTypes)
			}
			found, err := c.fetch(cmd.Context(), m.name)
			if err != nil {
				return err
			}
			if !strings.EqualFold(filepath.Ext(found.Path), ".gguf") {
				return usagef("--model: %s is no .gguf file, and only such are quantized", found.Path)
			}
			return c.quantize(cmd.Context(), found.Path, name, args[0])
		},
	}
	cmd.Flags().StringVar(&m.name, "model", hub.Default, "a known model (see vitrine models) or a .gguf file")
	cmd.Flags().StringVar(&name, "type", "", "the number format: "+gguf.QuantizeTypes)
	return cmd
}

// quantize writes the model at from to the file at to, which may be the same.
func (c *cli) quantize(ctx context.Context, from, name, to string) error {
	f, err := gguf.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	t, _ := gguf.QuantizeType(name) // checked with the flags
	metadata, tensors, err := gguf.Quantize(ctx, f, t)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := gguf.WriteFile(to, metadata, tensors); err != nil {
		return err
	}
	before, err := os.Stat(from)
	if err != nil {
		return err
	}
	after, err := os.Stat(to)
	if err != nil {
		return err
	}
	c.log.Info("wrote the model", "file", to, "type", t, "size", humanize.IBytes(uint64(after.Size())), "before", humanize.IBytes(uint64(before.Size())))
	return nil
}
