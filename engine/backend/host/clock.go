package host

import "time"

// Clock is the [backend.Timer] of a backend whose operations are done when they
// return: what a mark notes is the time of its call. The zero value is ready.
type Clock struct{ marks []time.Time }

// Mark notes the time.
func (c *Clock) Mark() { c.marks = append(c.marks, time.Now()) }

// Marks appends the times noted since the last call, counted from the first of
// them, and forgets them.
func (c *Clock) Marks(dst []time.Duration) []time.Duration {
	for _, at := range c.marks {
		dst = append(dst, at.Sub(c.marks[0]))
	}
	c.marks = c.marks[:0]
	return dst
}
