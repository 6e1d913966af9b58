// Package textspan finds tokens in the text of a chat message and the other
// way round, so that the page can light up a token's words and choose a token
// by pointing at them. Places in text are counted as the DOM counts them, in
// UTF-16 code units.
package textspan

import (
	"bytes"
	"unicode/utf8"

	"vitrine/visualizer/wire"
)

// slack is how many bytes of tokens may come before a message's text: the role
// and the line break that a chat template puts there.
const slack = 256

// A Map relates one message's text to the tokens that it was made of.
type Map struct {
	first int   // position of the token that the text begins in
	ends  []int // where in the text each token from first on ends, in bytes; negative or 0 before it
	text  string
}

// New looks for text in the tokens from position first on. The map is empty if
// it is not there: a message whose tokens have not come yet, or one that the template changed.
func New(tokens []wire.Token, first int, text string) Map {
	if text == "" || first < 0 || first >= len(tokens) {
		return Map{}
	}
	var all []byte
	for _, t := range tokens[first:] {
		if len(all) > len(text)+slack {
			break
		}
		all = append(all, t.Bytes...)
	}
	start := bytes.Index(all, []byte(text))
	if start < 0 {
		return Map{}
	}
	m := Map{first: first, text: text}
	end := -start
	for _, t := range tokens[first:] {
		if end >= len(text) {
			break
		}
		end += len(t.Bytes)
		m.ends = append(m.ends, end)
	}
	return m
}

// Range is where in the text the token at a position lies, in UTF-16 code
// units. A token that is part of a character has the whole character.
func (m Map) Range(position int) (from, to int, ok bool) {
	i := position - m.first
	if i < 0 || i >= len(m.ends) || m.ends[i] <= 0 {
		return 0, 0, false
	}
	start := 0
	if i > 0 {
		start = max(m.ends[i-1], 0)
	}
	end := min(m.ends[i], len(m.text))
	if end <= start {
		return 0, 0, false
	}
	for start > 0 && !utf8.RuneStart(m.text[start]) {
		start--
	}
	for end < len(m.text) && !utf8.RuneStart(m.text[end]) {
		end++
	}
	from = units(m.text[:start])
	return from, from + units(m.text[start:end]), true
}

// Position is the token that the text's code unit at offset belongs to. Of
// several that share a character it is the first.
func (m Map) Position(offset int) (position int, ok bool) {
	at, seen := 0, 0
	for i, r := range m.text {
		if seen > offset {
			break
		}
		at = i
		seen += unitsOf(r)
	}
	if offset < 0 || seen <= offset {
		return 0, false
	}
	for i, end := range m.ends {
		if at < end {
			return m.first + i, true
		}
	}
	return 0, false
}

func units(text string) int {
	n := 0
	for _, r := range text {
		n += unitsOf(r)
	}
	return n
}

// unitsOf is the number of UTF-16 code units of a character: two beyond the
// basic multilingual plane.
func unitsOf(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}
