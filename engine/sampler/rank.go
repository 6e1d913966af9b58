package sampler

import (
	"math"
	"slices"
)

// A key is a logit as an integer that grows as the logit falls, so that the
// order of the vocabulary is ascending (key, id). The bits of a non-negative float32 grow
// with its value and those of a negative one with its magnitude.
type key uint32

func keyOf(z float32) key {
	if z == 0 {
		z = 0 // −0 equals +0 and must tie with it
	}
	b := math.Float32bits(z)
	if b>>31 == 0 {
		return key(b ^ 0x7fffffff)
	}
	return key(b)
}

func (k key) logit() float32 {
	if k>>31 == 0 {
		return math.Float32frombits(uint32(k) ^ 0x7fffffff)
	}
	return math.Float32frombits(uint32(k))
}

// place is a place in the order.
type place struct {
	key key
	id  int32
}

// end is after every token.
var end = place{key: math.MaxUint32, id: math.MaxInt32}

// atOrBefore reports whether a comes at or before b.
func (a place) atOrBefore(b place) bool {
	return a.key < b.key || a.key == b.key && a.id <= b.id
}

// A key is read as four digits of 8 bits, the leading one first.
const (
	digitBits = 8
	digits    = 1 << digitBits
)

// histogram counts and weighs candidates by one digit of their key.
type histogram struct {
	n [digits]uint32
	w [digits]uint64
}

// found is the token that a descent ends at, and what comes before it in the order.
type found struct {
	place
	before uint64 // their weight
	weight uint64 // its own weight
}

// atRank finds the candidate with rank others before it, 0 ≤ rank < len(s.ids).
// The weights in the result hold only if the candidates were weighed.
func (s *Sampler) atRank(rank int) found { return s.descend(uint64(rank), false) }

// atWeight finds the candidate whose interval [before, before+weight) holds goal, 0 ≤
// goal < s.sum().
func (s *Sampler) atWeight(goal uint64) found {
	s.reachWeight(goal)
	return s.descend(goal, true)
}

// descend is a most-significant-digit radix selection: at each digit it counts the
// candidates that share the digits found so far and walks to the one that
// holds the goal. Four passes, whatever the logits.
func (s *Sampler) descend(goal uint64, byWeight bool) found {
	var f found
	var prefix, mask key // the digits found so far, and which bits they are
	h := &s.hist
	var d key
	for shift := 32 - digitBits; shift >= 0; shift -= digitBits {
		h.n = [digits]uint32{}
		h.w = [digits]uint64{}
		for i, k := range s.keys {
			if k&mask == prefix {
				d := k >> shift % digits
				h.n[d]++
				h.w[d] += s.weights[i]
			}
		}
		for d = 0; ; d++ {
			inside := uint64(h.n[d])
			if byWeight {
				inside = h.w[d]
			}
			if goal < inside {
				break
			}
			goal -= inside
			f.before += h.w[d]
		}
		prefix |= d << shift
		mask |= (digits - 1) << shift
	}
	// What is left are ties: equal logits, equal weights, told apart by id.
	f.key = prefix
	f.weight = h.w[d] / uint64(h.n[d])
	nth := goal
	if byWeight {
		nth = goal / f.weight
	}
	f.before += nth * f.weight
	f.id = s.nthWith(prefix, int(nth))
	return f
}

// nthWith returns the id of the n-th candidate with the key. Candidates are in the order of their ids.
func (s *Sampler) nthWith(k key, n int) int32 {
	for i, other := range s.keys {
		if other == k {
			if n == 0 {
				return s.ids[i]
			}
			n--
		}
	}
	return -1 // not reached: descend counted them
}

// keepThrough drops the tokens after last, which is a candidate.
func (s *Sampler) keepThrough(last place) {
	if s.last.atOrBefore(last) {
		return // ties with the last one kept may extend past what an earlier stage cut
	}
	s.last = last
	n := 0
	var total uint64
	for i, k := range s.keys {
		p := place{k, s.ids[i]}
		if p.atOrBefore(last) {
			s.ids[n], s.keys[n], s.weights[n] = p.id, k, s.weights[i]
			total += s.weights[n]
			n++
		}
	}
	s.ids, s.keys, s.weights = s.ids[:n], s.keys[:n], s.weights[:n]
	s.whole, s.held = true, total
}

// best keeps the n first places that it is offered, in a heap whose root is the last of them.
type best struct {
	n    int
	heap []place
}

// newBest returns a heap for the first n of a vocabulary.
func newBest(n, vocab int) *best { return &best{n: n, heap: make([]place, 0, min(n, vocab))} }

// offer considers one place.
func (b *best) offer(p place) {
	switch {
	case len(b.heap) < b.n:
		b.heap = append(b.heap, p)
		for i := len(b.heap) - 1; i > 0; {
			parent := (i - 1) / 2
			if b.heap[i].atOrBefore(b.heap[parent]) {
				break
			}
			b.heap[i], b.heap[parent] = b.heap[parent], b.heap[i]
			i = parent
		}
	case b.n > 0 && p.atOrBefore(b.heap[0]):
		b.heap[0] = p
		b.sink()
	}
}

// sink restores the heap after its root was replaced.
func (b *best) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(b.heap) {
			return
		}
		if child+1 < len(b.heap) && b.heap[child].atOrBefore(b.heap[child+1]) {
			child++
		}
		if b.heap[child].atOrBefore(b.heap[i]) {
			return
		}
		b.heap[i], b.heap[child] = b.heap[child], b.heap[i]
		i = child
	}
}

// firstOf returns the n first tokens of a row of logits in their order, tokens at −Inf last.
func firstOf(logits []float32, n int) []place {
	b := newBest(n, len(logits))
	b.offerAll(logits)
	return b.sorted()
}

// offerAll considers the tokens of a row of logits.
func (b *best) offerAll(logits []float32) {
	for id, z := range logits {
		b.offer(place{keyOf(z), int32(id)})
	}
}

// sorted returns what was kept, in order. The heap is lost.
func (b *best) sorted() []place {
	slices.SortFunc(b.heap, func(a, b place) int {
		if a.atOrBefore(b) {
			return -1
		}
		return 1
	})
	return b.heap
}
