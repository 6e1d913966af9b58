package hub

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Format is how a model is stored.
type Format string

const (
	// GGUF is a single .gguf file.
	GGUF Format = "gguf"
	// Safetensors is a folder with config.json, *.safetensors and tokenizer.json.
	Safetensors Format = "safetensors"
)

// Location is where a model lies, or will lie once it is fetched.
type Location struct {
	Path   string
	Format Format
	Model  *Model // its entry in the registry; nil for a path
}

// Resolve finds a model by its name in the registry or an alias, whatever the
// case, or by the path of a .gguf file or a model folder. The registry goes first:
// write ./NAME for a folder of a known name. Nothing is fetched: Model.Cached
// says whether it would have to be.
//
// Errors: *[UnknownModelError] for a name that is neither, *[PathError] for a path that is no model's.
func (h *Hub) Resolve(name string) (Location, error) {
	if h.err != nil {
		return Location{}, h.err
	}
	for _, m := range h.models {
		if slices.Contains(m.names(), strings.ToLower(name)) {
			h.locate(&m)
			return Location{Path: m.Path, Format: GGUF, Model: &m}, nil
		}
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return resolveFolder(name)
	case err == nil:
		return resolveFile(name, info)
	case name != "" && looksLikePath(name):
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return Location{}, &PathError{Path: name, Err: err}
	}
	return Location{}, h.unknown(name)
}

func looksLikePath(name string) bool {
	return strings.ContainsAny(name, `/\`) || strings.EqualFold(filepath.Ext(name), ".gguf")
}

func resolveFile(path string, info fs.FileInfo) (Location, error) {
	if !info.Mode().IsRegular() {
		return Location{}, &PathError{Path: path, Err: errors.New("not a regular file")}
	}
	if !strings.EqualFold(filepath.Ext(path), ".gguf") {
		return Location{}, &PathError{Path: path, Err: errors.New("not a .gguf file; name the folder for a model in safetensors")}
	}
	return Location{Path: path, Format: GGUF}, nil
}

func resolveFolder(path string) (Location, error) {
	var missing []string
	for _, pattern := range []string{"config.json", "*.safetensors", "tokenizer.json"} {
		// The folder's own name must not be read as a pattern.
		if names, err := fs.Glob(os.DirFS(path), pattern); err != nil || len(names) == 0 {
			missing = append(missing, pattern)
		}
	}
	if missing != nil {
		return Location{}, &PathError{Path: path, Err: errors.New("not a model folder: there is no " + strings.Join(missing, ", no "))}
	}
	return Location{Path: path, Format: Safetensors}, nil
}

// unknown says which models a name may have meant.
func (h *Hub) unknown(name string) error {
	e := &UnknownModelError{Name: name}
	distances := map[string]int{}
	for _, m := range h.models {
		e.Known = append(e.Known, m.Name)
		nearest := len(name) + 1
		for _, known := range m.names() {
			nearest = min(nearest, editDistance(strings.ToLower(name), known))
		}
		if nearest <= max(2, len(name)/3) && nearest < len(name) {
			distances[m.Name] = nearest
			e.Nearest = append(e.Nearest, m.Name)
		}
	}
	slices.SortStableFunc(e.Nearest, func(a, b string) int { return distances[a] - distances[b] })
	return e
}

// maxNameLength bounds what editDistance computes; no model's name is as long.
const maxNameLength = 100

// editDistance is the number of bytes to insert, delete or replace to make b of a
// (Levenshtein, 1965; computed by rows as Wagner and Fischer, 1974).
func editDistance(a, b string) int {
	if len(a) > maxNameLength || len(b) > maxNameLength {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
