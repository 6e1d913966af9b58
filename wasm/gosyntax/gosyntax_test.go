package gosyntax

import (
	"go/scanner"
	"go/token"
	"os"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	marks := map[Class]string{Comment: "C", Keyword: "K", Literal: "L"}
	tests := []struct{ name, source, want string }{
		{"nothing", "", ""},
		{"keywords", "func f() { return }", "[K func] f() { [K return] }"},
		{"not keywords", "funcs := format", "funcs := format"},
		{"comments", "a // b\nc /* d */ e", "a [C // b]\nc [C /* d */] e"},
		{"strings", `x = "a\"b" + 'c' + ` + "`d\n`", `x = [L "a\"b"] + [L 'c'] + [L ` + "`d\n`]"},
		{"numbers", "1 + 0x1F - 1e-5*.5 + 0x1p-2", "[L 1] + [L 0x1F] - [L 1e-5]*[L .5] + [L 0x1p-2]"},
		{"a hexadecimal e is a digit", "0xe-1", "[L 0xe]-[L 1]"},
		{"letters beyond ASCII", "分词 := 1", "分词 := [L 1]"},
		{"unfinished", "\"a\nb /*", "[L \"a]\nb [C /*]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			for _, s := range Split(tt.source) {
				if s.Class == Plain {
					b.WriteString(s.Text)
				} else {
					b.WriteString("[" + marks[s.Class] + " " + s.Text + "]")
				}
			}
			if b.String() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), tt.want)
			}
		})
	}
}

// TestAgreesWithTheScanner compares with go/scanner on this package's own source.
func TestAgreesWithTheScanner(t *testing.T) {
	source, err := os.ReadFile("gosyntax.go")
	if err != nil {
		t.Fatal(err)
	}
	var want []Span
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(source))
	s.Init(file, source, nil, scanner.ScanComments)
	for {
		_, tok, text := s.Scan()
		if tok == token.EOF {
			break
		}
		switch {
		case tok == token.COMMENT:
			want = append(want, Span{text, Comment})
		case tok.IsKeyword():
			want = append(want, Span{text, Keyword})
		case tok.IsLiteral() && tok != token.IDENT:
			want = append(want, Span{text, Literal})
		}
	}
	var got []Span
	for _, span := range Split(string(source)) {
		if span.Class != Plain {
			got = append(got, span)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d elements, the scanner has %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("element %d is %v %q, the scanner has %v %q", i, got[i].Class, got[i].Text, want[i].Class, want[i].Text)
		}
	}
}

// FuzzSplit: the spans are the source, whatever it is.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"", "func f() {}", "`", "'\\", "0x", "/*", "//", "\xff\"", "1e+"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		var b strings.Builder
		for _, s := range Split(source) {
			if s.Text == "" {
				t.Fatal("an empty span")
			}
			b.WriteString(s.Text)
		}
		if b.String() != source {
			t.Fatalf("spans of %q make %q", source, b.String())
		}
	})
}
