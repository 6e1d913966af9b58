// Package modeltest finds the real model for tests that need one.
package modeltest

import (
	"os"
	"path/filepath"
	"testing"
)

// SmolLM2 is the path of SmolLM2-135M-Instruct's GGUF file: what
// VITRINE_TEST_MODEL names, or the model in the cache that `vitrine pull`
// fills. A test without it is skipped with a word why; in CI it fails.
func SmolLM2(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("VITRINE_TEST_MODEL"); path != "" {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("VITRINE_TEST_MODEL: %v", err)
		}
		return path
	}
	cache := os.Getenv("VITRINE_CACHE")
	if cache == "" {
		if dir, err := os.UserCacheDir(); err == nil {
			cache = filepath.Join(dir, "vitrine", "models")
		}
	}
	found, _ := filepath.Glob(filepath.Join(cache, "*", "SmolLM2-135M-Instruct.Q4_1.gguf")) // the pattern is right
	if more, _ := filepath.Glob(filepath.Join(cache, "SmolLM2-135M-Instruct.Q4_1.gguf")); len(found) == 0 {
		found = more
	}
	if len(found) > 0 {
		return found[0]
	}
	const hint = "the model is not here: run `go run ./server pull smollm2-135m-instruct`, or set VITRINE_TEST_MODEL"
	if os.Getenv("CI") == "true" {
		t.Fatal(hint)
	}
	t.Skip(hint)
	return ""
}
