package structured

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// span is a range of characters, both ends included.
type span struct{ lo, hi rune }

// anyRune are all characters that UTF-8 can write.
var anyRune = []span{{0, 0xd7ff}, {0xe000, utf8.MaxRune}}

// without returns the spans less those of the others.
func without(spans, others []span) []span {
	out := slices.Clone(spans)
	for _, o := range others {
		var rest []span
		for _, s := range out {
			if o.hi < s.lo || s.hi < o.lo {
				rest = append(rest, s)
				continue
			}
			if s.lo < o.lo {
				rest = append(rest, span{s.lo, o.lo - 1})
			}
			if o.hi < s.hi {
				rest = append(rest, span{o.hi + 1, s.hi})
			}
		}
		out = rest
	}
	return out
}

// A spelling says how a set of characters is written.
type spelling func(spans []span) frag

// plain writes characters in UTF-8.
func (b *builder) plain(spans []span) frag {
	return func(next pc) pc {
		var outs []pc
		for _, s := range spans {
			utf8Ranges(s.lo, s.hi, func(bytes [][2]byte) {
				at := next
				for _, r := range slices.Backward(bytes) {
					at = b.bytes(r[0], r[1])(at)
				}
				outs = append(outs, at)
			})
		}
		return b.split(outs...)
	}
}

// utf8Ranges calls emit for sequences of byte ranges that together are the
// UTF-8 of the characters lo … hi. Surrogates are left out.
func utf8Ranges(lo, hi rune, emit func([][2]byte)) {
	if lo > hi {
		return
	}
	// The ends of the characters of one, two and three bytes, and what lies around
	// the surrogates.
	for _, last := range []rune{0x7f, 0x7ff, 0xd7ff, 0xdfff, 0xffff} {
		if lo <= last && last < hi {
			utf8Ranges(lo, last, emit)
			utf8Ranges(last+1, hi, emit)
			return
		}
	}
	if lo >= 0xd800 && hi <= 0xdfff {
		return
	}
	// Where a byte before the last i differs, the last i have to be all there are.
	n := utf8.RuneLen(lo)
	for i := 1; i < n; i++ {
		low := rune(1)<<(6*i) - 1
		if lo&^low == hi&^low {
			continue
		}
		if lo&low != 0 {
			utf8Ranges(lo, lo|low, emit)
			utf8Ranges((lo|low)+1, hi, emit)
			return
		}
		if hi&low != low {
			utf8Ranges(lo, hi&^low-1, emit)
			utf8Ranges(hi&^low, hi, emit)
			return
		}
	}
	var a, z [utf8.UTFMax]byte
	utf8.EncodeRune(a[:], lo)
	utf8.EncodeRune(z[:], hi)
	ranges := make([][2]byte, n)
	for i := range ranges {
		ranges[i] = [2]byte{a[i], z[i]}
	}
	emit(ranges)
}

// escaped are the characters that JSON cannot write as they are (RFC 8259,
// section 7).
var escaped = []span{{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}

// quoted writes characters as they stand in a string of JSON, each in one way.
func (b *builder) quoted(spans []span) frag {
	parts := []frag{b.plain(without(spans, escaped))}
	for _, e := range escaped {
		for r := e.lo; r <= e.hi; r++ {
			if slices.ContainsFunc(spans, func(s span) bool { return s.lo <= r && r <= s.hi }) {
				parts = append(parts, b.text(quoteRune(r)))
			}
		}
	}
	return b.any(parts...)
}

// quoteRune writes one character as it stands in a string of JSON.
func quoteRune(r rune) string {
	switch r {
	case '"', '\\':
		return `\` + string(r)
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	}
	if r < ' ' {
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}

// quote writes a string of JSON without its quotes.
func quote(s string) string {
	var out []byte
	for _, r := range s {
		out = append(out, quoteRune(r)...)
	}
	return string(out)
}
