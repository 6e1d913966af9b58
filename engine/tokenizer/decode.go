package tokenizer

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// decoder says how pieces become text again.
type decoder struct {
	byteLevel    bool        // pieces are spelled bytes
	byteFallback bool        // <0xE4> is the byte E4
	replace      [][2]string // literal replacements in each piece, in order
	strip        string      // taken off the front of the whole text …
	stripCount   int         // … at most so often
	spaces       bool        // a space stands before each piece that begins a word
	continues    string      // prefix of a piece that does not begin one: "##"
	cleanup      bool        // no space before punctuation
}

// appendBytes appends the bytes that a piece stands for by itself.
func (d *decoder) appendBytes(dst []byte, piece string, added bool) []byte {
	switch {
	case d.byteLevel && added:
		return append(dst, piece...)
	case d.byteLevel:
		return appendUnspelled(dst, piece)
	case d.byteFallback:
		if b, ok := fallbackByte(piece); ok {
			return append(dst, b)
		}
	}
	for _, r := range d.replace {
		piece = strings.ReplaceAll(piece, r[0], r[1])
	}
	return append(dst, strings.TrimPrefix(piece, d.continues)...)
}

// fallbackByte reads a piece such as <0xE4>.
func fallbackByte(piece string) (b byte, ok bool) {
	if len(piece) != 6 || !strings.HasPrefix(piece, "<0x") || piece[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(piece[3:5]) {
		switch {
		case '0' <= c && c <= '9':
			b = b<<4 | (c - '0')
		case 'A' <= c && c <= 'F':
			b = b<<4 | (c - 'A' + 10)
		case 'a' <= c && c <= 'f':
			b = b<<4 | (c - 'a' + 10)
		default:
			return 0, false
		}
	}
	return b, true
}

// Bytes returns the bytes that a token stands for by itself: " Hello" for ĠHello
// or ▁Hello, the byte E4 for <0xE4>, its own text for an added token, nil for an
// id without a piece. A token may hold part of a character only.
func (t *Tokenizer) Bytes(id int32) []byte {
	if !t.vocab.has(id) {
		return nil
	}
	return t.decoder.appendBytes([]byte{}, t.vocab.pieces[id], t.added[id] != nil)
}

// Decode returns the text of ids. Ids without a piece are left out, and special
// tokens too with skipSpecial; see the package about bytes that are no UTF-8.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	s := t.NewStream(skipSpecial)
	var b strings.Builder
	for _, id := range ids {
		s.push(id)
		if len(s.pending) > 4096 {
			b.WriteString(s.take(false))
		}
	}
	b.WriteString(s.take(true))
	return b.String()
}

// Stream decodes ids as they come. It belongs to one goroutine.
type Stream struct {
	t           *Tokenizer
	skipSpecial bool
	begun       bool // a token has been decoded
	strips      int  // characters that may still be taken off the front
	pending     []byte
	texts       strings.Builder // what take returns is the end of it
}

// A stream's texts lie behind one another in pieces of memory that double up to most:
// so a token takes no memory of its own, and who keeps a single text keeps little else.
const (
	leastTexts = 64
	mostTexts  = 4096
)

// NewStream returns a stream at the beginning of a text. What its Push and a last
// Flush return makes, put together, the Decode of all ids pushed.
func (t *Tokenizer) NewStream(skipSpecial bool) *Stream {
	return &Stream{t: t, skipSpecial: skipSpecial, strips: t.decoder.stripCount}
}

// Push takes the next id and returns the text that has become certain: whole
// characters only, "" while one is still incomplete.
func (s *Stream) Push(id int32) string {
	s.push(id)
	return s.take(false)
}

// Flush ends the text and returns what is left, U+FFFD for a character that never
// became whole. The stream then stands at the beginning of a new text.
func (s *Stream) Flush() string {
	text := s.take(true)
	*s = *s.t.NewStream(s.skipSpecial)
	return text
}

// push appends the bytes of id to those pending.
func (s *Stream) push(id int32) {
	t := s.t
	if !t.vocab.has(id) || s.skipSpecial && t.IsSpecial(id) {
		return
	}
	d, piece := &t.decoder, t.vocab.pieces[id]
	from := len(s.pending)
	if d.spaces && s.begun && (d.continues == "" || !strings.HasPrefix(piece, d.continues)) {
		s.pending = append(s.pending, ' ')
	}
	s.begun = true
	s.pending = d.appendBytes(s.pending, piece, t.added[id] != nil)
	if d.cleanup {
		s.pending = append(s.pending[:from], cleanUp(string(s.pending[from:]))...)
	}
	for s.strips > 0 && len(s.pending) > from {
		rest, ok := bytes.CutPrefix(s.pending[from:], []byte(d.strip))
		if !ok {
			s.strips = 0
			break
		}
		s.pending = append(s.pending[:from], rest...)
		s.strips--
	}
}

// take returns the pending bytes as text: all of them at the end, else all but an
// incomplete character.
func (s *Stream) take(end bool) string {
	rest, room, valid := s.pending, len(s.pending), utf8.Valid(s.pending)
	if !valid {
		room *= utf8.RuneLen(utf8.RuneError) // a single byte may become one
	}
	if s.texts.Cap()-s.texts.Len() < room {
		size := min(max(2*s.texts.Cap(), leastTexts), mostTexts)
		s.texts = strings.Builder{}
		s.texts.Grow(max(size, room))
	}
	from, b := s.texts.Len(), &s.texts
	if valid {
		b.Write(rest)
		rest = nil
	}
	for len(rest) > 0 {
		c, size := utf8.DecodeRune(rest)
		if c == utf8.RuneError && size == 1 {
			if !end && !utf8.FullRune(rest) {
				break
			}
			// The maximal part of an ill-formed sequence gives one U+FFFD: it is as
			// long as its beginnings could still have become a character.
			for size < len(rest) && !utf8.FullRune(rest[:size+1]) {
				size++
			}
		}
		b.WriteRune(c)
		rest = rest[size:]
	}
	s.pending = append(s.pending[:0], rest...)
	return b.String()[from:]
}

// cleanUp takes out the spaces that joining words by spaces puts before
// punctuation and English contractions. Source: clean_up_tokenization of the
// transformers library.
var cleanUp = strings.NewReplacer(
	" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m", " do not", " don't",
	" 's", "'s", " 've", "'ve", " 're", "'re",
).Replace
