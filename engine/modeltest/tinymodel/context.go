package tinymodel

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// LongFolder is [Folder] with a context of so many tokens, for texts that do not fit
// into the model's own: each of their bytes is a token.
func LongFolder(t testing.TB, context int) string {
	t.Helper()
	dir := Folder(t)
	config := filepath.Join(dir, "config.json")
	body, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	put(t, config, regexp.MustCompile(`("max_position_embeddings": *)[0-9]+`).ReplaceAll(body, []byte("${1}"+strconv.Itoa(context))))
	return dir
}
