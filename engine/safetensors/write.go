package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"vitrine/engine/internal/wholefile"
)

// Write writes a safetensors file. The same tensors and metadata give the same bytes in whatever order they come. As in
// the reference implementation, the types with the larger elements come first, so that each tensor is aligned to its
// elements, and within a type the tensors go by name; the metadata goes by key. It refuses what Parse would, before the first byte is
// written.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	ordered := slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(b.DType.index(), a.DType.index()), strings.Compare(a.Name, b.Name))
	})
	header, err := encodeHeader(ordered, metadata)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: writing the header: %w", err)
	}
	for _, t := range ordered {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("safetensors: writing tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// WriteFile writes a safetensors file at path, over one that is there, whole or not at all; see [wholefile.Write]. The
// tensors go out one by one, and no more of the file is held in memory than a buffer.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	return wholefile.Write(path, "safetensors", func(w io.Writer) error { return Write(w, tensors, metadata) })
}

// tensorInfo is what the header says of one tensor.
type tensorInfo struct {
	DType       DType  `json:"dtype"`
	Shape       []int  `json:"shape"`
	DataOffsets [2]int `json:"data_offsets"`
}

// encodeHeader gives all that stands before the elements. The header is padded with spaces, so that the elements start
// at a multiple of 8 bytes.
func encodeHeader(ordered []Tensor, metadata map[string]string) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, lengthBytes)) // the length is filled in at the end
	b.WriteByte('{')
	if len(metadata) > 0 {
		if err := appendMember(b, metadataName, metadata); err != nil {
			return nil, err
		}
		for key, value := range metadata {
			if !utf8.ValidString(key) || !utf8.ValidString(value) {
				return nil, fmt.Errorf("metadata %.80q: %.80q is not valid UTF-8", key, value)
			}
		}
	}
	seen := map[string]bool{metadataName: true}
	end := 0
	for _, t := range ordered {
		switch size, err := dataSize(t.DType, t.Shape); {
		case err != nil:
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		case len(t.Data) != size:
			return nil, fmt.Errorf("tensor %q: %s of shape %v takes %d bytes, not %d", t.Name, t.DType, t.Shape, size, len(t.Data))
		case !utf8.ValidString(t.Name):
			return nil, fmt.Errorf("tensor %q: the name is not valid UTF-8", t.Name)
		case seen[t.Name]:
			return nil, fmt.Errorf("tensor %q: the name is taken", t.Name)
		}
		seen[t.Name] = true
		begin := end
		end += len(t.Data)
		// A nil shape would become null.
		info := tensorInfo{t.DType, append([]int{}, t.Shape...), [2]int{begin, end}}
		if err := appendMember(b, t.Name, info); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	n := b.Len() - lengthBytes
	if n > maxHeaderBytes {
		return nil, fmt.Errorf("the header takes %d bytes; at most %d are allowed", n, maxHeaderBytes)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(n))
	return b.Bytes(), nil
}

// appendMember appends a name and its value to the object that b has open. (A map would lose the tensors' order.)
func appendMember(b *bytes.Buffer, name string, value any) error {
	if b.Bytes()[b.Len()-1] != '{' {
		b.WriteByte(',')
	}
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	for i, v := range []any{name, value} {
		if i == 1 {
			b.WriteByte(':')
		}
		if err := encoder.Encode(v); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the encoder ends each value with a newline
	}
	return nil
}
