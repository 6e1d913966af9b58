package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
)

// rankedMerges is the merge list of BPE: pairs of ids, ranked by their place.
type rankedMerges map[uint64]ranked

type ranked struct{ rank, id int32 }

func pair(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

func (r rankedMerges) lookup(_ string, left, right *symbol) (rank, id int32, ok bool) {
	m, ok := r[pair(left.id, right.id)]
	return m.rank, m.id, ok
}

func (r rankedMerges) score(int32) (float32, bool) { return 0, false }

// add appends the pair of pieces left and right to the list.
func (r rankedMerges) add(v *vocabulary, left, right string) error {
	l, ok := v.ids[left]
	if !ok {
		return fmt.Errorf("piece %q of the pair is not in the vocabulary", left)
	}
	rt, ok := v.ids[right]
	if !ok {
		return fmt.Errorf("piece %q of the pair is not in the vocabulary", right)
	}
	id, ok := v.ids[left+right]
	if !ok {
		return fmt.Errorf("the result %q of the pair is not in the vocabulary", left+right)
	}
	r[pair(l, rt)] = ranked{int32(len(r)), id}
	return nil
}

// scoredPieces merges as SentencePiece's BPE does (Kudo and Richardson, 2018): any
// two neighbours whose text together is a piece may merge, the highest score
// first. Source: bpe_model.cc of the sentencepiece library.
type scoredPieces struct {
	vocab  *vocabulary
	scores []float32
	rank   []int32 // of each id: 0 for the highest score; equal scores share a rank
}

func newScoredPieces(v *vocabulary, scores []float32) *scoredPieces {
	order := make([]int32, len(scores))
	for id := range order {
		order[id] = int32(id)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	s := &scoredPieces{v, scores, make([]int32, len(scores))}
	for i, id := range order {
		s.rank[id] = int32(i)
		if i > 0 && scores[id] == scores[order[i-1]] {
			s.rank[id] = s.rank[order[i-1]]
		}
	}
	return s
}

func (s *scoredPieces) lookup(word string, left, right *symbol) (rank, id int32, ok bool) {
	id, ok = s.vocab.ids[word[left.start:right.end]]
	if !ok || s.vocab.kinds[id] != kindNormal && s.vocab.kinds[id] != kindUserDefined {
		return 0, noID, false
	}
	return s.rank[id], id, true
}

func (s *scoredPieces) score(id int32) (float32, bool) { return s.scores[id], true }
