package serving

import (
	"slices"
	"time"
)

// clock is a stopwatch.
type clock struct {
	passed time.Duration
	since  time.Time // zero while it stands
}

func (c *clock) run() {
	if c.since.IsZero() {
		c.since = time.Now()
	}
}

func (c *clock) stop() {
	if !c.since.IsZero() {
		c.passed += time.Since(c.since)
		c.since = time.Time{}
	}
}

// stepped moves a clock that stands on by what a step took.
func (c *clock) stepped(took time.Duration) {
	if c.since.IsZero() {
		c.passed += took
	}
}

func (c *clock) now() time.Duration {
	if c.since.IsZero() {
		return c.passed
	}
	return c.passed + time.Since(c.since)
}

// window holds the latest values of something.
type window struct {
	values []float32
	next   int
}

// windowSize is how many values a median is taken of.
const windowSize = 64

func (w *window) add(v float32) {
	if len(w.values) < windowSize {
		w.values = append(w.values, v)
		return
	}
	w.values[w.next] = v
	w.next = (w.next + 1) % windowSize
}

// median is 0 without values.
func (w *window) median() float32 { return median(w.values) }

func median(values []float32) float32 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
