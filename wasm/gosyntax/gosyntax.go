// Package gosyntax tells comments, keywords and literals of Go source apart, so
// that the page can set them differently. It knows the lexical elements of the
// Go specification and no grammar.
package gosyntax

import "strings"

// Class is what a piece of source is.
type Class uint8

// The classes that the page sets differently.
const (
	Plain Class = iota
	Comment
	Keyword
	Literal // strings, runes and numbers
)

// Span is a piece of source of one class.
type Span struct {
	Text  string
	Class Class
}

// The keywords of the Go specification.
var keywords = map[string]bool{
	"break": true, "case": true, "chan": true, "const": true, "continue": true, "default": true, "defer": true,
	"else": true, "fallthrough": true, "for": true, "func": true, "go": true, "goto": true, "if": true,
	"import": true, "interface": true, "map": true, "package": true, "range": true, "return": true,
	"select": true, "struct": true, "switch": true, "type": true, "var": true,
}

// Split cuts source into spans; together they are the source. Neighbouring
// plain pieces are one.
func Split(source string) []Span {
	var spans []Span
	plain := 0 // where the plain text that is not given out yet begins
	for i := 0; i < len(source); {
		class, n := element(source[i:])
		if class == Plain {
			i += n
			continue
		}
		if plain < i {
			spans = append(spans, Span{source[plain:i], Plain})
		}
		spans = append(spans, Span{source[i : i+n], class})
		i += n
		plain = i
	}
	if plain < len(source) {
		spans = append(spans, Span{source[plain:], Plain})
	}
	return spans
}

// element is the class and length of the lexical element at the start of s.
func element(s string) (Class, int) {
	switch b := s[0]; {
	case strings.HasPrefix(s, "//"):
		return Comment, until(s, 2, "\n", 0)
	case strings.HasPrefix(s, "/*"):
		return Comment, until(s, 2, "*/", 2)
	case b == '`':
		return Literal, until(s, 1, "`", 1)
	case b == '"' || b == '\'':
		return Literal, quoted(s)
	case isDigit(b) || b == '.' && len(s) > 1 && isDigit(s[1]):
		return Literal, number(s)
	case isLetter(b):
		n := 1
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
			n++
		}
		if keywords[s[:n]] {
			return Keyword, n
		}
		return Plain, n
	}
	return Plain, 1
}

// until is the length up to the first end at or after from, and extra bytes of it.
func until(s string, from int, end string, extra int) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + extra
	}
	return len(s)
}

func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		case '\n': // unterminated
			return i
		}
	}
	return len(s)
}

// number takes digits, letters of a base or suffix, and the sign of an
// exponent: after e in a decimal number, after p in a hexadecimal one.
func number(s string) int {
	exponent := "eE"
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		exponent = "pP"
	}
	n := 1
	for n < len(s) {
		b := s[n]
		sign := (b == '+' || b == '-') && strings.IndexByte(exponent, s[n-1]) >= 0
		if !isDigit(b) && !isLetter(b) && b != '.' && !sign {
			break
		}
		n++
	}
	return n
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// isLetter takes the bytes of letters beyond ASCII too: no operator has them.
func isLetter(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '_' || b >= 0x80
}
