package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	maxHeaderBytes = 100_000_000 // as in the reference implementation
	lengthBytes    = 8           // of the header's length, at the start
	metadataName   = "__metadata__"
)

// Parse reads a safetensors file from data, which has to stay as it is for as long as the Set is used: its tensors are
// views of it.
func Parse(data []byte) (*Set, error) {
	s, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return s, nil
}

func parse(data []byte) (*Set, error) {
	if len(data) < lengthBytes {
		return nil, fmt.Errorf("the file has %d bytes; the length of its header alone takes %d", len(data), lengthBytes)
	}
	n := binary.LittleEndian.Uint64(data)
	rest := data[lengthBytes:]
	switch {
	case n > maxHeaderBytes:
		return nil, fmt.Errorf("the header's length is %d; at most %d bytes are allowed (is this a safetensors file?)", n, maxHeaderBytes)
	case n > uint64(len(rest)):
		return nil, fmt.Errorf("the header's length is %d, and the file has %d bytes after it; is the file cut off?", n, len(rest))
	}
	header, elements := rest[:n], rest[n:]

	s := &Set{Metadata: map[string]string{}}
	var places []place
	err := readJSON(header, func(r *jsonReader) error {
		return r.object(func(name string) error {
			if name == metadataName {
				return r.object(func(key string) (err error) {
					s.Metadata[key], err = r.string()
					return err
				})
			}
			tensor, p, err := parseTensor(r)
			tensor.Name = name
			p.tensor = len(s.Tensors)
			s.Tensors, places = append(s.Tensors, tensor), append(places, p)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := s.place(places, elements); err != nil {
		return nil, err
	}
	slices.SortFunc(s.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return s, nil
}

// place is where a tensor's elements stand, in bytes from the end of the header.
type place struct {
	tensor     int // index
	begin, end int
}

// parseTensor reads what the header says of one tensor.
func parseTensor(r *jsonReader) (Tensor, place, error) {
	var t Tensor
	var offsets []int
	err := r.object(func(field string) (err error) {
		switch field {
		case "dtype":
			var name string
			name, err = r.string()
			t.DType = DType(name)
		case "shape":
			t.Shape, err = r.ints(maxDimensions)
		case "data_offsets":
			offsets, err = r.ints(2)
		default:
			err = r.skip() // the reference implementation lets other fields be, and so leaves room for new ones
		}
		return err
	})
	switch {
	case err != nil:
		return t, place{}, err
	case t.DType == "":
		return t, place{}, errors.New("dtype is missing")
	case t.Shape == nil:
		return t, place{}, errors.New("shape is missing")
	case len(offsets) != 2:
		return t, place{}, fmt.Errorf("data_offsets %v: two numbers are needed, begin and end", offsets)
	}
	size, err := dataSize(t.DType, t.Shape)
	if err != nil {
		return t, place{}, err
	}
	begin, end := offsets[0], offsets[1]
	if begin > end || end-begin != size {
		return t, place{}, fmt.Errorf("data_offsets [%d, %d]: %s of shape %v takes %d bytes", begin, end, t.DType, t.Shape, size)
	}
	return t, place{begin: begin, end: end}, nil
}

// place gives each tensor its data, once all of them are known to cover the elements without a hole or an overlap.
func (s *Set) place(places []place, elements []byte) error {
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	covered := 0
	for _, p := range places {
		t := &s.Tensors[p.tensor]
		switch {
		case p.begin < covered:
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] overlap another tensor, which ends at %d", t.Name, p.begin, p.end, covered)
		case p.begin > covered:
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] leave a hole from %d", t.Name, p.begin, p.end, covered)
		case p.end > len(elements):
			return fmt.Errorf("tensor %q: data_offsets [%d, %d] end past the data, which has %d bytes; is the file cut off?", t.Name, p.begin, p.end, len(elements))
		}
		t.Data = elements[p.begin:p.end:p.end]
		covered = p.end
	}
	if covered != len(elements) {
		return fmt.Errorf("the tensors cover %d bytes of data, and the file has %d", covered, len(elements))
	}
	return nil
}
