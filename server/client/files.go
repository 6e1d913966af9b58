package client

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vitrine/server/assets"
)

// A Program is a client: there is one for each page. Its value is what its files are called.
type Program string

// The programs.
const (
	Chat Program = "client" // the first page
	Hall Program = "hall"   // /serving
)

// Programs lists them all.
var Programs = []Program{Chat, Hall}

// pkg is the program's main package.
func (p Program) pkg() string {
	if p == Hall {
		return "./wasm/hall"
	}
	return "./wasm"
}

// WasmFile is the name of the program's module. Its compressed forms lie beside
// it in the cache and in dist.
func (p Program) WasmFile() string { return string(p) + ".wasm" }

func (p Program) brotliFile() string { return p.WasmFile() + ".br" }
func (p Program) gzipFile() string   { return p.WasmFile() + ".gz" }

const (
	execFile = "wasm_exec.js"

	// quickFile is an empty file beside a client that is only compressed quickly.
	quickFile = "quick"
)

// Client is a program of the browser, ready to be served.
type Client struct {
	Wasm assets.Compressed // the module
	Exec []byte            // wasm_exec.js of the Go release that built Wasm

	// Quick says that Wasm is compressed at [assets.Quick]: it was built for
	// someone who waits. [Client.Squeeze] makes it smaller.
	Quick bool

	program Program
	dir     string // where it is kept, empty if nowhere
}

// parts names the client's files and where their content belongs.
func (c *Client) parts() map[string]*[]byte {
	return map[string]*[]byte{
		c.program.WasmFile():   &c.Wasm.Identity,
		c.program.brotliFile(): &c.Wasm.Brotli,
		c.program.gzipFile():   &c.Wasm.Gzip,
		execFile:               &c.Exec,
	}
}

// read returns the client whose files lie in fsys. The error wraps
// [fs.ErrNotExist] if one is missing.
func read(fsys fs.FS, p Program) (*Client, error) {
	c := &Client{program: p}
	for name, body := range c.parts() {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		*body = content
	}
	if !bytes.HasPrefix(c.Wasm.Identity, []byte("\x00asm")) {
		return nil, fmt.Errorf("%s is no WebAssembly module", p.WasmFile())
	}
	_, err := fs.Stat(fsys, quickFile)
	c.Quick = err == nil
	return c, nil
}

// write puts the client's files into the folder dir, which exists.
func (c *Client) write(dir string) error {
	for name, body := range c.parts() {
		if err := os.WriteFile(filepath.Join(dir, name), *body, 0o644); err != nil {
			return err
		}
	}
	if c.Quick {
		return os.WriteFile(filepath.Join(dir, quickFile), nil, 0o644)
	}
	return nil
}
