package gguf

import (
	"fmt"

	"vitrine/engine/internal/mapfile"
)

// Open maps the file at path into memory and parses it. Close it when done.
func Open(path string) (*File, error) {
	mapping, err := mapfile.Map(path, "gguf")
	if err != nil {
		return nil, err
	}
	f, err := Parse(mapping)
	if err != nil {
		_ = mapping.Unmap() // the error that matters is the file's
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.unmap = mapping.Unmap
	return f, nil
}
