package session

import (
	"strings"

	"vitrine/engine/tokenizer"
	"vitrine/visualizer/wire"
)

// speech turns the tokens of a message into its text, token by token: whole
// characters only, and nothing that may yet turn out to begin a stop string.
// It follows the rule by which the engine stops, so that the page never shows
// a stop string, and it can be made anew for any tokens, as a rewind needs.
type speech struct {
	stream *tokenizer.Stream
	stops  []string
	spare  int    // tokens that are left in which no stop string is looked for: min_tokens
	held   string // characters that may begin a stop string
}

// newSpeech begins a message; stop strings are looked for in what is drawn,
// from token number least on.
func newSpeech(t *tokenizer.Tokenizer, stops []string, least int) *speech {
	return &speech{stream: t.NewStream(true), stops: stops, spare: least - 1}
}

// recite is the text of tokens that are there already, and the speech that
// goes on behind them.
func recite(t *tokenizer.Tokenizer, stops []string, least int, tokens []wire.Token) (*speech, string) {
	s := newSpeech(t, stops, least)
	var text strings.Builder
	for _, token := range tokens {
		text.WriteString(s.push(token.ID))
	}
	return s, text.String()
}

// push adds a token and returns the text that became certain with it.
func (s *speech) push(id int32) string {
	if s.spare > 0 {
		s.spare--
		return s.stream.Push(id)
	}
	return s.take(s.stream.Push(id))
}

// flush returns what is left at the end of an answer.
func (s *speech) flush() string {
	text := s.take(s.stream.Flush()) + s.held
	s.held = ""
	return text
}

func (s *speech) take(fresh string) string {
	text := s.held + fresh
	if cut := firstStop(text, s.stops); cut >= 0 {
		s.held = ""
		return text[:cut]
	}
	keep := stopPrefix(text, s.stops)
	s.held = text[len(text)-keep:]
	return text[:len(text)-keep]
}

// firstStop is where the stop string begins that ends first, or -1.
func firstStop(text string, stops []string) int {
	cut, end := -1, 0
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && (cut < 0 || i+len(s) < end) {
			cut, end = i, i+len(s)
		}
	}
	return cut
}

// stopPrefix is the length of the longest end of text that a stop string
// begins with.
func stopPrefix(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
				break
			}
		}
	}
	return longest
}
