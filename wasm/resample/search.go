package resample

import (
	"bytes"
	"strconv"
	"strings"

	"vitrine/engine/sampler"
)

// Search finds tokens by what they stand for, or by id. piece tells what a
// token stands for and is asked for every token of the vocabulary. A whole
// number is an id, and also a text. Text is compared without the space that
// most vocabularies put before a word, and without regard to ASCII case: first
// the token that is exactly the text, then those that are it but for that, then
// those that begin with it, each by the logit that the model gave them. At most
// n are returned.
func Search(r *sampler.Report, text string, n int, piece func(id int32) ([]byte, bool)) []int32 {
	want := fold([]byte(text))
	if len(want) == 0 {
		return nil
	}
	best := make([]hit, 0, n+1)
	offer := func(h hit) {
		at := len(best)
		for at > 0 && h.before(best[at-1]) {
			at--
		}
		if at == n {
			return
		}
		best = append(best, hit{})
		copy(best[at+1:], best[at:])
		best[at] = h
		best = best[:min(len(best), n)]
	}
	named := int32(-1)
	if id, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil && int(id) < r.Vocab() {
		named = int32(id)
		offer(hit{named, byID, r.LogitAt(0, named)})
	}
	for id := range int32(r.Vocab()) {
		b, known := piece(id)
		if !known || id == named {
			continue
		}
		if class := match(b, text, want); class != noMatch {
			offer(hit{id, class, r.LogitAt(0, id)})
		}
	}
	ids := make([]int32, len(best))
	for i := range best {
		ids[i] = best[i].id
	}
	return ids
}

// hit is a token that was found.
type hit struct {
	id    int32
	class matchClass
	logit float32
}

// before reports whether h is listed before o.
func (h hit) before(o hit) bool {
	switch {
	case h.class != o.class:
		return h.class < o.class
	case h.logit != o.logit:
		return h.logit > o.logit
	}
	return h.id < o.id
}

// matchClass says how well a token fits what is searched for, the best first.
type matchClass uint8

const (
	byID    matchClass = iota
	exactly            // byte for byte
	folded             // but for the case
	spaced             // but for the case and the space before it
	begins             // as that, and more after it
	noMatch
)

// match compares a token with a text; want is the text, folded.
func match(token []byte, text string, want []byte) matchClass {
	have, bare := fold(token), bytes.TrimLeft(want, " ")
	trimmed := bytes.TrimLeft(have, " ")
	switch {
	case string(token) == text:
		return exactly
	case bytes.Equal(have, want):
		return folded
	case len(bare) == 0:
		return noMatch // every token begins with nothing
	case bytes.Equal(trimmed, bare):
		return spaced
	case bytes.HasPrefix(trimmed, bare):
		return begins
	}
	return noMatch
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
