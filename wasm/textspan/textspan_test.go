package textspan

import (
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"vitrine/visualizer/wire"
)

func tokens(parts ...string) []wire.Token {
	out := make([]wire.Token, len(parts))
	for i, p := range parts {
		out[i].Bytes = []byte(p)
	}
	return out
}

func TestRange(t *testing.T) {
	seq := tokens("<s>", "user\n", "Gra", "vity", " \xe9", "\x87\x8d", "👩", "!", "<e>")
	const text = "Gravity 重👩!"
	tests := []struct {
		name     string
		position int
		from, to int
		ok       bool
	}{
		{"before the text", 1, 0, 0, false},
		{"the first", 2, 0, 3, true},
		{"the second", 3, 3, 7, true},
		{"a space and the beginning of a character", 4, 7, 9, true},
		{"its end", 5, 8, 9, true},
		{"two code units", 6, 9, 11, true},
		{"the last", 7, 11, 12, true},
		{"after the text", 8, 0, 0, false},
		{"nowhere", 99, 0, 0, false},
	}
	m := New(seq, 1, text)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to, ok := m.Range(tt.position)
			if from != tt.from || to != tt.to || ok != tt.ok {
				t.Errorf("got %d–%d %v, want %d–%d %v", from, to, ok, tt.from, tt.to, tt.ok)
			}
		})
	}
	for offset, want := range []int{2, 2, 2, 3, 3, 3, 3, 4, 4, 6, 6, 7} {
		if got, ok := m.Position(offset); !ok || got != want {
			t.Errorf("code unit %d is of token %d %v, want %d", offset, got, ok, want)
		}
	}
	for _, offset := range []int{-1, 12} {
		if got, ok := m.Position(offset); ok {
			t.Errorf("code unit %d is of token %d", offset, got)
		}
	}
}

func TestTextThatIsNotThere(t *testing.T) {
	for _, m := range []Map{New(tokens("a", "b"), 0, "c"), New(nil, 0, "c"), New(tokens("a"), 5, "a"), New(tokens("a"), 0, "")} {
		if _, _, ok := m.Range(0); ok {
			t.Error("a token was found")
		}
		if _, ok := m.Position(0); ok {
			t.Error("a place was found")
		}
	}
}

// TestBothWays: every code unit belongs to a token whose range holds it.
func TestBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab 重👩é")), 1, 20, -1).Draw(t, "text")
		var seq []wire.Token
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			seq = append(seq, wire.Token{Bytes: rest[:n]})
			rest = rest[n:]
		}
		m := New(seq, 0, text)
		for offset := range utf16.Encode([]rune(text)) {
			position, ok := m.Position(offset)
			if !ok {
				t.Fatalf("code unit %d of %q is of no token", offset, text)
			}
			if from, to, ok := m.Range(position); !ok || offset < from || offset >= to {
				t.Fatalf("code unit %d of %q is of token %d, whose range is %d–%d %v", offset, text, position, from, to, ok)
			}
		}
	})
}
