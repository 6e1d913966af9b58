package remote

// maxLexicon bounds the texts that are numbered.
const maxLexicon = 1 << 20

// lexicon numbers the texts of tokens of a server that does not tell ids, in
// the order in which they were met. Two tokens of the same text are one here.
type lexicon struct {
	numbers map[string]int32
	texts   [][]byte
}

// number is a text's number; [Unknown] once there are too many.
func (l *lexicon) number(text []byte) int32 {
	if n, ok := l.numbers[string(text)]; ok {
		return n
	}
	if len(l.texts) >= maxLexicon {
		return Unknown
	}
	if l.numbers == nil {
		l.numbers = map[string]int32{}
	}
	n := int32(len(l.texts))
	l.numbers[string(text)], l.texts = n, append(l.texts, text)
	return n
}

// IDs says whether the server tells the ids of tokens. The ids of an engine
// that does not are numbers of this program, the same for the same text.
func (e *Engine) IDs() bool { return e.info.Extended() }

// identify gives tokens their ids, and remembers what ids stand for.
func (e *Engine) identify(tokens []Token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	one := func(c *Candidate) {
		switch {
		case e.IDs() && c.ID != Unknown && len(c.Bytes) > 0 && len(e.pieces) < maxPieces:
			if _, known := e.pieces[c.ID]; !known {
				e.pieces[c.ID] = c.Bytes
			}
		case !e.IDs() && c.Bytes != nil:
			c.ID = e.lexicon.number(c.Bytes)
		}
	}
	for i := range tokens {
		t := &tokens[i]
		if t.LogProb == t.LogProb { // otherwise it may be more or less than a token
			one(&t.Candidate)
		}
		for j := range t.Top {
			one(&t.Top[j])
		}
	}
}
