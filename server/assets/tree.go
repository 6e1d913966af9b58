package assets

import (
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

// Tree serves a folder of assets by their paths.
type Tree map[string]*Asset

// mediaTypes holds the types that Go's own table lacks or that the machine's
// table may give differently.
var mediaTypes = map[string]string{
	".js":      "text/javascript; charset=utf-8",
	".css":     "text/css; charset=utf-8",
	".json":    "application/json; charset=utf-8",
	".svg":     "image/svg+xml",
	".wasm":    "application/wasm",
	".ico":     "image/x-icon",
	".woff2":   "font/woff2",
	".vitrine": "application/octet-stream",
}

// MediaType returns the media type of a file by its name's ending.
func MediaType(name string) string {
	ext := path.Ext(name)
	if t, ok := mediaTypes[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

// NewTree reads and compresses every file of fsys.
func NewTree(fsys fs.FS, q Quality) (Tree, error) {
	t := Tree{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		t[name] = New(MediaType(name), body, q)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	return t, nil
}

// ServeHTTP serves the asset whose path is the request's without the leading
// slash, and 404 for others.
func (t Tree) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.Path) > 0 {
		if a, ok := t[r.URL.Path[1:]]; ok {
			a.ServeHTTP(w, r)
			return
		}
	}
	http.NotFound(w, r)
}
