package tokenizer

import (
	"fmt"
	"strings"
)

// MaxTrace is the longest text, in bytes, that [Tokenizer.Trace] tells: a trace
// holds a record a merge, hundreds of bytes for each byte of text.
const MaxTrace = 256 << 10

// Trace is an encoding told step by step.
type Trace struct {
	Text       string     // the input
	Normalized string     // what the model read: the input as the normalizer and the pre-tokenizer rewrote it
	PreTokens  []PreToken // in order; white space that the pre-tokenizer drops lies between them
	IDs        []int32    // the ids of all pre-tokens
}

// PreToken is a stretch that is encoded by itself: a word of the pre-tokenizer, or
// an added token.
type PreToken struct {
	Start, End int      // byte range in Trace.Normalized
	Added      bool     // an added token, such as <|im_start|>: its id is given, nothing merges
	Symbols    []Symbol // what it begins as: bytes or characters; for WordPiece, and for words that are pieces whole, the result
	Merges     []Merge  // in the order in which they happened
	IDs        []int32  // the result; differs from the last symbols' ids where byte fallback set in
}

// Symbol is a stretch that stands as one unit while merging.
type Symbol struct {
	ID         int32  // vocabulary id, -1 for a character that has none (yet)
	Piece      string // the vocabulary's spelling, or the text itself without an id
	Start, End int    // byte range in Trace.Normalized
}

// Merge is one step of byte-pair encoding: two neighbours become one symbol.
type Merge struct {
	Position    int     // index of Left among the symbols before this merge
	Left, Right Symbol  // the pair
	Result      Symbol  // what stands at Position after it
	Rank        int     // place in the merge list, 0 first; with scores, the place of Result's score among the vocabulary's
	Scored      bool    // the merge was chosen by Score (SentencePiece)
	Score       float32 // of Result, the highest first; 0 unless Scored
}

// After returns the symbols after the first n merges, for n from 0 (the beginning)
// to len(p.Merges) (the end); n outside of that counts as the nearer end.
func (p *PreToken) After(n int) []Symbol {
	n = min(max(n, 0), len(p.Merges))
	// Merges only ever join neighbours, so the symbols after n of them are the
	// longest result that begins at each place.
	last := make(map[int]*Symbol, n)
	for i := range p.Merges[:n] {
		last[p.Merges[i].Result.Start] = &p.Merges[i].Result
	}
	symbols := make([]Symbol, 0, len(p.Symbols)-n)
	end := -1
	for _, s := range p.Symbols {
		if s.Start < end {
			continue // swallowed
		}
		if r := last[s.Start]; r != nil {
			s = *r
		}
		symbols = append(symbols, s)
		end = s.End
	}
	return symbols
}

// Trace encodes text as Encode does with EncodeOptions{ParseSpecial: true} and
// tells every step. It refuses text longer than [MaxTrace].
func (t *Tokenizer) Trace(text string) (*Trace, error) {
	if len(text) > MaxTrace {
		return nil, fmt.Errorf("tokenizer: a text of %d bytes is too long to trace: want at most %d", len(text), MaxTrace)
	}
	e := &encoder{told: &teller{t: t}}
	if err := t.encode(e, text, true); err != nil {
		return nil, err
	}
	return &Trace{text, e.told.normalized.String(), e.told.preTokens, e.ids}, nil
}

// teller writes down an encoding in progress. A nil teller writes nothing.
type teller struct {
	t          *Tokenizer
	normalized strings.Builder
	preTokens  []PreToken
	base       int     // where the stretch at hand begins in normalized
	alive      fenwick // 1 for each symbol of the word at hand not yet swallowed
}

// added tells of an added token.
func (l *teller) added(p part) {
	if l == nil {
		return
	}
	l.stretch(p.text)
	l.word(span{0, len(p.text)})
	word := &l.preTokens[len(l.preTokens)-1]
	word.Added = true
	word.Symbols = []Symbol{l.symbol(&symbol{id: p.token.id, end: int32(len(p.text))})}
}

// stretch tells of text that the following words lie in.
func (l *teller) stretch(text string) {
	if l == nil {
		return
	}
	l.base = l.normalized.Len()
	l.normalized.WriteString(text)
}

// word tells of the next word, by its range in the stretch.
func (l *teller) word(s span) {
	if l == nil {
		return
	}
	l.preTokens = append(l.preTokens, PreToken{Start: l.base + s.start, End: l.base + s.end})
}

// begin tells of the first symbols of the word.
func (l *teller) begin(symbols []symbol) {
	if l == nil {
		return
	}
	word := &l.preTokens[len(l.preTokens)-1]
	word.Symbols = make([]Symbol, len(symbols))
	for i := range symbols {
		word.Symbols[i] = l.symbol(&symbols[i])
	}
	l.alive = newFenwick(len(symbols))
}

// merge tells of a merge about to happen. Symbol indices do not change while a word
// merges, so the index of the swallowed right symbol is left.next.
func (l *teller) merge(m *bpe, c candidate, left, right *symbol) {
	if l == nil {
		return
	}
	word := &l.preTokens[len(l.preTokens)-1]
	step := Merge{
		Position: l.alive.before(int(c.at)),
		Left:     l.symbol(left),
		Right:    l.symbol(right),
		Result:   l.symbol(&symbol{id: c.id, start: left.start, end: right.end}),
		Rank:     int(c.rank),
	}
	step.Score, step.Scored = m.merges.score(c.id)
	word.Merges = append(word.Merges, step)
	l.alive.remove(int(left.next))
}

// emit tells of an id of the word.
func (l *teller) emit(id int32) {
	if l == nil {
		return
	}
	word := &l.preTokens[len(l.preTokens)-1]
	word.IDs = append(word.IDs, id)
}

func (l *teller) symbol(s *symbol) Symbol {
	word := &l.preTokens[len(l.preTokens)-1]
	out := Symbol{ID: s.id, Piece: l.t.Piece(s.id), Start: word.Start + int(s.start), End: word.Start + int(s.end)}
	if s.id == noID {
		out.Piece = l.normalized.String()[out.Start:out.End]
	}
	return out
}

// fenwick counts the marks before an index, and takes marks away, in O(log n)
// (Fenwick, 1994, "A New Data Structure for Cumulative Frequency Tables").
type fenwick []int32

// newFenwick returns n marks, all set.
func newFenwick(n int) fenwick {
	f := make(fenwick, n+1)
	for i := range f {
		f[i] = int32(i & -i)
	}
	return f
}

func (f fenwick) before(i int) int {
	n := 0
	for ; i > 0; i &= i - 1 {
		n += int(f[i])
	}
	return n
}

func (f fenwick) remove(i int) {
	for i++; i < len(f); i += i & -i {
		f[i]--
	}
}
