// Package modeltest gives tests the real model, and compares what is computed
// with what it should be.
package modeltest

import (
	"context"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"vitrine/engine/hub"
	"vitrine/engine/safetensors"
)

// SmolLM2 is the path of SmolLM2-135M-Instruct's GGUF file: what
// VITRINE_TEST_MODEL names, or the default model in the cache that `vitrine
// pull` fills, and this function too if it is empty. A test that cannot have it is
// skipped with a word why; in CI it fails.
func SmolLM2(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("VITRINE_TEST_MODEL"); path != "" {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("VITRINE_TEST_MODEL: %v", err)
		}
		return path
	}
	path, err := fetched()
	if err == nil {
		return path
	}
	const hint = "the model is not here, and cannot be fetched (%v): run `go run ./server pull`, or set VITRINE_TEST_MODEL"
	if os.Getenv("CI") == "true" {
		t.Fatalf(hint, err)
	}
	t.Skipf(hint, err)
	return ""
}

// fetched is the default model in the cache. It is fetched once at most; of several test
// programs, one does it and the others wait.
var fetched = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return hub.New(hub.Options{}).Pull(ctx, hub.Default, nil)
})

// Tensors reads every tensor of a safetensors file or folder as float32.
func Tensors(t testing.TB, path string) map[string][]float32 {
	t.Helper()
	set, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	out := map[string][]float32{}
	for _, tensor := range set.Tensors {
		n := 1
		for _, d := range tensor.Shape {
			n *= d
		}
		out[tensor.Name] = make([]float32, n)
		if err := tensor.Float32(out[tensor.Name]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// RelativeRMS is √(Σ(got−want)² / Σwant²).
func RelativeRMS(got, want []float32) float64 {
	var num, den float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		num += d * d
		den += float64(want[i]) * float64(want[i])
	}
	return math.Sqrt(num / den)
}
