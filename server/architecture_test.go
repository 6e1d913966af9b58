package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the source tree, seen from this package's folder, where tests run.
const root = ".."

// directions says which of the module's packages the packages of a folder may
// import beside their own: whole folders end with a slash.
var directions = map[string][]string{
	"engine":     nil,
	"visualizer": nil,
	"web":        nil,
	"wasm":       {"visualizer/", "engine/sampler/", "engine/tokenizer/"},
	"server":     {"engine/", "visualizer/", "web/", "wasm/resample/"}, // whose source the page shows
}

// TestImportsGoOneWay holds the directions of the house over every package,
// on the server's platform and in the browser.
func TestImportsGoOneWay(t *testing.T) {
	for _, platform := range [][]string{nil, {"GOOS=js", "GOARCH=wasm"}} {
		// -e: the client's main package has no files on the server's platform.
		cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
		cmd.Dir, cmd.Env = root, append(cmd.Environ(), platform...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages := 0
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			path, inside := strings.CutPrefix(fields[0], "vitrine/")
			if !inside {
				t.Errorf("%s is a package at the top level", fields[0])
				continue
			}
			folder, _, _ := strings.Cut(path, "/")
			allowed, known := directions[folder]
			if !known {
				t.Errorf("%s: %s is no folder of the house", path, folder)
			}
			packages++
			for _, imported := range fields[1:] {
				other, ours := strings.CutPrefix(imported, "vitrine/")
				if !ours || strings.HasPrefix(other+"/", folder+"/") {
					continue
				}
				if !slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(other+"/", a) }) {
					t.Errorf("%s imports %s; packages of %s may import %q beside their own", path, other, folder, allowed)
				}
			}
		}
		if packages < len(directions) {
			t.Errorf("go list names %d packages only", packages)
		}
	}
}

// topLevel is everything that stands at the top level, beside names that
// begin with a dot.
var topLevel = []string{
	"CONTRIBUTING.md", "LICENSE", "README.md", "README.zh.md", "Taskfile.yml",
	"engine", "go.mod", "go.sum", "server", "visualizer", "wasm", "web",
}

func TestTopLevel(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range sourceFiles(t) {
		name, _, _ := strings.Cut(file, "/")
		if !seen[name] && !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) {
			t.Errorf("%s stands at the top level; only %q do", name, topLevel)
		}
		seen[name] = true
	}
	if !seen["engine"] || !seen["go.mod"] {
		t.Errorf("the source tree seems to hold %d names only", len(seen))
	}
}

// sourceFiles names what belongs to the source tree: what git knows, which
// leaves out what is lying about, or what is there in a tree without git.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		entries, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		return names
	}
	cmd := exec.Command("git", "ls-files", "--cached")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
