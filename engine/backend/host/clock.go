package host

import "time"

// Clock is the [backend.Timer] of a backend whose operations are done when they
// return: what a mark notes is the time of its call. The zero value is ready.
type Clock struct {
	base  time.Time // of the first mark
	marks []time.Duration
}

// Mark notes the time.
func (c *Clock) Mark() {
	if len(c.marks) == 0 {
		c.base = time.Now()
	}
	c.marks = append(c.marks, time.Since(c.base)) // half as long as reading the wall clock too
}

// Marks appends the times noted since the last call, counted from the first of
// them, and forgets them.
func (c *Clock) Marks(dst []time.Duration) []time.Duration {
	for _, at := range c.marks {
		dst = append(dst, at-c.marks[0])
	}
	c.marks = c.marks[:0]
	return dst
}
