package hub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// UnknownModelError means that a name is neither in the registry nor a path.
type UnknownModelError struct {
	Name    string
	Nearest []string // names that it may have meant, the most similar first
	Known   []string // all names
}

// Error names the nearest known models.
func (e *UnknownModelError) Error() string {
	s := fmt.Sprintf("no model %q", e.Name)
	if len(e.Nearest) > 0 {
		s += "; did you mean " + strings.Join(e.Nearest, " or ") + "?"
	}
	return s + " (known: " + strings.Join(e.Known, ", ") + "; or the path of a .gguf file or a model folder)"
}

// PathError means that a path is not that of a model.
type PathError struct {
	Path string
	Err  error
}

// Error returns "PATH: what is wrong".
func (e *PathError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// PullError means that no source could give the model.
type PullError struct {
	Model    string
	Attempts []Attempt // in the order in which they were made
}

// Attempt is one source that was tried.
type Attempt struct {
	Source Source
	Where  string // the hub's address or the packages
	Err    error
}

// Error lists what was tried and why each failed, one a line.
func (e *PullError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s could not be fetched", e.Model)
	if len(e.Attempts) == 0 {
		b.WriteString(": none of its sources is among those to ask")
	}
	for _, a := range e.Attempts {
		fmt.Fprintf(&b, "\n  %s %s: %v", a.Source, a.Where, a.Err)
	}
	return b.String()
}

// Unwrap returns the errors of the attempts.
func (e *PullError) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a.Err
	}
	return errs
}

// ChecksumError means that a whole file is not the one that was meant. It was removed.
type ChecksumError struct {
	Got, Want string // "SHA-256 …" or "… bytes"
}

// Error returns "the file is not the one that was meant: got GOT, want WANT".
func (e *ChecksumError) Error() string {
	return "the file is not the one that was meant: got " + e.Got + ", want " + e.Want
}

// StatusError is an answer of a hub that is not the file.
type StatusError struct {
	URL    string
	Code   int    // HTTP status
	Reason string // what the hub says, such as GatedRepo; may be empty
}

// Error says what the status means for who asked.
func (e *StatusError) Error() string {
	var meaning string
	switch e.Code {
	case 401, 403:
		meaning = "the hub gives it only to accounts that have accepted its terms"
	case 404:
		meaning = "the hub has no such file"
	case 429:
		meaning = "the hub was asked too often; try again later"
	default:
		meaning = "the hub failed"
	}
	if e.Reason != "" {
		meaning += " (" + e.Reason + ")"
	}
	return fmt.Sprintf("%s: HTTP status %d, %s", e.URL, e.Code, meaning)
}

// DiskError means that the cache could not be written. What had arrived is kept,
// and the next pull goes on from there.
type DiskError struct {
	Path string // the file that was written
	Kept int64  // bytes of it that are on the disk
	Need int64  // bytes that are missing; 0 if unknown
	Err  error
}

// Error says what is kept and how much room is missing.
func (e *DiskError) Error() string {
	s := fmt.Sprintf("writing %s: %v", e.Path, e.Err)
	if e.Need > 0 {
		s += fmt.Sprintf("; %d more bytes are needed", e.Need)
	}
	if e.Kept > 0 {
		s += fmt.Sprintf("; %d bytes are kept, and the next try goes on from there", e.Kept)
	}
	return s
}

// Unwrap returns the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// Full reports whether the disk has no room left.
func (e *DiskError) Full() bool {
	return slices.ContainsFunc(fullErrors, func(full error) bool { return errors.Is(e.Err, full) })
}

// ends reports whether an error would meet every other source too.
func ends(err error) bool {
	var disk *DiskError
	return errors.As(err, &disk)
}
