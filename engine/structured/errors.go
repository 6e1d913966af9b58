package structured

import (
	"errors"
	"fmt"
)

var (
	// ErrNotAllowed means that a token does not continue the text.
	ErrNotAllowed = errors.New("structured: the token does not continue the text")
	// ErrTooComplex means that there are too many ways to read the text so far for
	// the next tokens to be found in good time.
	ErrTooComplex = errors.New("structured: there are too many ways to read the text; want a simpler constraint")
)

// Error says what is wrong with a constraint.
type Error struct {
	// Pointer is the JSON pointer of the keyword or schema at fault (RFC 6901),
	// "" for a constraint as a whole.
	Pointer string
	Reason  string
}

// Error returns the place and the reason.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return "structured: " + e.Reason
	}
	return "structured: " + e.Pointer + ": " + e.Reason
}

// errorf returns an *Error about the place.
func errorf(pointer, format string, args ...any) error {
	return &Error{Pointer: pointer, Reason: fmt.Sprintf(format, args...)}
}
