package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that is wrong, as opposed to one that failed.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// usagef returns a usageError.
func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// flagError says in words which flag is wrong and what would be right.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		invalid *pflag.InvalidValueError
		bare    *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			name = name[1:]
		}
		return usagef("unknown flag %s%s; see %s --help", name, suggestion(cmd, unknown.GetSpecifiedName()), cmd.CommandPath())
	case errors.As(err, &invalid):
		return usagef("--%s: got %q, want %s", invalid.GetFlag().Name, invalid.GetValue(), wanted(invalid))
	case errors.As(err, &bare):
		return usagef("--%s needs a value: %s", bare.GetSpecifiedName(), bare.GetFlag().Usage)
	}
	return &usageError{err}
}

// wants says what a flag of a type takes.
var wants = map[string]string{
	"bool":       "true or false",
	"int":        "a whole number",
	"int32":      "a whole number",
	"uint32":     "a whole number, 0 or more",
	"uint64":     "a whole number, 0 or more and below 2^64",
	"float32":    "a number",
	"intSlice":   "whole numbers separated by commas",
	"int32Slice": "token ids separated by commas",
	"duration":   "a duration such as 30s or 2m",
}

// wanted says what would be right for the flag that could not be parsed.
func wanted(e *pflag.InvalidValueError) string {
	if want, ok := wants[e.GetFlag().Value.Type()]; ok {
		return want
	}
	// Our own flag values say it in their errors.
	return e.Unwrap().Error()
}

// suggestion names the flags of cmd that name may have meant.
func suggestion(cmd *cobra.Command, name string) string {
	// Cobra knows how to find the nearest names, but only among commands.
	finder := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			finder.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	near := finder.SuggestionsFor(name)
	if len(near) == 0 {
		return ""
	}
	return " (did you mean --" + strings.Join(near, " or --") + "?)"
}

// noArgs refuses arguments in words.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument, got %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// choice is a flag's value out of a few words.
type choice struct {
	value string
	words []string
}

func newChoice(value string, words ...string) *choice { return &choice{value, words} }

// String implements [pflag.Value].
func (c *choice) String() string { return c.value }

// Type implements [pflag.Value].
func (c *choice) Type() string { return "word" }

// Set implements [pflag.Value].
func (c *choice) Set(s string) error {
	for _, w := range c.words {
		if s == w {
			c.value = s
			return nil
		}
	}
	return errors.New(c.list())
}

func (c *choice) list() string { return strings.Join(c.words, ", ") }
