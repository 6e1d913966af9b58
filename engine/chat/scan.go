package chat

import (
	"fmt"
	"strings"
	"unicode"
)

// tag is what stands between a pair of delimiters.
type tag struct {
	kind byte   // '{' for {{ … }}, '%' for {% … %}, '#' for {# … #}
	body string // without delimiters and signs
	line int    // of its beginning, from 1
}

// segment is a stretch of text and the tag behind it.
type segment struct {
	text string // as it is written out: white space is taken away where tags say so
	tag  *tag   // nil at the end of the template
}

// scan cuts a template into text and tags, and takes white space away as Jinja
// does with trim_blocks and lstrip_blocks, which transformers sets: the line
// break behind a block, and the indentation before a block that begins a line.
// Source: jinja2/lexer.py.
func scan(source string) ([]segment, error) {
	source = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(source)
	source = strings.TrimSuffix(source, "\n") // keep_trailing_newline is off
	var segments []segment
	line := 1
	lineBegins := true // the text at hand begins a line
	for at := 0; ; {
		open := nextTag(source, at)
		if open < 0 {
			return append(segments, segment{text: source[at:]}), nil
		}
		text := source[at:open]
		line += strings.Count(text, "\n")
		t := &tag{kind: source[open+1], line: line}
		begin, sign := open+2, byte(0)
		if begin < len(source) && (source[begin] == '-' || source[begin] == '+') {
			sign = source[begin]
			begin++
		}
		end, next, err := closeTag(source, begin, t.kind)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		t.body = source[begin:end]
		segments = append(segments, segment{stripLeft(text, sign, t.kind, lineBegins), t})
		lineBegins = next > 0 && source[next-1] == '\n'
		line += strings.Count(source[open:next], "\n")
		at = next
	}
}

// nextTag finds the next opening delimiter at or after a place, or -1.
func nextTag(source string, at int) int {
	for i := at; i+1 < len(source); i++ {
		if source[i] == '{' && (source[i+1] == '{' || source[i+1] == '%' || source[i+1] == '#') {
			return i
		}
	}
	return -1
}

// closeTag finds the end of a tag's body, and where the text behind the tag
// begins. Delimiters within strings close nothing.
func closeTag(source string, begin int, kind byte) (end, next int, err error) {
	closer := map[byte]string{'{': "}}", '%': "%}", '#': "#}"}[kind]
	quote := byte(0)
	for i := begin; i < len(source); i++ {
		switch c := source[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case kind != '#' && (c == '\'' || c == '"'):
			quote = c
		case strings.HasPrefix(source[i:], closer):
			return i, stripRight(source, i+2, kind, 0), nil
		case (c == '-' || c == '+' && kind != '{') && strings.HasPrefix(source[i+1:], closer):
			return i, stripRight(source, i+3, kind, c), nil
		}
	}
	return 0, 0, fmt.Errorf("%q is not closed: want %q", "{"+string(kind), closer)
}

// stripLeft takes away the white space before a tag.
func stripLeft(text string, sign, kind byte, lineBegins bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, unicode.IsSpace)
	case sign == '+' || kind == '{':
		return text
	}
	begin := strings.LastIndexByte(text, '\n') + 1
	if (begin > 0 || lineBegins) && strings.TrimFunc(text[begin:], unicode.IsSpace) == "" {
		return text[:begin]
	}
	return text
}

// stripRight returns where the text behind a tag begins.
func stripRight(source string, at int, kind, sign byte) int {
	switch {
	case sign == '-':
		return len(source) - len(strings.TrimLeftFunc(source[at:], unicode.IsSpace))
	case sign == 0 && kind != '{' && strings.HasPrefix(source[at:], "\n"):
		return at + 1
	}
	return at
}
