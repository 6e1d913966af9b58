package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// modelJSON is the model of any type: one pass over the largest part of the file.
type modelJSON struct {
	Type          string           `json:"type"`
	Vocab         map[string]int64 `json:"vocab"`
	Merges        mergeList        `json:"merges"`
	Dropout       *float64         `json:"dropout"`
	Unknown       *string          `json:"unk_token"`
	SubwordPrefix *string          `json:"continuing_subword_prefix"`
	WordSuffix    *string          `json:"end_of_word_suffix"`
	FuseUnknown   bool             `json:"fuse_unk"`
	ByteFallback  bool             `json:"byte_fallback"`
	IgnoreMerges  bool             `json:"ignore_merges"`
	MaxChars      *int             `json:"max_input_chars_per_word"`
}

func (b *builder) model(raw json.RawMessage) error {
	if absent(raw) {
		return errors.New(": missing")
	}
	var c struct { // the vocabularies of other types have other shapes, so the type comes first
		Type string `json:"type"`
	}
	if err := read(raw, &c); err != nil {
		return err
	}
	if c.Type != "" && c.Type != "BPE" && c.Type != "WordPiece" {
		return unsupported("type", c.Type, "BPE", "WordPiece")
	}
	var m modelJSON
	if err := read(raw, &m); err != nil {
		return err
	}
	// Older files have no type.
	if m.Type == "WordPiece" || m.Type == "" && m.Merges == nil && m.MaxChars != nil {
		return b.wordPiece(&m)
	}
	return b.bpe(&m)
}

// mergeList is a list of pairs of pieces: each ["a", "b"], or in older files "a b".
type mergeList [][2]string

// UnmarshalJSON reads a list of either form.
func (l *mergeList) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) && bytes.HasPrefix(bytes.TrimLeft(data[1:], " \t\r\n"), []byte{'"'}) {
		return l.readTexts(data)
	}
	var lists [][]string
	if err := json.Unmarshal(data, &lists); err != nil {
		return err
	}
	*l = make(mergeList, len(lists))
	for i, m := range lists {
		if len(m) != 2 {
			return fmt.Errorf("merges[%d]: %d pieces: want 2", i, len(m))
		}
		(*l)[i] = [2]string(m)
	}
	return nil
}

func (l *mergeList) readTexts(data []byte) error {
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	*l = make(mergeList, len(texts))
	for i, s := range texts {
		left, right, ok := cutMerge(s)
		if !ok {
			return fmt.Errorf("merges[%d]: %q: want two pieces with one space between them", i, s)
		}
		(*l)[i] = [2]string{left, right}
	}
	return nil
}

// cutMerge splits "a b" at its only space.
func cutMerge(s string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(s, " ")
	return left, right, ok && left != "" && right != "" && !strings.Contains(right, " ")
}

func (b *builder) bpe(c *modelJSON) error {
	switch {
	case c.Dropout != nil && *c.Dropout != 0:
		return fmt.Errorf(".dropout: %v is not supported: want null, for the same text shall give the same ids", *c.Dropout)
	case c.SubwordPrefix != nil && *c.SubwordPrefix != "":
		return fmt.Errorf(".continuing_subword_prefix: %q is not supported: want none", *c.SubwordPrefix)
	case c.WordSuffix != nil && *c.WordSuffix != "":
		return fmt.Errorf(".end_of_word_suffix: %q is not supported: want none", *c.WordSuffix)
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

func (b *builder) wordPiece(c *modelJSON) error {
	maxChars, unknownPiece, prefix := 100, "[UNK]", "##"
	if c.MaxChars != nil {
		maxChars = *c.MaxChars
	}
	if c.Unknown != nil {
		unknownPiece = *c.Unknown
	}
	if c.SubwordPrefix != nil {
		prefix = *c.SubwordPrefix
	}
	if b.byteLevel {
		return errors.New(".type: WordPiece with a ByteLevel pre-tokenizer is not supported: want BPE")
	}
	if maxChars < 1 || maxChars > 1000 {
		return fmt.Errorf(".max_input_chars_per_word: %d is out of range: want 1 to 1000", maxChars)
	}
	if err := b.readVocab(c.Vocab); err != nil {
		return err
	}
	unknown, ok := b.t.vocab.ids[unknownPiece]
	if !ok {
		return fmt.Errorf(".unk_token: %q is not in the vocabulary", unknownPiece)
	}
	m := &wordPiece{vocab: &b.t.vocab, prefix: prefix, maxChars: maxChars, unknown: unknown}
	for piece := range c.Vocab {
		m.longest = max(m.longest, len(piece))
	}
	m.longest = min(m.longest, utf8.UTFMax*maxChars)
	b.t.model = m
	return nil
}
