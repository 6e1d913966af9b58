package model

import "vitrine/engine/backend"

// rows is what the operations of a layer work on.
type rows struct {
	x         backend.Tensor // the residual stream
	n         int
	positions []int32
	sequences []backend.Sequence
}

// wantsLogitsOnly says whether nothing of the last layer is wanted of the rows
// that no logits are wanted of, but their keys and values. All rows but one of a
// prompt are such rows.
func (m *Model) wantsLogitsOnly(batch *Batch) bool {
	if len(batch.LogitRows) >= len(batch.Tokens) {
		return false
	}
	for i := range batch.Taps {
		if t := &batch.Taps[i]; t.Point == FinalNorm || t.Point.InLayer() && t.Layer == len(m.layers)-1 {
			return false
		}
	}
	return true
}

// LayerRows is the number of rows of a batch that a layer computes beyond their
// keys and values: of the last layer those whose logits are wanted, unless more is.
func (m *Model) LayerRows(batch *Batch, layer int) int {
	if layer == len(m.layers)-1 && m.wantsLogitsOnly(batch) {
		return len(batch.LogitRows)
	}
	return len(batch.Tokens)
}

// pickRows enqueues the copy of the rows of m.x whose logits are wanted to
// m.picked. Each becomes a sequence of its own.
func (m *Model) pickRows(batch *Batch) rows {
	if len(batch.LogitRows) == 0 {
		return rows{}
	}
	m.backend.Gather(m.picked, m.x, batch.LogitRows)
	p := rows{x: m.picked, n: len(batch.LogitRows), positions: m.positions[:0], sequences: m.sequences[:0]}
	for _, row := range batch.LogitRows {
		p.positions = append(p.positions, batch.Positions[row])
		for _, s := range batch.Sequences {
			if at := int(row) - s.Start; at >= 0 && at < s.Count {
				p.sequences = append(p.sequences, backend.Sequence{Start: len(p.sequences), Count: 1, First: s.First + at, Blocks: s.Blocks})
			}
		}
	}
	m.positions, m.sequences = p.positions, p.sequences
	return p
}
