package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"vitrine/server/assets"
	"vitrine/server/client/postlink"
)

// modulePath is the module whose source tree holds the client.
const modulePath = "vitrine"

// A tree is a source tree of this module and the Go toolchain that builds it.
type tree struct {
	root    string // the folder of go.mod
	program Program
	gocmd,
	goroot, version string
}

// findTree returns the source tree that this binary was built from or, if
// that is gone, the one around the working directory.
func findTree(ctx context.Context, p Program) (*tree, error) {
	var starts []string
	// The path of this file, unless the build trimmed it.
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		starts = append(starts, filepath.Dir(file))
	}
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	for _, dir := range starts {
		if root, ok := moduleRoot(dir); ok {
			return newTree(ctx, root, p)
		}
	}
	return nil, errors.New("its source tree is not here; run it from a checkout, or use a release that carries the client")
}

// moduleRoot returns the nearest folder at or above dir that holds the module.
func moduleRoot(dir string) (string, bool) {
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && slices.Contains(strings.Fields(string(firstLine(mod))), modulePath) {
			if _, err := os.Stat(filepath.Join(dir, "wasm")); err == nil {
				return dir, true
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// newTree returns the tree at root with the Go toolchain that it is built with.
func newTree(ctx context.Context, root string, p Program) (*tree, error) {
	gocmd, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("no Go toolchain is on the PATH; install Go (https://go.dev/dl) or use a release that carries the client: %w", err)
	}
	t := &tree{root: root, program: p, gocmd: gocmd}
	out, err := t.run(ctx, "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	if t.goroot, t.version, _ = strings.Cut(strings.TrimSpace(string(out)), "\n"); t.version == "" {
		return nil, fmt.Errorf("go env says %q instead of GOROOT and GOVERSION", out)
	}
	return t, nil
}

// run runs the go command for the browser's platform and returns its standard
// output; an error holds what it said on standard error.
func (t *tree) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, t.gocmd, args...)
	cmd.Dir = t.root
	// Flags meant for the server, such as -race, do not fit this platform.
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=", "GOWORK=off")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}

// notInlined are the packages, besides the program's own, that do things once a frame of
// the screen at most: what they do is wait for the browser, or look at what came.
var notInlined = []string{
	"./wasm/page", "./wasm/link", "./wasm/gosyntax", "./wasm/speech", "./wasm/textspan", "./wasm/resample",
	"./visualizer/view", "./visualizer/session", "./visualizer/wire", "./visualizer/recording",
	"strconv", "strings", "slices", "unicode/utf8", "syscall/js",
}

// flags are those that the client is built with. Where it does not matter nothing is
// inlined: a twentieth less to fetch. What computes and paints is.
func (t *tree) flags() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-gcflags=" + t.program.pkg() + "=-l"}
	for _, pkg := range notInlined {
		flags = append(flags, "-gcflags="+pkg+"=-l")
	}
	return flags
}

// build makes the client from the tree.
func (t *tree) build(ctx context.Context, q assets.Quality) (*Client, error) {
	dir, err := os.MkdirTemp("", "vitrine-client-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, t.program.WasmFile())
	args := append(append([]string{"build"}, t.flags()...), "-o", out, t.program.pkg())
	if _, err := t.run(ctx, args...); err != nil {
		return nil, fmt.Errorf("building the browser client: %w", err)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	if wasm, err = postlink.Shrink(wasm); err != nil {
		return nil, fmt.Errorf("the Go linker's module: %w", err)
	}
	compressed, err := assets.CompressContext(ctx, wasm, q)
	if err != nil {
		return nil, err
	}
	script, err := os.ReadFile(filepath.Join(t.goroot, "lib", "wasm", execFile))
	if err != nil {
		return nil, fmt.Errorf("the Go installation lacks its script for WebAssembly: %w", err)
	}
	return &Client{Wasm: compressed, Exec: script, Quick: q == assets.Quick, program: t.program}, nil
}

// A listedPackage is what `go list -json` says of a package.
type listedPackage struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *struct{ Path, Version, Dir string }
	GoFiles    []string
	SFiles     []string
	EmbedFiles []string
}

// hash returns a name for the client that the tree makes now: it depends on
// every file that is compiled in, on the versions of the modules, on the
// flags of the build, on the Go release and on what is done after the build.
func (t *tree) hash(ctx context.Context) (string, error) {
	out, err := t.run(ctx, "list", "-deps", "-json=ImportPath,Dir,Standard,Module,GoFiles,SFiles,EmbedFiles", t.program.pkg())
	if err != nil {
		return "", fmt.Errorf("reading the browser client's sources: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %s %s\n", t.version, t.flags(), postlink.Version(), assets.Version())
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)[:16]), nil
		} else if err != nil {
			return "", fmt.Errorf("go list: %w", err)
		}
		switch {
		case p.Standard: // the Go release stands for it
		case p.Module != nil && p.Module.Version != "":
			fmt.Fprintf(h, "%s %s@%s\n", p.ImportPath, p.Module.Path, p.Module.Version)
		default:
			for _, name := range slices.Concat(p.GoFiles, p.SFiles, p.EmbedFiles) {
				body, err := os.ReadFile(filepath.Join(p.Dir, name))
				if err != nil {
					return "", err
				}
				fmt.Fprintf(h, "%s/%s %x\n", p.ImportPath, name, sha256.Sum256(body))
			}
		}
	}
}
