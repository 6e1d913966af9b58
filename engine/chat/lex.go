package chat

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// token is a word of an expression.
type token struct {
	kind       tokenKind
	text       string // as written; for a string what it stands for
	begin, end int    // byte range in the tag's body
}

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenString
	tokenSign // an operator or a bracket
)

// signs are the operators and brackets, the longer ones first.
var signs = []string{
	"**", "//", "==", "!=", "<=", ">=",
	"+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}",
}

// lex cuts the body of a tag into tokens; the last is a tokenEnd.
func lex(body string) ([]token, error) {
	var tokens []token
	for at := 0; at < len(body); {
		c := body[at]
		begin := at
		t := token{begin: begin}
		switch {
		case strings.IndexByte(" \t\n", c) >= 0:
			at++
			continue
		case c == '\'' || c == '"':
			t.kind = tokenString
			t.text, at = unquote(body, at)
		case isDigit(c):
			t.kind = tokenNumber
			for at < len(body) && (isDigit(body[at]) || body[at] == '.' && at+1 < len(body) && isDigit(body[at+1])) {
				at++
			}
			t.text = body[begin:at]
		case isLetter(c):
			t.kind = tokenName
			for at < len(body) && (isLetter(body[at]) || isDigit(body[at])) {
				at++
			}
			t.text = body[begin:at]
		default:
			t.kind = tokenSign
			for _, s := range signs {
				if strings.HasPrefix(body[at:], s) {
					t.text = s
					break
				}
			}
			if t.text == "" {
				r, _ := utf8.DecodeRuneInString(body[at:])
				return nil, fmt.Errorf("%q is no part of an expression", r)
			}
			at += len(t.text)
		}
		t.end = at
		tokens = append(tokens, t)
	}
	return append(tokens, token{kind: tokenEnd, begin: len(body), end: len(body)}), nil
}

// unquote reads the string that begins at a place and returns where it ends; the
// scanner has seen to it that it does.
func unquote(body string, at int) (text string, end int) {
	var b strings.Builder
	quote := body[at]
	for at++; at < len(body) && body[at] != quote; at++ {
		if body[at] == '\\' && at+1 < len(body) {
			at++
			switch body[at] {
			case 'n':
				b.WriteByte('\n')
				continue
			case 't':
				b.WriteByte('\t')
				continue
			}
		}
		b.WriteByte(body[at])
	}
	return b.String(), min(at+1, len(body))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
