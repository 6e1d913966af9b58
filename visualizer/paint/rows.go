package paint

import "math"

// Rows gives the attention weights of a sequence, as they travel on the wire:
// a weight a in [0, 1] is round(255·√a).
type Rows interface {
	// Row returns the weights that the query at position q gives to the
	// keys 0 … q in one head; it is nil, or shorter, where they are not known.
	// The slice is only read, and not after the next call.
	Row(q, layer, head int) []uint8
}

// Triangle is the exact matrix of one head as [Rows]: query q has q+1 weights,
// the rows follow each other. It answers for every layer and head alike.
type Triangle struct {
	Values []float32
	row    []uint8
}

// Row returns row q in the wire's form. A NaN counts as 0.
func (t *Triangle) Row(q, _, _ int) []uint8 {
	if q < 0 || q > 1<<20 { // beyond any sequence, and q² would overflow on 32 bits
		return nil
	}
	from := uint64(q) * uint64(q+1) / 2
	to := from + uint64(q) + 1
	if to > uint64(len(t.Values)) {
		return nil
	}
	t.row = t.row[:0]
	for _, a := range t.Values[from:to] {
		t.row = append(t.row, Weight8(a))
	}
	return t.row
}

// Weight8 is the form in which an attention weight travels on the wire,
// round(255·√a), for a clipped to [0, 1]; NaN becomes 0.
func Weight8(a float32) uint8 {
	if !(a > 0) {
		return 0
	}
	return uint8(math.Round(255 * math.Sqrt(min(float64(a), 1))))
}
