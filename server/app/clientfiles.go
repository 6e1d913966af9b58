package app

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"vitrine/server/assets"
	"vitrine/server/client"
)

// clientFiles serves a program of the browser, which may still be being built when
// the first page asks for it.
type clientFiles struct {
	program client.Program
	done    chan struct{}                // closed when the fields below are set
	wasm    atomic.Pointer[assets.Asset] // the module, replaced when it has become smaller
	exec    *assets.Asset                // wasm_exec.js
	err     error                        // why there is no client
}

func newClientFiles(p client.Program) *clientFiles {
	return &clientFiles{program: p, done: make(chan struct{})}
}

// load gets the client and lets the requests that wait for it go on. A client
// that has just been built is then made smaller for those that come later.
func (f *clientFiles) load(ctx context.Context, log *slog.Logger) {
	c, err := client.Load(ctx, f.program, log)
	if err != nil {
		f.err = err
		close(f.done)
		if ctx.Err() == nil {
			log.Error("the page will not work", "error", err)
		}
		return
	}
	f.set(c)
	f.exec = assets.New(assets.MediaType("wasm_exec.js"), c.Exec, assets.Quick)
	close(f.done)
	if c, err = c.Squeeze(ctx, log); err == nil { // else the server ends
		f.set(c)
		debug.FreeOSMemory() // the compression takes more of it than the model does
	}
}

// set serves the client's module from now on.
func (f *clientFiles) set(c *client.Client) {
	f.wasm.Store(assets.NewCompressed(assets.MediaType(f.program.WasmFile()), c.Wasm))
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
