package cpu

import "fmt"

// memory is where the weights lie: pages of the operating system's, out of
// sight of the garbage collector, which would otherwise let the heap grow to
// twice the model before it looks.
type memory struct {
	regions [][]byte
	rest    []byte // the rest of the last region
}

// region is how much is asked for at once: many weights are small.
const region = 16 << 20

// line is what a weight's memory is aligned to.
const line = 64

// take returns n bytes of zeros.
func (m *memory) take(n int) ([]byte, error) {
	if n > len(m.rest) {
		size := max(n, region)
		r, err := pages(size)
		if err != nil {
			return nil, fmt.Errorf("%d MiB of memory: %w", size>>20, err)
		}
		m.regions = append(m.regions, r)
		if n >= region {
			return r[:n:n], nil // what is free in the last region stays free
		}
		m.rest = r
	}
	out := m.rest[:n:n]
	m.rest = m.rest[min((n+line-1)/line*line, len(m.rest)):]
	return out, nil
}

// free gives everything back. What was taken is gone.
func (m *memory) free() error {
	var first error
	for _, r := range m.regions {
		if err := freePages(r); err != nil && first == nil {
			first = err
		}
	}
	*m = memory{}
	return first
}
