package client

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vitrine/server/assets"
)

// The files of a client, in the cache and in dist.
const (
	wasmFile   = "client.wasm"
	brotliFile = wasmFile + ".br"
	gzipFile   = wasmFile + ".gz"
	execFile   = "wasm_exec.js"

	// quickFile is an empty file beside a client that is only compressed quickly.
	quickFile = "quick"
)

// Client is the browser client, ready to be served.
type Client struct {
	Wasm assets.Compressed // client.wasm
	Exec []byte            // wasm_exec.js of the Go release that built Wasm

	// Quick says that Wasm is compressed at [assets.Quick]: it was built for
	// someone who waits. [Client.Squeeze] makes it smaller.
	Quick bool

	dir string // where it is kept, empty if nowhere
}

// parts names the client's files and where their content belongs.
func (c *Client) parts() map[string]*[]byte {
	return map[string]*[]byte{
		wasmFile:   &c.Wasm.Identity,
		brotliFile: &c.Wasm.Brotli,
		gzipFile:   &c.Wasm.Gzip,
		execFile:   &c.Exec,
	}
}

// read returns the client whose files lie in fsys. The error wraps
// [fs.ErrNotExist] if one is missing.
func read(fsys fs.FS) (*Client, error) {
	c := new(Client)
	for name, body := range c.parts() {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		*body = content
	}
	if !bytes.HasPrefix(c.Wasm.Identity, []byte("\x00asm")) {
		return nil, fmt.Errorf("%s is no WebAssembly module", wasmFile)
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
