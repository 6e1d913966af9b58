package main

import (
	"errors"

	"vitrine/engine"
)

// requestUsage turns the engine's refusal of a request into an error about the
// command line, and leaves other errors as they are.
func requestUsage(err error) error {
	var refused *engine.RequestError
	if errors.As(err, &refused) {
		return &usageError{err}
	}
	return paramUsage(err)
}

// optionUsage turns an error about an option of the engine into one about its flag.
func optionUsage(err error) error {
	var wrong *engine.OptionError
	if errors.As(err, &wrong) {
		return usagef("--%w", wrong)
	}
	return err
}
