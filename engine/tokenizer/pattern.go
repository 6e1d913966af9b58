package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// maxPatternTime bounds the work of one pattern on one text, for a pattern from a
// hostile file may backtrack without end.
const maxPatternTime = 20 * time.Second

// maxPattern is the longest pattern in bytes; real ones have a few hundred.
const maxPattern = 16 << 10

var errPatternTime = errors.New("the pattern takes too long on this text")

// pattern finds places in a text.
type pattern interface {
	// each calls found with the byte range of every match, left to right.
	each(text string, found func(start, end int)) error
}

// literal matches a fixed, non-empty text.
type literal string

func (l literal) each(text string, found func(start, end int)) error {
	for at := 0; ; {
		i := strings.Index(text[at:], string(l))
		if i < 0 {
			return nil
		}
		found(at+i, at+i+len(l))
		at += i + len(l)
	}
}

// runePattern matches each character by itself that a predicate accepts.
type runePattern func(rune) bool

func (p runePattern) each(text string, found func(start, end int)) error {
	for i, size := 0, 0; i < len(text); i += size {
		var c rune
		if c, size = utf8.DecodeRuneInString(text[i:]); p(c) {
			found(i, i+size)
		}
	}
	return nil
}

// regex is a regular expression with look-ahead, which Go's own lacks.
type regex struct {
	re    *regexp2.Regexp
	limit time.Duration // for one text
}

// compile reads an expression in Oniguruma's Ruby syntax, which tokenizer.json
// uses.
func compile(expr string) (pattern, error) {
	if len(expr) > maxPattern {
		return nil, fmt.Errorf("pattern is %d bytes long: want at most %d", len(expr), maxPattern)
	}
	translated, err := fromOniguruma(expr)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expr, err)
	}
	// In Ruby syntax ^ and $ always are the ends of a line.
	re, err := regexp2.Compile(translated, regexp2.Multiline)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", expr, err)
	}
	return newRegex(re, maxPatternTime), nil
}

func newRegex(re *regexp2.Regexp, limit time.Duration) regex {
	re.MatchTimeout = limit // for one match
	return regex{re, limit}
}

func (r regex) each(text string, found func(start, end int)) error {
	begun := time.Now()
	m, err := r.re.FindStringMatch(text)
	at, char := 0, 0 // a byte offset and the number of characters before it
	for err == nil && m != nil {
		start := at + bytesOf(text[at:], m.Index-char)
		end := start + bytesOf(text[start:], m.Length)
		at, char = end, m.Index+m.Length
		found(start, end)
		if time.Since(begun) > r.limit {
			return errPatternTime
		}
		m, err = r.re.FindNextMatch(m)
	}
	if err != nil { // the one way in which matching fails
		return errPatternTime
	}
	return nil
}

// bytesOf returns the number of bytes that the first n characters of text take;
// a byte that is no UTF-8 counts as a character.
func bytesOf(text string, n int) int {
	at := 0
	for ; n > 0; n-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

// fromOniguruma rewrites an expression for regexp2. The two agree in all that the
// published tokenizers use, but for this: ignoring case, Oniguruma folds and
// regexp2 maps to lower case, so (?i:s) must be told of ſ, and (?i:k) of the
// Kelvin sign. What regexp2 would read differently is refused.
func fromOniguruma(expr string) (string, error) {
	var b strings.Builder
	fold := []bool{false} // whether case is ignored, one an open group
	inClass := false
	for i := 0; i < len(expr); {
		c, size := utf8.DecodeRuneInString(expr[i:])
		text := expr[i : i+size]
		i += size
		switch {
		case c == '\\':
			if i == len(expr) {
				return "", errors.New("ends in a backslash")
			}
			if strings.IndexByte("hHRXKGyYgk", expr[i]) >= 0 {
				return "", fmt.Errorf(`\%c at byte %d is not supported`, expr[i], i-1)
			}
			_, size = utf8.DecodeRuneInString(expr[i:])
			text += expr[i : i+size]
			i += size
		case inClass && c == '[':
			return "", fmt.Errorf("a class within a class at byte %d is not supported", i-1)
		case inClass && c == '&' && strings.HasPrefix(expr[i:], "&"):
			return "", fmt.Errorf("an intersection of classes at byte %d is not supported", i-1)
		case inClass:
			inClass = c != ']'
		case c == '[':
			inClass = true
			if strings.HasPrefix(expr[i:], "^") {
				text, i = "[^", i+1
			}
		case c == '(':
			flags, set := groupFlags(expr[i:])
			if strings.Contains(flags, "m") {
				return "", fmt.Errorf("the flag m at byte %d is not supported", i)
			}
			ignore := fold[len(fold)-1]
			if set {
				on, off, _ := strings.Cut(flags, "-")
				ignore = (ignore || strings.Contains(on, "i")) && !strings.Contains(off, "i")
			}
			fold = append(fold, ignore)
		case c == ')' && len(fold) > 1:
			fold = fold[:len(fold)-1]
		case fold[len(fold)-1]:
			text = folded(c, text)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// groupFlags returns the flags of a group such as (?i:…), given what follows its
// parenthesis.
func groupFlags(s string) (flags string, ok bool) {
	if !strings.HasPrefix(s, "?") {
		return "", false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':':
			return s[1:i], true
		case c == '-' || 'a' <= c && c <= 'z':
		default:
			return "", false
		}
	}
	return "", false
}

// folded returns a class of all characters that fold to the same as c, where
// there are more than the two cases of a letter.
func folded(c rune, text string) string {
	class := []rune{c}
	for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
		class = append(class, f)
	}
	if len(class) <= 2 {
		return text
	}
	return "[" + string(class) + "]"
}
