package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAddedToken is the longest added token in bytes. Looking for one costs its
// length at every place of a text, so the length must have a bound.
const maxAddedToken = 1024

// addedToken is a text that becomes its id whole, before any other stage sees it.
type addedToken struct {
	id         int32
	content    string
	special    bool // steers the model: not parsed from plain text, not shown in decoded text
	normalized bool // looked for in the normalized text, not in the raw one
	singleWord bool // matches only where no word character touches it
	lstrip     bool // swallows the white space before it
	rstrip     bool // swallows the white space after it
}

// addedSet finds added tokens in a text: the leftmost first, and of those that
// begin in one place the longest.
type addedSet struct {
	byContent map[string]*addedToken
	lengths   [256][]int // lengths of the tokens that begin with a byte, longest first
}

func newAddedSet(tokens []*addedToken) (*addedSet, error) {
	s := &addedSet{byContent: make(map[string]*addedToken, len(tokens))}
	for _, t := range tokens {
		if t.content == "" {
			return nil, fmt.Errorf("added token %d has no content", t.id)
		}
		if len(t.content) > maxAddedToken {
			return nil, fmt.Errorf("added token %d is %d bytes long: want at most %d", t.id, len(t.content), maxAddedToken)
		}
		s.byContent[t.content] = t
		l := &s.lengths[t.content[0]]
		if i, found := slices.BinarySearchFunc(*l, len(t.content), func(a, b int) int { return cmp.Compare(b, a) }); !found {
			*l = slices.Insert(*l, i, len(t.content))
		}
	}
	return s, nil
}

// at returns the longest token that text begins with, or nil.
func (s *addedSet) at(text string) *addedToken {
	for _, n := range s.lengths[text[0]] {
		if n <= len(text) {
			if t := s.byContent[text[:n]]; t != nil {
				return t
			}
		}
	}
	return nil
}

// part is a stretch of text: an added token, or what lies between two.
type part struct {
	text  string
	token *addedToken // nil for text that the later stages encode
}

// cut splits text at its added tokens. Without parseSpecial the text of a special
// token is text like any other.
func (s *addedSet) cut(text string, parseSpecial bool) []part {
	var parts []part
	from := 0 // where the text not yet cut begins
	for i := 0; i < len(text); {
		t := s.at(text[i:])
		if t == nil {
			i++
			continue
		}
		start, end := i, i+len(t.content)
		i = end
		if t.special && !parseSpecial || t.singleWord && (endsInWord(text[:start]) || beginsWithWord(text[end:])) {
			continue
		}
		if t.lstrip {
			start = max(from, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
		}
		if t.rstrip {
			end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
			i = end
		}
		if from < start {
			parts = append(parts, part{text[from:start], nil})
		}
		parts = append(parts, part{text[start:end], t})
		from = end
	}
	if from < len(text) {
		parts = append(parts, part{text[from:], nil})
	}
	return parts
}

func endsInWord(s string) bool {
	c, size := utf8.DecodeLastRuneInString(s)
	return size > 0 && isWord(c)
}

func beginsWithWord(s string) bool {
	c, size := utf8.DecodeRuneInString(s)
	return size > 0 && isWord(c)
}

// isWord reports whether c is a word character (\w of Unicode Technical Standard
// 18, Annex C).
func isWord(c rune) bool {
	return unicode.In(c, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc, unicode.Other_Alphabetic, unicode.Join_Control)
}
