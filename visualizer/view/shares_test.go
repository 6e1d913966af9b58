package view

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"vitrine/visualizer/wire"
)

func tokensOf(pieces ...string) []wire.Token {
	tokens := make([]wire.Token, len(pieces))
	for i, piece := range pieces {
		tokens[i].Bytes = []byte(piece)
	}
	return tokens
}

func TestShares(t *testing.T) {
	li := tokensOf("Is", " \xe6", "\x9d", "\x8e", "\xe7\x99", "\xbd a", "\xf0\x9f")
	tests := []struct {
		position int
		want     []Share
	}{
		{-1, nil}, {0, nil}, {7, nil},
		{1, []Share{{"李", 1, 1, 3}}},
		{2, []Share{{"李", 2, 2, 3}}},
		{3, []Share{{"李", 3, 3, 3}}},
		{4, []Share{{"白", 1, 2, 3}}},
		{5, []Share{{"白", 3, 3, 3}}},
		{6, nil}, // the rest of it has not been drawn
	}
	for _, tt := range tests {
		if got := Shares(li, tt.position); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("token %d shares %+v, want %+v", tt.position, got, tt.want)
		}
	}
	two := tokensOf("\xe6\x9d", "\x8eab\xe7", "\x99\xbd")
	if got, want := Shares(two, 1), []Share{{"李", 3, 3, 3}, {"白", 1, 1, 3}}; !reflect.DeepEqual(got, want) {
		t.Errorf("a token between two characters shares %+v, want %+v", got, want)
	}
	if got := Shares(tokensOf("\x80", "\x80", "\xff"), 1); got != nil {
		t.Errorf("bytes that are no character share %+v", got)
	}
	if string(two[0].Bytes) != "\xe6\x9d" || string(li[4].Bytes) != "\xe7\x99" {
		t.Error("Shares wrote into a token")
	}
}

// Wherever a text is cut into tokens, the shares of a character that lies in
// several of them are its bytes in order, none left out and none told twice.
func TestSharesAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(rapid.StringOfN(rapid.RuneFrom([]rune("aé李😀 ")), 1, 12, -1).Draw(t, "text"))
		var tokens []wire.Token
		for len(text) > 0 {
			n := rapid.IntRange(1, len(text)).Draw(t, "bytes")
			tokens = append(tokens, wire.Token{Bytes: text[:n]})
			text = text[n:]
		}
		next, open := 1, Share{}
		for i := range tokens {
			for _, s := range Shares(tokens, i) {
				if s.First != next || s.Last < s.First || s.Last > s.Size || next > 1 && s.Character != open.Character {
					t.Fatalf("token %d shares %+v after %+v", i, s, open)
				}
				open, next = s, s.Last+1
				if s.Last == s.Size {
					next = 1
				}
			}
		}
		if next != 1 {
			t.Fatalf("the last share is %+v", open)
		}
	})
}
