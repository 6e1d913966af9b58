package tokenizer

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// ErrInvalidUTF8 is wrapped by the error of [Tokenizer.Encode] and
// [Tokenizer.Trace] for a text with bytes that are no UTF-8 and have no token.
// The error names the offset of the first such byte.
var ErrInvalidUTF8 = errors.New("tokenizer: text is not valid UTF-8")

// Tokenizer turns text into ids and back. It does not change once loaded, and
// several goroutines may use it at once.
type Tokenizer struct {
	vocab   vocabulary
	added   map[int32]*addedToken
	raw     *addedSet // looked for in the text as given
	normal  *addedSet // looked for in the normalized text
	norm    normalizer
	pre     preTokenizer
	model   model
	decoder decoder
	prefix  []int32 // ids before every text, such as <s>
	suffix  []int32 // ids after it, such as [SEP]
	bos     int32   // or noID
	eos     int32   // or noID
	ends    []int32 // ids that end a generation, ascending
}

// model is the stage that turns one word of the pre-tokenizer into ids.
type model interface {
	encode(e *encoder, word string) error
}

// EncodeOptions says what [Tokenizer.Encode] adds and what it takes literally. The
// zero value encodes a user's words: nothing is added and nothing in them steers
// the model.
type EncodeOptions struct {
	// AddSpecial puts the tokens around the ids that the file asks for, such as
	// <s> at the beginning (add_bos_token, add_eos_token, post_processor).
	AddSpecial bool
	// ParseSpecial turns the text of a special token, such as <|im_start|>, into
	// its id, as a rendered chat template needs. Without it such text is encoded as
	// the characters that it is.
	ParseSpecial bool
}

// encoder is what one encoding in progress holds.
type encoder struct {
	ids      []int32
	told     *teller // nil unless the encoding is traced
	symbols  []symbol
	heap     candidates
	spelling []byte
}

func (e *encoder) add(id int32, start, end int) {
	e.symbols = append(e.symbols, symbol{id: id, start: int32(start), end: int32(end), prev: -1, next: -1})
}

func (e *encoder) emit(id int32) {
	e.ids = append(e.ids, id)
	e.told.emit(id)
}

// Encode returns the ids of text. Time grows as n log n with the length of the
// text and memory in proportion to it, whatever the text is. A text that is no
// UTF-8 and cannot be encoded byte for byte gives an error that wraps
// [ErrInvalidUTF8].
func (t *Tokenizer) Encode(text string, opts EncodeOptions) ([]int32, error) {
	e := &encoder{ids: make([]int32, 0, len(text)/3+len(t.prefix)+len(t.suffix))}
	if opts.AddSpecial {
		e.ids = append(e.ids, t.prefix...)
	}
	if err := t.encode(e, text, opts.ParseSpecial); err != nil {
		return nil, err
	}
	if opts.AddSpecial {
		e.ids = append(e.ids, t.suffix...)
	}
	return e.ids, nil
}

// encode runs the stages over text and appends the ids to e.
func (t *Tokenizer) encode(e *encoder, text string, parseSpecial bool) error {
	err := t.encodeParts(e, text, parseSpecial)
	switch {
	case errors.Is(err, errNoByteToken):
		return invalidText(text)
	case err != nil:
		return fmt.Errorf("tokenizer: %w", err)
	}
	return nil
}

// encodeParts cuts added tokens out of the raw text, normalizes what is left, cuts
// added tokens out of that too, and encodes the rest.
func (t *Tokenizer) encodeParts(e *encoder, text string, parseSpecial bool) error {
	for i, p := range t.raw.cut(text, parseSpecial) {
		if p.token != nil {
			e.told.added(p)
			e.emit(p.token.id)
			continue
		}
		normalized, err := t.norm.normalize(p.text)
		if err != nil {
			return fmt.Errorf("normalizer: %w", err)
		}
		for j, q := range t.normal.cut(normalized, parseSpecial) {
			if q.token != nil {
				e.told.added(q)
				e.emit(q.token.id)
			} else if err := t.encodeWords(e, q.text, i == 0 && j == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// encodeWords encodes a stretch without added tokens; first says that the text
// begins with it.
func (t *Tokenizer) encodeWords(e *encoder, text string, first bool) error {
	w := words{text: text, spans: []span{{0, len(text)}}, first: first}
	if err := t.pre.split(&w); err != nil {
		return fmt.Errorf("pre_tokenizer: %w", err)
	}
	e.told.stretch(w.text)
	for _, s := range w.spans {
		e.told.word(s)
		if err := t.model.encode(e, w.text[s.start:s.end]); err != nil {
			return err
		}
	}
	return nil
}

// invalidText is the error for a text that is not UTF-8.
func invalidText(text string) error {
	for i, size := 0, 0; i < len(text); i += size {
		var c rune
		if c, size = utf8.DecodeRuneInString(text[i:]); c == utf8.RuneError && size == 1 {
			return fmt.Errorf("%w: byte 0x%02x at offset %d, and this vocabulary cannot encode every such byte as itself",
				ErrInvalidUTF8, text[i], i)
		}
	}
	return ErrInvalidUTF8
}

// Algorithm names the way from words to tokens: "byte-level BPE", "SentencePiece BPE"
// (characters, with byte fallback), "BPE" or "WordPiece".
func (t *Tokenizer) Algorithm() string {
	m, ok := t.model.(*bpe)
	switch {
	case !ok:
		return "WordPiece"
	case m.byteLevel:
		return "byte-level BPE"
	case m.byteFallback:
		return "SentencePiece BPE"
	}
	return "BPE"
}

// VocabSize returns one more than the largest id, added tokens included. The
// model's logits may be longer: their length is often rounded up.
func (t *Tokenizer) VocabSize() int { return len(t.vocab.pieces) }

// Piece returns the vocabulary's own spelling of a token, such as "Ġthe" or
// "▁the", and "" for an id without one.
func (t *Tokenizer) Piece(id int32) string {
	if !t.vocab.has(id) {
		return ""
	}
	return t.vocab.pieces[id]
}

// ID returns the id of a piece in the vocabulary's own spelling.
func (t *Tokenizer) ID(piece string) (id int32, ok bool) {
	id, ok = t.vocab.ids[piece]
	return id, ok
}

// IsSpecial reports whether id steers the model instead of standing for text, as
// <|im_start|> does.
func (t *Tokenizer) IsSpecial(id int32) bool {
	a := t.added[id]
	return a != nil && a.special
}

// BOS returns the id of the beginning of a sequence; ok is false where the
// tokenizer names none.
func (t *Tokenizer) BOS() (id int32, ok bool) { return t.bos, t.bos != noID }

// EOS returns the id of the end of a sequence; ok is false where the tokenizer
// names none.
func (t *Tokenizer) EOS() (id int32, ok bool) { return t.eos, t.eos != noID }

// EOSIDs returns the ids that end a generation, ascending: the end of a sequence
// and the ends of a turn, such as <|im_end|>, <|eot_id|> or <end_of_turn>.
func (t *Tokenizer) EOSIDs() []int32 { return slices.Clone(t.ends) }
