package tokenizer

import "unicode/utf8"

// wordPiece cuts a word greedily into the longest pieces from the left (Schuster
// and Nakajima, 2012; WordpieceTokenizer in BERT's tokenization.py).
type wordPiece struct {
	vocab    *vocabulary
	prefix   string // of a piece that does not begin a word: "##"
	maxChars int    // a longer word is unknown
	unknown  int32
	longest  int // bytes of the longest piece: no match can be longer
}

func (m *wordPiece) encode(e *encoder, word string) error {
	if !utf8.ValidString(word) {
		return errNoByteToken
	}
	e.symbols = e.symbols[:0]
	if utf8.RuneCountInString(word) > m.maxChars || !m.cut(e, word) {
		e.symbols = e.symbols[:0]
		e.add(m.unknown, 0, len(word))
	}
	e.told.begin(e.symbols)
	for _, s := range e.symbols {
		e.emit(s.id)
	}
	return nil
}

// cut fills e.symbols with the pieces of word; false means that a rest is none.
func (m *wordPiece) cut(e *encoder, word string) bool {
	for start := 0; start < len(word); {
		e.spelling = e.spelling[:0]
		if start > 0 {
			e.spelling = append(e.spelling, m.prefix...)
		}
		bare := len(e.spelling)
		end := min(len(word), start+m.longest)
		e.spelling = append(e.spelling, word[start:end]...)
		for ; end > start; end-- {
			if end < len(word) && !utf8.RuneStart(word[end]) {
				continue
			}
			if id, ok := m.vocab.ids[string(e.spelling[:bare+end-start])]; ok {
				e.add(id, start, end)
				break
			}
		}
		if end == start {
			return false
		}
		start = end
	}
	return true
}
