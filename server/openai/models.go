package openai

import "net/http"

// modelInfo is a model as /v1/models tells it.
type modelInfo struct {
	ID          string  `json:"id"`
	Object      string  `json:"object"`
	Created     int64   `json:"created"`
	OwnedBy     string  `json:"owned_by"`
	Root        string  `json:"root"`
	Parent      *string `json:"parent"`
	MaxModelLen int     `json:"max_model_len"`
}

func (m *Model) info() modelInfo {
	return modelInfo{ID: m.Name, Object: "model", Created: m.created, OwnedBy: "vitrine", Root: m.Name, MaxModelLen: m.context()}
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	list := struct {
		Object string      `json:"object"`
		Data   []modelInfo `json:"data"`
	}{"list", []modelInfo{}}
	if m := s.model.Load(); m != nil {
		list.Data = append(list.Data, m.info())
	}
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) oneModel(w http.ResponseWriter, r *http.Request) {
	m, refusal := s.ready()
	if refusal == nil && r.PathValue("model") != m.Name {
		refusal = noModel(r.PathValue("model"), m.Name)
	}
	if refusal != nil {
		writeError(w, refusal)
		return
	}
	writeJSON(w, http.StatusOK, m.info())
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"version": s.options.Version})
}
