package gguf

import (
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
)

// Open maps the file at path into memory and parses it. Close it when done.
func Open(path string) (*File, error) {
	stat, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("gguf: %w", err)
	case !stat.Mode().IsRegular():
		return nil, fmt.Errorf("%s: gguf: not a regular file", path) // to open a pipe could wait for ever
	case stat.Size() == 0: // which cannot be mapped
		return nil, fmt.Errorf("%s: gguf: the file is empty", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	defer file.Close() // a mapping outlives its descriptor
	mapping, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: gguf: mapping into memory: %w", path, err)
	}
	f, err := Parse(mapping)
	if err != nil {
		_ = mapping.Unmap() // the error that matters is the file's
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f.unmap = mapping.Unmap
	return f, nil
}
