package main

import (
	"slices"
	"testing"
)

// Numbers of sequences alone are compared at the depths there are by default.
func TestCompareCasesOfBatches(t *testing.T) {
	b := benchFlags{output: 64, batches: []int{4}, changed: func(flag string) bool { return flag == "batch" }}
	var batches []int
	for _, c := range b.compareCases(8192) {
		if c.Depth > 0 {
			batches = append(batches, c.Batch)
		}
	}
	if !slices.Equal(batches, []int{4}) {
		t.Errorf("--batch 4 compares decodes of %v sequences, want 4", batches)
	}
}
