package speech

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSentences(t *testing.T) {
	tests := []struct {
		name  string
		parts []string
		want  []string // of each Add, then of Flush
	}{
		{"a sentence ends where the next begins", []string{"Gra", "vity", ".", " It"}, []string{"", "", "", "Gravity.", "It"}},
		{"a decimal point is none", []string{"About 9", ".", "8 m/s. Yes"}, []string{"", "", "About 9.8 m/s.", "Yes"}},
		{"Chinese needs no space", []string{"重力是力。它", "很大！"}, []string{"重力是力。", "它很大！", ""}},
		{"a line is one", []string{"First\nSec", "ond"}, []string{"First", "", "Second"}},
		{"several at once", []string{"One. Two! Three"}, []string{"One. Two!", "Three"}},
		{"nothing", []string{"", ""}, []string{"", "", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Sentences
			for i, part := range tt.parts {
				if got := s.Add(part); got != tt.want[i] {
					t.Errorf("after %q: %q, want %q", part, got, tt.want[i])
				}
			}
			if got := s.Flush(); got != tt.want[len(tt.parts)] {
				t.Errorf("at the end: %q, want %q", got, tt.want[len(tt.parts)])
			}
		})
	}
}

func TestLongTextDoesNotWait(t *testing.T) {
	var s Sentences
	if got := s.Add(strings.Repeat("word ", 60)); !strings.HasPrefix(got, "word word") {
		t.Errorf("300 characters without an end gave %q", got)
	}
	s = Sentences{}
	if got := s.Add(strings.Repeat("字", MaxRunes+1)); got == "" {
		t.Error("text without spaces waits for ever")
	}
}

// TestNothingIsLost: however text is cut, the words that come out are those that went in.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.StringOf(rapid.RuneFrom([]rune("ab .!?\n。字")))).Draw(t, "parts")
		var s Sentences
		var said []string
		for _, part := range parts {
			said = append(said, s.Add(part))
		}
		said = append(said, s.Flush())
		letters := func(text string) string { return strings.Join(strings.Fields(text), "") }
		if got, want := letters(strings.Join(said, " ")), letters(strings.Join(parts, "")); got != want {
			t.Fatalf("said %q of %q", got, want)
		}
	})
}
