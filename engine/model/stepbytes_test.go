package model_test

import (
	"path/filepath"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
)

// What a step reads is what the weights take in the backend's memory, which need not be
// what they take in the file.
func TestStepBytes(t *testing.T) {
	for _, name := range architectures {
		load := func(b backend.Backend) *model.Model {
			m, err := model.Load(filepath.Join("testdata", name), b, model.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { m.Close(); b.Close() })
			return m
		}
		r, c, ranks := load(ref.New()), load(cpu.New(1)), load(ranks(t, 2, newRef))
		config := r.Config()
		numbers := config.Parameters
		if !config.TieEmbeddings {
			numbers -= int64(config.Vocab) * int64(config.Width)
		}
		if got := r.StepBytes(); got != 4*numbers {
			t.Errorf("%s: %d bytes a step in float32, want 4 for each of %d numbers", name, got, numbers)
		}
		if got := ranks.StepBytes(); got < 4*numbers {
			t.Errorf("%s: %d bytes a step of two ranks, want those of one, %d, at least", name, got, 4*numbers)
		}
		// Tiles of sixteen rows are filled up.
		if got := c.StepBytes(); got < r.StepFileBytes() {
			t.Errorf("%s: %d bytes a step in tiles, which is less than the %d of the file", name, got, r.StepFileBytes())
		}
		if r.StepFileBytes() != c.StepFileBytes() || r.StepFileBytes() > r.StepBytes() {
			t.Errorf("%s: %d and %d bytes of the file a step, want the same, and no more than %d", name, r.StepFileBytes(), c.StepFileBytes(), r.StepBytes())
		}
	}
}
