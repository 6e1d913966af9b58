package gguf

import (
	"encoding/binary"
	"fmt"
	"io"

	"vitrine/engine/internal/wholefile"
)

const writtenVersion = 3

// Write writes a GGUF file of version 3 that Parse reads: the entries and tensors in their order, aligned to the entry
// general.alignment, if there is one, or to 32 bytes. It refuses what Parse would, before the first byte is written.
func Write(w io.Writer, metadata []KV, tensors []Tensor) error {
	header, alignment, err := encodeHeader(metadata, tensors)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("gguf: writing the header: %w", err)
	}
	for _, t := range tensors {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("gguf: writing tensor %q: %w", t.Name, err)
		}
		if _, err := w.Write(make([]byte, padding(len(t.Data), alignment))); err != nil {
			return fmt.Errorf("gguf: writing the padding after tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// WriteFile writes a GGUF file at path, over one that is there, whole or not at all; see [wholefile.Write].
func WriteFile(path string, metadata []KV, tensors []Tensor) error {
	return wholefile.Write(path, "gguf", func(w io.Writer) error { return Write(w, metadata, tensors) })
}

// encodeHeader gives all that stands before the tensor data, the padding included.
func encodeHeader(metadata []KV, tensors []Tensor) (header []byte, alignment int, err error) {
	order := binary.LittleEndian
	header = append(header, magic...)
	header = order.AppendUint32(header, writtenVersion)
	header = order.AppendUint64(header, uint64(len(tensors)))
	header = order.AppendUint64(header, uint64(len(metadata)))

	alignment = defaultAlignment
	seen := map[string]bool{}
	for _, kv := range metadata {
		if err := checkNameLength("key", uint64(len(kv.Key)), maxKeyLength); err != nil {
			return nil, 0, fmt.Errorf("key %.80q: %w", kv.Key, err)
		}
		if seen[kv.Key] {
			return nil, 0, fmt.Errorf("key %q is there twice", kv.Key)
		}
		seen[kv.Key] = true
		if kv.Key == alignmentKey {
			if alignment, err = checkAlignment(kv.Value); err != nil {
				return nil, 0, err
			}
		}
		if header, err = appendEntry(header, kv); err != nil {
			return nil, 0, err
		}
	}

	offset := 0
	seen = map[string]bool{}
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, 0, fmt.Errorf("tensor name %q is there twice", t.Name)
		}
		seen[t.Name] = true
		if header, err = appendTensorInfo(header, t, offset); err != nil {
			return nil, 0, fmt.Errorf("tensor %.80q: %w", t.Name, err)
		}
		offset += len(t.Data) + padding(len(t.Data), alignment)
	}
	return append(header, make([]byte, padding(len(header), alignment))...), alignment, nil
}

func appendEntry(b []byte, kv KV) ([]byte, error) {
	v := kv.Value
	if v.isZero() {
		return nil, fmt.Errorf("key %q: there is no value; make the entry with NewKV", kv.Key)
	}
	b = appendString(b, kv.Key)
	b = binary.LittleEndian.AppendUint32(b, uint32(v.typ))
	switch v.typ {
	case TypeString:
		b = binary.LittleEndian.AppendUint64(b, uint64(len(v.raw)))
	case TypeArray:
		b = binary.LittleEndian.AppendUint32(b, uint32(v.elem))
		b = binary.LittleEndian.AppendUint64(b, uint64(v.n))
	}
	return append(b, v.raw...), nil
}

func appendTensorInfo(b []byte, t Tensor, offset int) ([]byte, error) {
	if err := checkNameLength("name", uint64(len(t.Name)), maxNameLength); err != nil {
		return nil, err
	}
	size, err := dataSize(t.Type, t.Shape)
	if err != nil {
		return nil, err
	}
	if len(t.Data) != size {
		return nil, fmt.Errorf("%v of shape %v takes %d bytes, not %d", t.Type, t.Shape, size, len(t.Data))
	}
	b = appendString(b, t.Name)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
	for i := range t.Shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Shape[len(t.Shape)-1-i]))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
	return binary.LittleEndian.AppendUint64(b, uint64(offset)), nil
}

func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}
