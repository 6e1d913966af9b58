package hall

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTexts(t *testing.T) {
	for _, c := range []struct{ pieces, want []string }{
		{nil, []string{}},
		{[]string{"Why", " is", "\n"}, []string{"Why", " is", "\n"}},
		{[]string{"\xe5\xa4", "\xa9", "空"}, []string{"天", "", "空"}},
		{[]string{" \xe5", "\xa4", "\xa9！"}, []string{" 天", "", "！"}},
		{[]string{"a", "\xe5", "\xa4"}, []string{"a", "", ""}}, // the last part has not come
		{[]string{"\xff", "\xa9b"}, []string{"\ufffd", "\ufffdb"}},
		{[]string{"", "\xf0\x9f", "\x91\xa9", ""}, []string{"", "👩", "", ""}},
	} {
		pieces := make([][]byte, len(c.pieces))
		for i, p := range c.pieces {
			pieces[i] = []byte(p)
		}
		if got := Texts(pieces); !slices.Equal(got, c.want) {
			t.Errorf("%q is written %q, want %q", c.pieces, got, c.want)
		}
	}
}

// However a text is cut into pieces, all of it is written, and nothing else.
func TestTextsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Filter(utf8.ValidString).Draw(t, "text")
		var pieces [][]byte
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(0, len(rest)).Draw(t, "n")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
			if len(pieces) > 100 {
				pieces, rest = append(pieces, rest), nil
			}
		}
		if got := strings.Join(Texts(pieces), ""); got != text {
			t.Fatalf("%q is written %q", text, got)
		}
	})
}
