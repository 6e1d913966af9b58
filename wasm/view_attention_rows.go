//go:build js && wasm

package main

import (
	"slices"
	"strconv"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// sessionRows gives the attention rows of a session to the atlas.
type sessionRows struct{ s *session.Session }

func (r sessionRows) Row(q, layer, head int) []uint8 {
	row, _ := r.s.Attention(q, layer, head)
	return row
}

// known is the number of positions up to the last whose row is held.
func (r sessionRows) known() int {
	n := len(r.s.Tokens())
	for n > 0 && len(r.Row(n-1, 0, 0)) == 0 {
		n--
	}
	return n
}

// queryPosition is the position whose row the attention view shows: the chosen
// token's or, while an answer is being written, whose last token has not been
// through the model yet, that of the last one before it that has.
func (c *client) queryPosition() int {
	q := c.position()
	if c.resting() {
		return q
	}
	for p := q; p >= 0; p-- {
		if _, held := c.shown.Attention(p, 0, 0); held {
			return p
		}
	}
	return q
}

// exactRow is a query's row as float32, from the exact matrix of its head or from
// its flow through the layer; nil if neither is here.
func exactRow(s *session.Session, layer, head, q int) []float32 {
	if matrix, ok := s.Head(layer, head); ok {
		if row := matrix.Row(q); len(row) > 0 {
			return row
		}
	}
	if flow, ok := s.Flow(q, layer); ok {
		return view.HeadRow(flow, head)
	}
	return nil
}

// headRows gives the rows of one head: those that came for all heads, and where
// there is none the exact one.
type headRows struct {
	s       *session.Session
	scratch []uint8
}

func (r *headRows) Row(q, layer, head int) []uint8 {
	if row, ok := r.s.Attention(q, layer, head); ok {
		return row
	}
	r.scratch = r.scratch[:0]
	for _, a := range exactRow(r.s, layer, head, q) {
		r.scratch = append(r.scratch, paint.Weight8(a))
	}
	return r.scratch
}

// weightSource says how well a weight is known.
type weightSource uint8

const (
	weightUnknown weightSource = iota
	weightAbout                // from 8 bits
	weightExact                // as the engine computed it, float32
	weightCell                 // that, with its operands
)

// attentionWeight is an attention weight as well as it is known.
func (c *client) attentionWeight(layer, head, q, k int) (a float32, source weightSource) {
	if cell, ok := c.shown.Cell(layer, head, q, k); ok {
		return cell.Weight, weightCell
	}
	if row := exactRow(c.shown, layer, head, q); k < len(row) {
		return row[k], weightExact
	}
	if row, ok := c.shown.Attention(q, layer, head); ok && k < len(row) {
		return wire.Weight(row[k]), weightAbout
	}
	return 0, weightUnknown
}

// attentionRow appends to dst the weights of a query's row as well as they are known.
func (c *client) attentionRow(dst []float32, layer, head, q int) (row []float32, source weightSource) {
	if row := exactRow(c.shown, layer, head, q); len(row) > 0 {
		return append(slices.Grow(dst, len(row)), row...), weightExact
	}
	about, ok := c.shown.Attention(q, layer, head)
	if !ok {
		return dst, weightUnknown
	}
	for _, u := range about {
		dst = append(dst, wire.Weight(u))
	}
	return dst, weightAbout
}

// lastRow is the row of the chosen token or, where it is not here, of the last one
// before it that is; source is weightUnknown if there is none.
func (c *client) lastRow(layer, head int) (q int, row []float32, source weightSource) {
	for q = c.position(); q >= 0; q-- {
		if row, source = c.attentionRow(nil, layer, head, q); source != weightUnknown {
			return q, row, source
		}
	}
	return c.position(), nil, weightUnknown
}

// weightText writes a weight, with ≈ where it came in 8 bits.
func weightText(a float32, source weightSource) string {
	switch source {
	case weightUnknown:
		return "…"
	case weightAbout:
		// The error is a 255th of the weight's root, so small ones are known finely.
		digits := 3
		if a < 0.01 {
			digits = 5
		}
		return "≈ " + strconv.FormatFloat(float64(a), 'f', digits, 32)
	}
	return view.Number(float64(a))
}
