package main

import (
	"fmt"
	"strings"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/load"
)

// computing is what a model is computed with, as the commands that measure tell it:
// two figures can be compared where it is the same.
type computing struct {
	Backend string `json:"backend"`
	CPU     string `json:"cpu,omitempty"`            // level of processor features in use
	KV      string `json:"kv_cache_dtype,omitempty"` // format of keys and values
	Threads int    `json:"threads"`
	Ranks   int    `json:"tensor_parallel_size"`
	// Invariant is --batch-invariant.
	Invariant bool `json:"batch_invariant"`
}

// computing says what a model that was opened by the flags is computed with.
func (m *modelFlags) computing(l *load.Model) computing {
	c := computing{Backend: l.Backend().Name(), Threads: l.Threads, Ranks: l.Ranks(), Invariant: m.invariant}
	if m.backend.value == load.Backends[0] {
		c.CPU, c.KV = m.level().String(), m.kv.value
	}
	return c
}

// level is the level of processor features that the cpu backend uses.
func (m *modelFlags) level() kernel.Level {
	level, err := kernel.ParseLevel(m.cpu.value)
	if err != nil { // a choice has no other values than levels
		return kernel.Best()
	}
	return min(level, kernel.Best())
}

// line is a line's part. It is not called String, which every type that computing is
// embedded in would have too: printed, they would be this line and none of their figures.
func (c computing) line() string {
	var text strings.Builder
	text.WriteString(c.Backend)
	if c.CPU != "" {
		fmt.Fprintf(&text, " (%s, %s KV)", c.CPU, c.KV)
	}
	fmt.Fprintf(&text, ", %d threads", c.Threads)
	if c.Ranks > 1 {
		fmt.Fprintf(&text, " of %d ranks", c.Ranks)
	}
	if !c.Invariant {
		text.WriteString(", not batch-invariant")
	}
	return text.String()
}
