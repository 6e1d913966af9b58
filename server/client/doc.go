// Package client has the browser client at hand: the WebAssembly module made
// from the folder wasm and the script of the same Go release that starts it.
//
// The module is not served as the Go linker wrote it but rewritten so that it
// compresses better (package postlink).
//
// A release carries both (build tag embedclient; the command `client` fills the
// folder dist before the build). Any other binary makes them from the source
// tree that it came from, once for each version of the sources, and keeps them
// in the user's cache, so that `go run ./server` needs nothing but Go.
package client
