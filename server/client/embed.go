//go:build embedclient

package client

import (
	_ "embed"
	"io/fs"
)

// The files that the binary carries. They are variables of bytes, for what an embed.FS
// gives is a copy: the client would be in memory twice.
var (
	//go:embed dist/client.wasm
	chatWasm []byte
	//go:embed dist/client.wasm.br
	chatBrotli []byte
	//go:embed dist/client.wasm.gz
	chatGzip []byte
	//go:embed dist/hall.wasm
	hallWasm []byte
	//go:embed dist/hall.wasm.br
	hallBrotli []byte
	//go:embed dist/hall.wasm.gz
	hallGzip []byte
	//go:embed dist/wasm_exec.js
	wasmExec []byte
)

// carried are those files by their names. Nobody writes to what ReadFile gives.
type carried map[string][]byte

// Open finds nothing that ReadFile does not: there is no file that says that the client is
// compressed quickly.
func (c carried) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadFile implements [fs.ReadFileFS].
func (c carried) ReadFile(name string) ([]byte, error) {
	if body, ok := c[name]; ok {
		return body, nil
	}
	return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
}

// embedded returns the client that this binary carries.
func embedded(p Program) (*Client, error) {
	return read(carried{
		Chat.WasmFile(): chatWasm, Chat.brotliFile(): chatBrotli, Chat.gzipFile(): chatGzip,
		Hall.WasmFile(): hallWasm, Hall.brotliFile(): hallBrotli, Hall.gzipFile(): hallGzip,
		execFile: wasmExec,
	}, p)
}
