package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"vitrine/engine"
	"vitrine/engine/structured"
)

// structuredHelp tells of the flags in the help of generate.
const structuredHelp = "With one of --json-schema, --json-object, --regex and --choice the answer has the form that\n" +
	"they ask for: at each step only tokens that go on to it can be drawn, and it ends when\n" +
	"nothing can follow. It is cut off all the same after --max-tokens."

// maxSchema bounds a schema's file.
const maxSchema = 1 << 20

// structuredFlags ask for an answer of a form.
type structuredFlags struct {
	schema, regex string
	object        bool
	choices       []string
	flags         *pflag.FlagSet
}

func (s *structuredFlags) add(flags *pflag.FlagSet) {
	s.flags = flags
	flags.StringVar(&s.schema, "json-schema", "", "answer with JSON that is valid against the schema in this file; - reads it from standard input")
	flags.BoolVar(&s.object, "json-object", false, "answer with an object of JSON")
	flags.StringVar(&s.regex, "regex", "", "answer with a text that this expression matches as a whole")
	flags.StringArrayVar(&s.choices, "choice", nil, "answer with this text or another --choice; may be repeated")
}

// spec is what the flags ask for, nil if they ask for nothing.
func (s *structuredFlags) spec(in io.Reader) (*structured.Spec, error) {
	given := 0
	for _, name := range []string{"json-schema", "json-object", "regex", "choice"} {
		if s.flags.Changed(name) {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, nil
	case given > 1:
		return nil, usagef("want at most one of --json-schema, --json-object, --regex and --choice, got %d", given)
	case s.flags.Changed("regex") && s.regex == "":
		return nil, usagef("--regex: got an empty expression")
	case s.flags.Changed("json-object") && !s.object:
		return nil, nil
	}
	spec := &structured.Spec{Regex: s.regex, JSONObject: s.object, Choice: s.choices}
	if s.flags.Changed("json-schema") {
		text, err := readSchema(s.schema, in)
		if err != nil {
			return nil, err
		}
		spec.JSON = text
	}
	return spec, nil
}

// readSchema reads a file, or standard input for "-".
func readSchema(path string, in io.Reader) (string, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", usagef("--json-schema: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSchema+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("--json-schema: %w", err)
	case len(text) > maxSchema:
		return "", usagef("--json-schema: %s is longer than 1 MiB", path)
	case len(text) == 0:
		return "", usagef("--json-schema: %s is empty, want a JSON schema", path)
	}
	return string(text), nil
}

// compile makes the constraint for an engine's model; nil if there is none.
func (s *structuredFlags) compile(e *engine.Engine, spec *structured.Spec) (*structured.Constraint, error) {
	if spec == nil {
		return nil, nil
	}
	c, err := e.Structured().Compile(*spec)
	if err == nil {
		return c, nil
	}
	flag := "choice"
	switch {
	case spec.JSON != "":
		flag = "json-schema"
	case spec.Regex != "":
		flag = "regex"
	}
	var bad *structured.Error
	if !errors.As(err, &bad) {
		return nil, usagef("--%s: %w", flag, err)
	}
	if bad.Pointer != "" {
		return nil, usagef("--%s: %s %s", flag, bad.Pointer, bad.Reason)
	}
	return nil, usagef("--%s: %s", flag, bad.Reason)
}
