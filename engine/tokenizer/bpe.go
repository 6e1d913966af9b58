package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// noID marks what the vocabulary has no id for.
const noID = -1

// maxWord is the longest word, in bytes, that can be merged: its positions must
// fit the indices of a symbol.
const maxWord = 1 << 30

// errNoByteToken says that a byte which is no UTF-8 has no token either, so that
// its loss could not be seen in the result. [Tokenizer.Encode] turns it into an
// [ErrInvalidUTF8].
var errNoByteToken = errors.New("invalid UTF-8 without a byte token")

// symbol is a stretch of a word that stands as one unit while merging: at first
// a byte or a character, in the end a token. Symbols form a doubly linked list
// through indices, so that a merge moves nothing.
type symbol struct {
	id         int32 // vocabulary id or noID
	start, end int32 // byte range in the word; empty once merged into the left neighbour
	prev, next int32 // neighbours' indices; -1 at the ends
}

func (s *symbol) size() int32 { return s.end - s.start }

// merger knows which neighbours may become one symbol, and how soon.
type merger interface {
	// lookup returns the rank of merging left and right, smallest first, and the
	// id of the result.
	lookup(word string, left, right *symbol) (rank, id int32, ok bool)
	// score returns the SentencePiece score of a result; ok is false where merges
	// have ranks only.
	score(id int32) (score float32, ok bool)
}

// bpe is byte-pair encoding (Sennrich, Haddow and Birch, 2016, "Neural Machine
// Translation of Rare Words with Subword Units"): a word begins as single bytes
// or characters, and the neighbours of the lowest rank, leftmost first, merge
// until no listed pair is left.
type bpe struct {
	vocab        *vocabulary
	merges       merger
	byteLevel    bool       // symbols begin as bytes, spelled as bytelevel.go says
	wholeWords   bool       // a word that is a piece needs no merging (ignore_merges)
	byteFallback bool       // a character without an id becomes the tokens of its bytes
	lateFallback bool       // … after merging (SentencePiece), not before
	fuseUnknown  bool       // neighbouring unknown characters give one unknown token
	unknown      int32      // id for a character without one, or noID to leave it out
	byteID       [256]int32 // byte-level: first symbols; else the tokens of byte fallback
}

// encode appends the ids of word to e.ids.
func (m *bpe) encode(e *encoder, word string) error {
	if len(word) > maxWord {
		return fmt.Errorf("a word of %d bytes is too long: want at most %d", len(word), maxWord)
	}
	if id, ok := m.whole(e, word); ok {
		e.symbols = append(e.symbols[:0], symbol{id: id, end: int32(len(word)), prev: -1, next: -1})
		e.told.begin(e.symbols)
		e.emit(id)
		return nil
	}
	if err := m.split(e, word); err != nil || len(e.symbols) == 0 {
		return err
	}
	e.told.begin(e.symbols)
	m.merge(e, word)
	return m.collect(e, word)
}

// whole looks the word itself up, where the tokenizer does so before merging.
func (m *bpe) whole(e *encoder, word string) (id int32, ok bool) {
	switch {
	case !m.wholeWords:
		return noID, false
	case m.byteLevel:
		e.spelling = appendSpelled(e.spelling[:0], word)
		id, ok = m.vocab.ids[string(e.spelling)]
	default:
		id, ok = m.vocab.ids[word]
	}
	return id, ok
}

// split fills e.symbols with the first symbols of word. What has no id, no
// fallback and no unknown token is left out, and its neighbours then touch.
func (m *bpe) split(e *encoder, word string) error {
	e.symbols = slices.Grow(e.symbols[:0], len(word))
	unknown := -1 // index of the unknown symbol that the next one may join
	for i, size := 0, 0; i < len(word); i += size {
		var id int32
		id, size = m.first(word[i:])
		text := word[i : i+size]
		switch {
		case id != noID:
			e.add(id, i, i+size)
			unknown = -1
		case m.lateFallback:
			e.add(noID, i, i+size)
		case m.byteFallback && m.covers(text):
			for b := range size {
				e.add(m.byteID[text[b]], i+b, i+b+1)
			}
			unknown = -1
		case text[0] >= utf8.RuneSelf && !utf8.ValidString(word):
			return errNoByteToken
		case m.unknown == noID:
		case m.fuseUnknown && unknown >= 0:
			e.symbols[unknown].end = int32(i + size)
		default:
			e.add(m.unknown, i, i+size)
			unknown = len(e.symbols) - 1
		}
	}
	return nil
}

// first returns the size of the symbol that text begins as, and its id or noID.
func (m *bpe) first(text string) (id int32, size int) {
	if m.byteLevel {
		return m.byteID[text[0]], 1
	}
	_, size = utf8.DecodeRuneInString(text)
	id, ok := m.vocab.ids[text[:size]]
	if !ok {
		return noID, size
	}
	return id, size
}

// covers reports whether every byte of text has a fallback token.
func (m *bpe) covers(text string) bool {
	for i := range len(text) {
		if m.byteID[text[i]] == noID {
			return false
		}
	}
	return true
}

// merge joins symbols until no listed pair is left. Each merge costs a few heap
// operations, so a word of n symbols takes O(n log n) time and O(n) memory.
func (m *bpe) merge(e *encoder, word string) {
	e.heap = slices.Grow(e.heap[:0], len(e.symbols))
	for i := range e.symbols {
		e.symbols[i].prev, e.symbols[i].next = int32(i-1), int32(i+1)
	}
	e.symbols[len(e.symbols)-1].next = -1
	for i := range e.symbols {
		m.propose(e, word, int32(i))
	}
	e.heap.init()
	for len(e.heap) > 0 {
		c := e.heap.pop()
		left := &e.symbols[c.at]
		if left.next < 0 || left.size() != c.leftSize || e.symbols[left.next].size() != c.rightSize {
			continue // one of the two has merged with another since
		}
		right := &e.symbols[left.next]
		e.told.merge(m, c, left, right)
		left.id, left.end, left.next = c.id, right.end, right.next
		right.end = right.start
		if left.next >= 0 {
			e.symbols[left.next].prev = c.at
		}
		if left.prev >= 0 && m.propose(e, word, left.prev) {
			e.heap.up(len(e.heap) - 1)
		}
		if m.propose(e, word, c.at) {
			e.heap.up(len(e.heap) - 1)
		}
	}
}

// propose puts the merge of symbol at and its right neighbour at the end of the
// heap, if there is one, and reports whether there was.
func (m *bpe) propose(e *encoder, word string, at int32) bool {
	left := &e.symbols[at]
	if left.next < 0 {
		return false
	}
	right := &e.symbols[left.next]
	rank, id, ok := m.merges.lookup(word, left, right)
	if ok {
		e.heap = append(e.heap, candidate{rank, at, id, left.size(), right.size()})
	}
	return ok
}

// collect emits what merging has left.
func (m *bpe) collect(e *encoder, word string) error {
	unknown := false // the symbol before was unknown
	for i := int32(0); i >= 0; i = e.symbols[i].next {
		s := &e.symbols[i]
		text := word[s.start:s.end]
		switch {
		case s.id != noID:
			e.emit(s.id)
		case m.byteFallback && m.covers(text):
			for b := range len(text) {
				e.emit(m.byteID[text[b]])
			}
		case !utf8.ValidString(text):
			return errNoByteToken
		case m.unknown != noID && !(m.fuseUnknown && unknown):
			e.emit(m.unknown)
		}
		unknown = s.id == noID
	}
	return nil
}
