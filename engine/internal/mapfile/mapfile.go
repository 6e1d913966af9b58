// Package mapfile maps model files into memory, for the readers of every format.
package mapfile

import (
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
)

// Map maps the regular file at path for reading; Unmap it when done. Errors
// name the file and the format that it was to be read as.
func Map(path, format string) (mmap.MMap, error) {
	stat, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", format, err)
	case !stat.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %s: not a regular file", path, format) // to open a pipe could wait for ever
	case stat.Size() == 0: // which cannot be mapped
		return nil, fmt.Errorf("%s: %s: the file is empty", path, format)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", format, err)
	}
	defer file.Close() // a mapping outlives its descriptor
	mapping, err := mmap.Map(file, mmap.RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: mapping into memory: %w", path, format, err)
	}
	return mapping, nil
}
