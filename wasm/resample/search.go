package resample

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"vitrine/engine/sampler"
)

// Search finds tokens by what they stand for, or by id. piece tells what a
// token stands for and is asked for every token of the vocabulary. A whole
// number is an id, and also a text. Text is compared without the space that
// most vocabularies put before a word, and without regard to ASCII case:
// first the tokens that are the text, then those that begin with it, each by
// the probability that the model gave them. At most n are returned.
func Search(r *sampler.Report, text string, n int, piece func(id int32) ([]byte, bool)) []int32 {
	type hit struct {
		id    int32
		class int // the lower the better
		logit float32
	}
	want := fold([]byte(text))
	bare := bytes.TrimLeft(want, " ")
	if len(want) == 0 {
		return nil
	}
	var hits []hit
	if id, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil && int(id) < r.Vocab() {
		hits = append(hits, hit{int32(id), -1, r.LogitAt(0, int32(id))})
	}
	for id := range int32(r.Vocab()) {
		b, known := piece(id)
		if !known || len(b) == 0 {
			continue
		}
		have := fold(b)
		class := 0
		switch trimmed := bytes.TrimLeft(have, " "); {
		case string(b) == text:
		case bytes.Equal(have, want):
			class = 1
		case len(bare) == 0:
			continue
		case bytes.Equal(trimmed, bare):
			class = 2
		case bytes.HasPrefix(trimmed, bare):
			class = 3
		default:
			continue
		}
		if len(hits) > 0 && hits[0].class < 0 && hits[0].id == id {
			continue // found as an id
		}
		hits = append(hits, hit{id, class, r.LogitAt(0, id)})
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(b.logit, a.logit), cmp.Compare(a.id, b.id))
	})
	ids := make([]int32, 0, n)
	for _, h := range hits[:min(n, len(hits))] {
		ids = append(ids, h.id)
	}
	return ids
}

// fold is b with ASCII capitals made small.
func fold(b []byte) []byte {
	out := make([]byte, len(b))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out[i] = c
	}
	return out
}
