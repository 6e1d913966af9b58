package view

import "strings"

// Columns is the width of a text in a monospaced face, a Latin letter being
// one column wide and a Han character, a kana or an emoji two.
func Columns(text string) int {
	n := 0
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	switch {
	case r == '\u200D', r >= 0xFE00 && r <= 0xFE0F, r >= 0x300 && r <= 0x36F:
		return 0 // joiner, variation selectors, combining marks
	case r >= 0x1100 && r <= 0x115F, r >= 0x2E80 && r <= 0xA4CF, r >= 0xAC00 && r <= 0xD7A3,
		r >= 0xF900 && r <= 0xFAFF, r >= 0xFE30 && r <= 0xFE4F, r >= 0xFF00 && r <= 0xFF60, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
		return 2 // Unicode Standard Annex 11, wide and fullwidth, in the blocks that text is made of
	}
	return 1
}

// Clip cuts a text to so many columns; a text that was cut ends in "…".
func Clip(text string, columns int) string {
	switch {
	case Columns(text) <= columns:
		return text
	case columns < 1:
		return ""
	}
	var s strings.Builder
	left := columns - 1
	for _, r := range text {
		if left -= columnsOf(r); left < 0 {
			break
		}
		s.WriteRune(r)
	}
	return s.String() + "…"
}
