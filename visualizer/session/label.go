package session

import (
	"strings"
	"unicode/utf8"
)

// Label is the printable form of a token's bytes: · for a space, ⏎ for a line
// feed, ⇥ for a tab, <E4> for a byte that is no character by itself and
// <U+200B> for a character that one would not see or that would turn the line's
// direction.
func Label(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			s.WriteString("<" + Hex(b[:1]) + ">")
		case r == ' ':
			s.WriteRune('·')
		case r == '\n':
			s.WriteRune('⏎')
		case r == '\t':
			s.WriteRune('⇥')
		case invisible(r):
			h := ""
			for v := r; v > 0 || len(h) < 4; v >>= 4 {
				h = "0123456789ABCDEF"[v&15:][:1] + h
			}
			s.WriteString("<U+" + h + ">")
		default:
			s.Write(b[:n])
		}
		b = b[n:]
	}
	return s.String()
}

// invisible says whether a character is a control, a space or a formatting
// character that would not show. The joiner and the variation selectors of
// emoji are left, as they do show, in what they join.
func invisible(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7F && r < 0xA1, r == 0xAD:
		return true // C0, DEL, C1, no-break space, soft hyphen
	case r >= 0x2000 && r <= 0x200F && r != 0x200D:
		return true // spaces, zero-width characters, direction marks
	case r >= 0x2028 && r <= 0x202F, r >= 0x205F && r <= 0x206F:
		return true // separators, embeddings, isolates, invisible operators
	case r == 0x3000, r == 0xFEFF, r >= 0xE000 && r <= 0xF8FF, r >= 0xFFF0 && r <= 0xFFFC:
		return true // wide space, byte-order mark, private use, specials
	}
	return false
}

// Hex is bytes in upper-case hexadecimal, one space between two: "E5 BC 95".
func Hex(b []byte) string {
	const digits = "0123456789ABCDEF"
	var s strings.Builder
	for i, x := range b {
		if i > 0 {
			s.WriteByte(' ')
		}
		s.WriteByte(digits[x>>4])
		s.WriteByte(digits[x&15])
	}
	return s.String()
}

// Text is bytes as a string; each byte that is no character is one U+FFFD.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var s strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		s.WriteRune(r)
		b = b[n:]
	}
	return s.String()
}
