// Package speech cuts growing text into sentences, so that a screen reader is
// given whole ones and not every token.
package speech

import (
	"strings"
	"unicode/utf8"
)

// MaxRunes is the longest piece that waits for its end; a longer one is given
// out at its last space, or whole where it has none.
const MaxRunes = 240

// Sentences collects text. The zero value is ready.
type Sentences struct{ held string }

// Add takes more text and returns the sentences that it completed, as one
// string; empty if none.
func (s *Sentences) Add(text string) string {
	s.held += text
	cut := lastEnd(s.held)
	if cut == 0 && utf8.RuneCountInString(s.held) > MaxRunes {
		if cut = strings.LastIndexByte(s.held, ' ') + 1; cut == 0 {
			cut = len(s.held)
		}
	}
	done := s.held[:cut]
	s.held = s.held[cut:]
	return strings.TrimSpace(done)
}

// Flush returns what is left when no more text follows.
func (s *Sentences) Flush() string {
	done := strings.TrimSpace(s.held)
	s.held = ""
	return done
}

// lastEnd is the number of bytes up to the end of the last whole sentence. A
// Latin full stop ends one only before a space, as the next token may make it
// a decimal point; a Chinese one always does, and so does a new line.
func lastEnd(text string) int {
	end := 0
	var before rune
	for i, r := range text {
		if (r == ' ' || r == '\n') && strings.ContainsRune(".!?", before) {
			end = i + 1
		}
		if r == '\n' || strings.ContainsRune("。！？；", r) {
			end = i + utf8.RuneLen(r)
		}
		before = r
	}
	return end
}
