// Package wholefile writes files that are there whole or not at all, for the
// writers of every format.
package wholefile

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const bufferBytes = 1 << 20

// Write has write fill a file at path, over one that is there. The file has this
// name only when it is whole and on the disk: it is written under another name in
// the same folder, and renamed, so a file that is mapped may be replaced. What is
// there and is no file, a device or a pipe, is written to as it is. Errors of the
// system name the format; those of write are passed on.
func Write(path, format string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeTo(path, format, write)
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // the error that matters is the first
		}
	}()
	buffered := bufio.NewWriterSize(file, bufferBytes)
	err = cmp.Or( // the first error; with one, the rest does no harm
		write(buffered),
		buffered.Flush(),
		file.Chmod(0o644), // a temporary file is made for its owner alone
		file.Sync(),
		file.Close(),
	)
	if err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	return nil
}

// writeTo writes to what is at path, which a renamed file must not replace.
func writeTo(path, format string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	buffered := bufio.NewWriterSize(file, bufferBytes)
	return cmp.Or(write(buffered), buffered.Flush(), file.Close())
}
