package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

func (b *builder) model(raw json.RawMessage) error {
	kind, err := typeOf(raw)
	if err != nil {
		return err
	}
	if kind == "" && !absent(raw) {
		kind = modelOf(raw)
	}
	switch kind {
	case "":
		return errors.New(": missing")
	case "BPE":
		return b.readBPE(raw)
	case "WordPiece":
		return b.readWordPiece(raw)
	}
	return unsupported("type", kind, "BPE", "WordPiece")
}

// modelOf tells the model of an older file, which has no type, by its fields.
func modelOf(raw json.RawMessage) string {
	var c struct {
		Merges   json.RawMessage `json:"merges"`
		MaxChars json.RawMessage `json:"max_input_chars_per_word"`
	}
	switch err := json.Unmarshal(raw, &c); {
	case err != nil:
		return ""
	case !absent(c.Merges):
		return "BPE"
	case !absent(c.MaxChars):
		return "WordPiece"
	}
	return ""
}

type bpeJSON struct {
	Vocab        map[string]int64 `json:"vocab"`
	Merges       []mergeJSON      `json:"merges"`
	Dropout      *float64         `json:"dropout"`
	Unknown      *string          `json:"unk_token"`
	Prefix       string           `json:"continuing_subword_prefix"`
	Suffix       string           `json:"end_of_word_suffix"`
	FuseUnknown  bool             `json:"fuse_unk"`
	ByteFallback bool             `json:"byte_fallback"`
	IgnoreMerges bool             `json:"ignore_merges"`
}

// mergeJSON is a pair of pieces: ["a", "b"], or "a b" in older files.
type mergeJSON [2]string

// UnmarshalJSON reads either form.
func (m *mergeJSON) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '"' {
		var list []string
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		if len(list) != 2 {
			return fmt.Errorf("merges: a merge of %d pieces: want 2", len(list))
		}
		m[0], m[1] = list[0], list[1]
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	var ok bool
	m[0], m[1], ok = cutMerge(s)
	if !ok {
		return fmt.Errorf("merges: %q: want two pieces with one space between them", s)
	}
	return nil
}

// cutMerge splits "a b" at its only space.
func cutMerge(s string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(s, " ")
	return left, right, ok && left != "" && right != "" && !strings.Contains(right, " ")
}

func (b *builder) readBPE(raw json.RawMessage) error {
	var c bpeJSON
	if err := read(raw, &c); err != nil {
		return err
	}
	switch {
	case c.Dropout != nil && *c.Dropout != 0:
		return fmt.Errorf(".dropout: %v is not supported: want null, for the same text shall give the same ids", *c.Dropout)
	case c.Prefix != "":
		return fmt.Errorf(".continuing_subword_prefix: %q is not supported: want none", c.Prefix)
	case c.Suffix != "":
		return fmt.Errorf(".end_of_word_suffix: %q is not supported: want none", c.Suffix)
	}
	v := &b.t.vocab
	if err := b.readVocab(c.Vocab); err != nil {
		return err
	}
	merges := make(rankedMerges, len(c.Merges))
	for i, m := range c.Merges {
		if err := merges.add(v, m[0], m[1]); err != nil {
			return fmt.Errorf(".merges[%d]: %w", i, err)
		}
	}
	m := &bpe{
		vocab: v, merges: merges, byteLevel: b.byteLevel, wholeWords: c.IgnoreMerges,
		byteFallback: c.ByteFallback && !b.byteLevel, fuseUnknown: c.FuseUnknown, unknown: noID,
	}
	if c.Unknown != nil {
		id, ok := v.ids[*c.Unknown]
		if !ok {
			return fmt.Errorf(".unk_token: %q is not in the vocabulary", *c.Unknown)
		}
		m.unknown = id
	}
	m.setBytes()
	b.t.model = m
	return nil
}

// setBytes finds the ids of single bytes.
func (m *bpe) setBytes() {
	if !m.byteLevel {
		m.byteID, _ = m.vocab.byteTokens()
		return
	}
	for i := range m.byteID {
		id, ok := m.vocab.ids[string(byteToChar[i])]
		if !ok {
			id = noID
		}
		m.byteID[i] = id
	}
}

// readVocab fills the vocabulary of the tokenizer.
func (b *builder) readVocab(vocab map[string]int64) error {
	if len(vocab) == 0 {
		return errors.New(".vocab: missing or empty")
	}
	limit := maxVocabulary(len(vocab))
	for piece, id := range vocab {
		if err := b.t.vocab.set(id, piece, kindNormal, limit); err != nil {
			return fmt.Errorf(".vocab: %w", err)
		}
	}
	return nil
}

func (b *builder) readWordPiece(raw json.RawMessage) error {
	c := struct {
		Vocab    map[string]int64 `json:"vocab"`
		Unknown  string           `json:"unk_token"`
		Prefix   string           `json:"continuing_subword_prefix"`
		MaxChars int              `json:"max_input_chars_per_word"`
	}{Unknown: "[UNK]", Prefix: "##", MaxChars: 100}
	if err := read(raw, &c); err != nil {
		return err
	}
	if b.byteLevel {
		return errors.New(".type: WordPiece with a ByteLevel pre-tokenizer is not supported: want BPE")
	}
	if c.MaxChars < 1 || c.MaxChars > 1000 {
		return fmt.Errorf(".max_input_chars_per_word: %d is out of range: want 1 to 1000", c.MaxChars)
	}
	if err := b.readVocab(c.Vocab); err != nil {
		return err
	}
	unknown, ok := b.t.vocab.ids[c.Unknown]
	if !ok {
		return fmt.Errorf(".unk_token: %q is not in the vocabulary", c.Unknown)
	}
	m := &wordPiece{vocab: &b.t.vocab, prefix: c.Prefix, maxChars: c.MaxChars, unknown: unknown}
	for piece := range c.Vocab {
		m.longest = max(m.longest, len(piece))
	}
	m.longest = min(m.longest, utf8.UTFMax*c.MaxChars)
	b.t.model = m
	return nil
}
