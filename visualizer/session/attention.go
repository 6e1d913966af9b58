package session

import (
	"slices"

	"vitrine/visualizer/wire"
)

// MaxAttentionBytes bounds the attention rows that are held. A row of position
// p takes layers · heads · (p+1) bytes: with SmolLM2-135M (30 × 9 heads) the
// rows of 700 tokens fit.
const MaxAttentionBytes = 64 << 20

// row is the attention of one query position, all layers and heads.
type row struct {
	prefix uint64
	pos    int
	values []uint8 // by layer, head, key; pos+1 keys
}

// attention holds rows under the prefixes that they were computed from.
type attention struct {
	limit         int // bytes
	layers, heads int
	bytes         int
	held          []*row          // by time of arrival
	byPrefix      map[uint64]*row // the same rows
	active        []*row          // the active branch's, by position; nil where none is held
	floor         int             // positions before it are not held, since those from it on fill the limit
}

func (a *attention) reset() { *a = attention{limit: a.limit} }

// follow makes active and floor fit to a sequence that has changed at from and
// after, and drops what passes the limit.
func (a *attention) follow(q *sequence, from int) {
	from = min(from, len(a.active))
	clear(a.active[from:]) // so that dropped rows can be collected
	a.active = a.active[:from]
	for p := from; p < len(q.hashes); p++ {
		r := a.byPrefix[q.hashes[p]]
		if r != nil && r.pos != p {
			r = nil // a collision of hashes
		}
		a.active = append(a.active, r)
	}
	a.setFloor()
	a.shrink()
}

// setFloor finds the first position from which all rows to the tip fit into
// the limit. It depends on the length alone, so a row that was dropped for it
// is not asked for again.
func (a *attention) setFloor() {
	a.floor = 0
	room, heads := a.limit, a.layers*a.heads
	for p := len(a.active) - 1; p >= 0; p-- {
		if room -= heads * (p + 1); room < 0 {
			a.floor = p + 1
			return
		}
	}
}

// add copies a frame's rows of known positions and says whether it held any.
func (a *attention) add(q *sequence, f *wire.AttentionRows) bool {
	if int(f.Layers) != a.layers || int(f.Heads) != a.heads {
		a.reset()
		a.layers, a.heads, a.byPrefix = int(f.Layers), int(f.Heads), map[uint64]*row{}
		a.follow(q, 0)
	}
	added := false
	for r := range int(f.Rows) {
		pos := int(f.From) + r
		prefix, ok := q.prefix(pos)
		if !ok {
			break
		}
		if pos < a.floor {
			continue
		}
		// All heads of a row are contiguous, and Row checks that they are there.
		n := a.layers * a.heads * (pos + 1)
		before := r*int(f.From) + r*(r+1)/2
		at := before * a.layers * a.heads
		if n == 0 || at+n > len(f.Values) {
			break
		}
		values := slices.Clone(f.Values[at : at+n])
		added = true
		if a.active[pos] != nil {
			a.active[pos].values = values
			continue
		}
		if a.byPrefix[prefix] != nil {
			continue // a collision of hashes
		}
		held := &row{prefix: prefix, pos: pos, values: values}
		a.byPrefix[prefix] = held
		a.held = append(a.held, held)
		a.active[pos] = held
		a.bytes += n
	}
	a.shrink()
	return added
}

// shrink drops rows until the rest fits: first those of other branches, oldest
// first, then those before the floor.
func (a *attention) shrink() {
	if a.bytes <= a.limit {
		return
	}
	drop := func(unwanted func(*row) bool) {
		a.held = slices.DeleteFunc(a.held, func(r *row) bool {
			if a.bytes <= a.limit || !unwanted(r) {
				return false
			}
			delete(a.byPrefix, r.prefix)
			if a.isActive(r) {
				a.active[r.pos] = nil
			}
			a.bytes -= len(r.values)
			return true
		})
	}
	drop(func(r *row) bool { return !a.isActive(r) })
	drop(func(r *row) bool { return r.pos < a.floor })
}

func (a *attention) isActive(r *row) bool { return r.pos < len(a.active) && a.active[r.pos] == r }

func (a *attention) holds(pos int) bool {
	return pos >= 0 && pos < len(a.active) && a.active[pos] != nil
}

// Attention is the attention of query position q in one layer and head: q+1
// quantized weights, one a key (see [wire.Weight]). ok is false if the row is
// not held: it was not computed, not sent, or dropped for [MaxAttentionBytes].
func (s *Session) Attention(q, layer, head int) (weights []uint8, ok bool) {
	a := &s.attention
	if !a.holds(q) || layer < 0 || layer >= a.layers || head < 0 || head >= a.heads {
		return nil, false
	}
	at := (layer*a.heads + head) * (q + 1)
	return a.active[q].values[at : at+q+1 : at+q+1], true
}

// MissingAttention is the first computed position of the active branch whose
// row is neither held nor dropped for [MaxAttentionBytes]: from there on a view
// of the attention has to ask (QueryAttention). ok is false if none is missing.
func (s *Session) MissingAttention() (pos int, ok bool) {
	for p := s.attention.floor; p <= s.lastComputed(); p++ {
		if !s.attention.holds(p) {
			return p, true
		}
	}
	return 0, false
}

// AttentionFloor is the first position whose attention row can be held: the
// rows from it to the last token fill [MaxAttentionBytes].
func (s *Session) AttentionFloor() int { return s.attention.floor }

// lastComputed is the last position that has been through the model: the one
// that the last step reported, else, as the last token is drawn before it is
// computed, the one before the last; -1 if none.
func (s *Session) lastComputed() int {
	n := len(s.sequence.tokens)
	if s.stepped {
		return min(int(s.step.Position), n-1)
	}
	return n - 2
}
