package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a byte range.
type span struct{ start, end int }

// words is a text on its way through the pre-tokenizer: the spans are the words
// so far.
type words struct {
	text  string
	spans []span
	first bool // the whole input begins with this text
}

// preTokenizer cuts words further.
type preTokenizer interface {
	split(w *words) error
}

// preTokenizers runs one after another; none leaves the text whole.
type preTokenizers []preTokenizer

func (ps preTokenizers) split(w *words) error {
	for _, p := range ps {
		if err := p.split(w); err != nil {
			return err
		}
	}
	return nil
}

// behavior says what becomes of the matches that a text is cut at. The names are
// those of tokenizer.json.
type behavior string

const (
	isolated           behavior = "Isolated"           // matches are words, and what lies between too
	removed            behavior = "Removed"            // matches are dropped
	contiguous         behavior = "Contiguous"         // as isolated, but touching matches are one word
	mergedWithPrevious behavior = "MergedWithPrevious" // a match ends the word before it
	mergedWithNext     behavior = "MergedWithNext"     // a match begins the word after it
)

// splitter cuts at the matches of a pattern.
type splitter struct {
	pattern  pattern
	behavior behavior
	invert   bool // cut at what lies between the matches instead
}

// piece is a span of a word: a match, or what lies between two.
type piece struct {
	span
	match bool
}

func (s splitter) split(w *words) error {
	out := make([]span, 0, len(w.spans))
	var pieces []piece
	for _, word := range w.spans {
		pieces = pieces[:0]
		from := word.start
		add := func(start, end int, match bool) {
			if start < end {
				pieces = append(pieces, piece{span{start, end}, match != s.invert})
			}
		}
		err := s.pattern.each(w.text[word.start:word.end], func(start, end int) {
			add(from, word.start+start, false)
			add(word.start+start, word.start+end, true)
			from = word.start + end
		})
		if err != nil {
			return err
		}
		add(from, word.end, false)
		out = s.behavior.join(out, pieces)
	}
	w.spans = out
	return nil
}

// join appends the words that the pieces of one word become.
func (b behavior) join(out []span, pieces []piece) []span {
	first := len(out)
	for i, p := range pieces {
		before := i > 0 && pieces[i-1].match
		extend := false
		switch b {
		case removed:
			if p.match {
				continue
			}
		case contiguous:
			extend = i > 0 && before == p.match
		case mergedWithPrevious:
			extend = p.match && !before
		case mergedWithNext:
			extend = before && !p.match
		}
		if extend && len(out) > first {
			out[len(out)-1].end = p.end
		} else {
			out = append(out, p.span)
		}
	}
	return out
}

// rewriter puts other text in place of words. It runs on each word by itself,
// first saying whether the input begins with it.
type rewriter func(word string, first bool) string

func (r rewriter) split(w *words) error {
	var b strings.Builder
	b.Grow(len(w.text))
	for i, s := range w.spans {
		start := b.Len()
		b.WriteString(r(w.text[s.start:s.end], w.first && s.start == 0))
		w.spans[i] = span{start, b.Len()}
	}
	w.text = b.String()
	return nil
}

// prefixSpace puts a space before a word that begins with none (add_prefix_space
// of byte-level BPE).
func prefixSpace(word string, _ bool) string {
	if strings.HasPrefix(word, " ") {
		return word
	}
	return " " + word
}

// metaspace writes SentencePiece's mark for spaces and puts one before the words
// that the scheme names: "always", "first" or "never".
func metaspace(replacement, scheme string) rewriter {
	return func(word string, first bool) string {
		word = strings.ReplaceAll(word, " ", replacement)
		if (scheme == "always" || scheme == "first" && first) && !strings.HasPrefix(word, replacement) {
			word = replacement + word
		}
		return word
	}
}

// gpt2Pattern is the expression of GPT-2's encoder.py, which ByteLevel with
// use_regex stands for.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// isBertPunctuation reports whether BERT makes c a word by itself: punctuation,
// and every ASCII character that is neither letter, digit, space nor control.
func isBertPunctuation(c rune) bool {
	if c < utf8.RuneSelf {
		return '!' <= c && c <= '/' || ':' <= c && c <= '@' || '[' <= c && c <= '`' || '{' <= c && c <= '~'
	}
	return unicode8(c, unicode.P)
}

// wordRuns matches runs of word characters, and runs of what is neither word nor
// white space (\w+|[^\w\s]+).
type wordRuns struct{}

func (wordRuns) each(text string, found func(start, end int)) error {
	class := func(c rune) int {
		switch {
		case isWord(c):
			return 1
		case unicode.IsSpace(c):
			return 0
		}
		return 2
	}
	start, current := 0, 0
	for i, c := range text {
		k := class(c)
		if k == current {
			continue
		}
		if current != 0 {
			found(start, i)
		}
		start, current = i, k
	}
	if current != 0 {
		found(start, len(text))
	}
	return nil
}
