package session

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"vitrine/engine/tokenizer"
)

// What is said, token by token, is the text up to the first stop string, and
// no more of it is ever shown.
func TestSpeechStops(t *testing.T) {
	tok := tinyTokenizer(t)
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("ab你")), 0, 30, -1)
		text := letters.Draw(t, "text")
		stops := rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab你")), 1, 4, -1), 0, 3).Draw(t, "stops")
		ids, err := (&prompter{tokenizer: tok}).encode(text)
		if err != nil {
			t.Fatal(err)
		}
		s := newSpeech(tok, stops, 0)
		said, stopped := "", false
		for i, id := range ids {
			if stopped = firstStop(s.held+adds(tok, ids[:i], id), stops) >= 0; stopped {
				said += s.push(id)
				break
			}
			said += s.push(id)
			if !strings.HasPrefix(text, said) {
				t.Fatalf("%q is no beginning of %q", said, text)
			}
		}
		if !stopped {
			said += s.flush()
		}
		want := text
		if cut := firstStop(text, stops); cut >= 0 {
			want = text[:cut]
		}
		if said != want {
			t.Fatalf("said %q of %q with stops %q, want %q", said, text, stops, want)
		}
	})
}

// adds is the text that a token adds to those before it.
func adds(tok *tokenizer.Tokenizer, before []int32, id int32) string {
	stream := newSpeech(tok, nil, 0).stream
	for _, b := range before {
		stream.Push(b)
	}
	return stream.Push(id)
}

func TestFirstStop(t *testing.T) {
	for _, c := range []struct {
		text  string
		stops []string
		want  int
	}{
		{"abc", nil, -1},
		{"abc", []string{"d"}, -1},
		{"abc", []string{"c"}, 2},
		{"abcd", []string{"bcd", "c"}, 2}, // "c" is complete first
		{"abab", []string{"ab"}, 0},
		{"abc", []string{"b", "bc"}, 1},
	} {
		if got := firstStop(c.text, c.stops); got != c.want {
			t.Errorf("firstStop(%q, %q) = %d, want %d", c.text, c.stops, got, c.want)
		}
	}
}

func TestStopPrefix(t *testing.T) {
	for _, c := range []struct {
		text  string
		stops []string
		want  int
	}{
		{"abc", nil, 0},
		{"abc", []string{"cd"}, 1},
		{"abc", []string{"cd", "bcd"}, 2},
		{"abc", []string{"abc"}, 0}, // complete: not held back but found
		{"", []string{"abc"}, 0},
		{"aaa", []string{"aaaa"}, 3},
	} {
		if got := stopPrefix(c.text, c.stops); got != c.want {
			t.Errorf("stopPrefix(%q, %q) = %d, want %d", c.text, c.stops, got, c.want)
		}
	}
}
