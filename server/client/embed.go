//go:build embedclient

package client

import (
	"embed"
	"io/fs"
)

//go:embed dist/client.wasm dist/client.wasm.br dist/client.wasm.gz dist/wasm_exec.js
//go:embed dist/hall.wasm dist/hall.wasm.br dist/hall.wasm.gz
var dist embed.FS

// embedded returns the client that this binary carries.
func embedded(p Program) (*Client, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	return read(files, p)
}
