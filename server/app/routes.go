package app

import (
	"net/http"

	"vitrine/server/assets"
	"vitrine/server/serving"
)

// routes maps the paths to their handlers. Other paths get 404 and other
// methods 405.
func (a *App) routes(p, hall pages, static assets.Tree, client, hallClient *clientFiles) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", p)
	mux.Handle("GET /serving", hall)
	mux.Handle("GET /static/", static)
	mux.Handle("GET /client.wasm", client.serve(func(f *clientFiles) *assets.Asset { return f.wasm.Load() }))
	mux.Handle("GET /hall.wasm", hallClient.serve(func(f *clientFiles) *assets.Asset { return f.wasm.Load() }))
	mux.Handle("GET /wasm_exec.js", client.serve(func(f *clientFiles) *assets.Asset { return f.exec }))
	mux.Handle("GET /health", a.health)
	mux.Handle("GET /ws", a.sessions)
	var api http.Handler = a.api
	if a.forward != nil {
		api = a.forward
		mux.Handle("GET /ws/serving", serving.Elsewhere(a.log))
	} else {
		mux.Handle("GET /ws/serving", a.hall)
	}
	for _, path := range []string{"/v1/", "/v1", "/tokenize", "/detokenize", "/version", "/metrics"} {
		mux.Handle(path, api)
	}
	if recording, ok := static[recordingFile]; ok {
		mux.Handle("GET /recording.vitrine", recording)
	}
	return http.MaxBytesHandler(mux, maxBodyBytes)
}

// recordingFile is the recording of a session that the page plays until there
// is a model.
const recordingFile = "static/recording.vitrine"
