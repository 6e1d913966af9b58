package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"vitrine/server/assets"
	"vitrine/server/client"
)

// clientFiles serves the browser client, which may still be being built when
// the first page asks for it.
type clientFiles struct {
	done chan struct{} // closed when the fields below are set
	wasm *assets.Asset // client.wasm
	exec *assets.Asset // wasm_exec.js
	err  error         // why there is no client
}

func newClientFiles() *clientFiles { return &clientFiles{done: make(chan struct{})} }

// load gets the client and lets the requests that wait for it go on.
func (f *clientFiles) load(ctx context.Context, log *slog.Logger) {
	defer close(f.done)
	c, err := client.Load(ctx, log)
	if err != nil {
		f.err = err
		if ctx.Err() == nil {
			log.Error("the page will not work", "error", err)
		}
		return
	}
	f.wasm = assets.NewCompressed(assets.MediaType("client.wasm"), c.Wasm)
	f.exec = assets.New(assets.MediaType("wasm_exec.js"), c.Exec, assets.Quick)
}

// serve returns a handler for the file that pick chooses.
func (f *clientFiles) serve(pick func(*clientFiles) *assets.Asset) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The first build on a machine takes longer than an answer may.
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(clientTimeout)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		select {
		case <-f.done:
		case <-r.Context().Done():
			return
		}
		if f.err != nil {
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, f.err.Error(), http.StatusServiceUnavailable)
			return
		}
		pick(f).ServeHTTP(w, r)
	})
}

// clientTimeout bounds the wait for a client that is being built, and its
// transfer.
const clientTimeout = 5 * time.Minute
