package app

import (
	"fmt"
	"net/http"
	"sync"

	"vitrine/visualizer/wire"
)

// health knows how far the server is on its way to a model.
type health struct {
	mu    sync.Mutex
	phase wire.Phase
	ready chan struct{} // closed once the phase is PhaseReady
}

func newHealth() *health { return &health{ready: make(chan struct{})} }

// set enters a phase. PhaseReady is the last one.
func (h *health) set(p wire.Phase) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p == wire.PhaseReady && h.phase != p {
		close(h.ready)
	}
	h.phase = p
}

// words say the phases on GET /health.
var words = map[wire.Phase]string{
	wire.PhaseNoModel:     "starting",
	wire.PhaseDownloading: "downloading",
	wire.PhaseLoading:     "loading",
	wire.PhaseReady:       "ok",
	wire.PhaseFailed:      "failed",
}

// ServeHTTP answers 200 once requests for the model are answered, 503 before.
func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	phase := h.phase
	h.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if phase != wire.PhaseReady {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, words[phase])
}
