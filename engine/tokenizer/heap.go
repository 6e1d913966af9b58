package tokenizer

// candidate is a possible merge. It is out of date once one of its symbols has
// merged with another, which the sizes tell: a symbol only ever grows.
type candidate struct {
	rank                int32 // of the pair, smallest first
	at                  int32 // index of the left symbol: the leftmost goes first
	id                  int32 // of the result
	leftSize, rightSize int32 // bytes that the two symbols had when this was proposed
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// candidates is a binary min-heap. It is written out because container/heap would
// box each candidate, an allocation a merge.
type candidates []candidate

func (h candidates) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *candidates) pop() candidate {
	old := *h
	top, last := old[0], len(old)-1
	old[0] = old[last]
	*h = old[:last]
	h.down(0)
	return top
}

func (h candidates) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (h candidates) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if right := child + 1; right < len(h) && h[right].before(h[child]) {
			child = right
		}
		if !h[child].before(h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
