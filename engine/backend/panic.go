package backend

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic that was recovered, as an error: a mistake in the program, not
// in what it was asked. A backend whose workers are goroutines recovers theirs, lets the
// others come to the end of the operation, and panics with it on its caller's goroutine, or
// returns it from Sync; so it is used again for what comes next.
type Panic struct {
	Value any    // what the program panicked with
	Stack []byte // of the goroutine that did
}

// Recovered is the Panic of a value that recover returned, called where it did. One that
// was recovered already, on another goroutine, stays what it is.
func Recovered(value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	return &Panic{value, debug.Stack()}
}

// Error tells the value without the stack.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }
