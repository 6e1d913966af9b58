package safetensors

import (
	"errors"
	"slices"
	"strings"
)

// Set is the tensors of a file, or of all the shards of a model. It does not change, and may be read by several
// goroutines at once until Close.
type Set struct {
	Tensors  []Tensor          // sorted by name, no name twice
	Metadata map[string]string // what the file says of itself; of shards, all that they say

	unmap []func() error // one for each file that was mapped
}

// Tensor gives the tensor of a name; false if there is none.
func (s *Set) Tensor(name string) (*Tensor, bool) {
	i, ok := slices.BinarySearchFunc(s.Tensors, name, func(t Tensor, name string) int { return strings.Compare(t.Name, name) })
	if !ok {
		return nil, false
	}
	return &s.Tensors[i], true
}

// Close unmaps the files that Open mapped. No Tensor's Data may be used from then on: to make a mistake show early, the
// set is emptied. A second Close does nothing.
func (s *Set) Close() error {
	if s.unmap == nil {
		return nil
	}
	for i := range s.Tensors {
		s.Tensors[i].Data = nil
	}
	var failed []error
	for _, unmap := range s.unmap {
		failed = append(failed, unmap())
	}
	*s = Set{}
	return errors.Join(failed...)
}
