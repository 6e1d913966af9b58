package view

import (
	"slices"
	"unicode/utf8"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// Chip is one token as it is shown: its piece, id and bytes.
type Chip struct {
	Position   int
	ID         int32
	Flags      wire.TokenFlag
	Label      string // see [session.Label]
	Hex        string // see [session.Hex]
	Start, End int    // the bytes of its group's text that it covers
}

// Grapheme is what a reader takes for one character.
type Grapheme struct {
	Label      string
	Start, End int // bytes of its group's text
}

// Group is a run of chips that belong together because a grapheme is spread
// over them; most groups are one chip. Where it is more, the chips' and the
// graphemes' byte ranges say which token covers what of which character.
type Group struct {
	Chips     []Chip
	Graphemes []Grapheme
}

// Text is what the tokens stand for, in the form that [Graphemes] expects
// boundaries of: a byte that is no character is one U+FFFD.
func Text(tokens []wire.Token) string { return session.Text(join(tokens)) }

func join(tokens []wire.Token) []byte {
	var b []byte
	for i := range tokens {
		b = append(b, tokens[i].Bytes...)
	}
	return b
}

// Groups makes chips of tokens, the first of which stands at position first.
// boundaries are the places at which graphemes of [Text] begin, in UTF-16 code
// units and ascending, as the browser's Intl.Segmenter tells them (Unicode
// Standard Annex 29). A special token is a group by itself. Boundaries that
// are missing or do not fit make larger groups or are passed over; every token
// is in one group.
func Groups(tokens []wire.Token, first int, boundaries []int) []Group {
	text := join(tokens)
	starts := byteOffsets(text, boundaries)
	isBoundary := func(at int) bool {
		_, found := slices.BinarySearch(starts, at)
		return found || at == len(text)
	}
	var groups []Group
	var chips []Chip // of the group that is being made
	begin, end := 0, 0
	finish := func() {
		if len(chips) > 0 {
			groups = append(groups, Group{Chips: chips, Graphemes: graphemes(text, starts, begin, end)})
		}
		chips, begin = nil, end
	}
	for i, t := range tokens {
		special := t.Flags&wire.FlagSpecial != 0
		if special {
			finish()
		}
		start := end
		end += len(t.Bytes)
		chips = append(chips, Chip{
			Position: first + i, ID: t.ID, Flags: t.Flags,
			Label: session.Label(t.Bytes), Hex: session.Hex(t.Bytes),
			Start: start - begin, End: end - begin,
		})
		if special || isBoundary(end) {
			finish()
		}
	}
	finish()
	return groups
}

// graphemes are those of text[begin:end].
func graphemes(text []byte, starts []int, begin, end int) []Grapheme {
	var out []Grapheme
	from, _ := slices.BinarySearch(starts, begin+1)
	for at := begin; at < end; from++ {
		next := end
		if from < len(starts) {
			next = min(starts[from], end)
		}
		out = append(out, Grapheme{Label: session.Label(text[at:next]), Start: at - begin, End: next - begin})
		at = next
	}
	return out
}

// byteOffsets turns places in session.Text(b), counted in UTF-16 code units,
// into places in b. Places within a character or out of order are left out.
func byteOffsets(b []byte, utf16 []int) []int {
	var out []int
	at, units := 0, 0
	for _, want := range utf16 {
		for units < want && at < len(b) {
			r, n := utf8.DecodeRune(b[at:])
			at += n
			units++
			if r > 0xFFFF {
				units++ // a surrogate pair
			}
		}
		if units == want && (len(out) == 0 || out[len(out)-1] < at) {
			out = append(out, at)
		}
	}
	return out
}
