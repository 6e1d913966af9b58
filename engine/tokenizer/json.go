package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// file is a tokenizer.json. Its components are told apart by their field type.
// Source: the tokenizers library's serialization (tokenizers/src/tokenizer/serialization.rs).
type file struct {
	AddedTokens   []addedJSON     `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

type addedJSON struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// FromJSON reads a tokenizer from the contents of a Hugging Face tokenizer.json:
// models BPE and WordPiece, with the normalizers, pre-tokenizers, post-processors
// and decoders that language models use. Truncation and padding are not applied.
// An error names the field that is wrong or not supported.
//
// The file does not say which tokens begin and end a sequence. BOS and EOS are
// what its post-processor adds, or else the tokens of the usual names; [Load] also
// reads the configuration files beside it, which do say.
func FromJSON(data []byte) (*Tokenizer, error) {
	t, err := fromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return t, nil
}

func fromJSON(data []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	b := &builder{t: newTokenizer()}
	for _, stage := range []struct {
		field string
		raw   json.RawMessage
		build func(json.RawMessage) error
	}{
		{"normalizer", f.Normalizer, b.normalizer},
		{"pre_tokenizer", f.PreTokenizer, b.preTokenizer},
		{"model", f.Model, b.model},
		{"decoder", f.Decoder, b.decoder},
	} {
		if err := stage.build(stage.raw); err != nil {
			return nil, fmt.Errorf("%s%w", stage.field, err)
		}
	}
	if err := b.addTokens(f.AddedTokens); err != nil {
		return nil, err
	}
	if err := b.postProcessor(f.PostProcessor); err != nil {
		return nil, fmt.Errorf("post_processor%w", err)
	}
	b.t.nameEnds()
	return b.t, nil
}

// newTokenizer returns a tokenizer without stages.
func newTokenizer() *Tokenizer {
	return &Tokenizer{
		vocab: vocabulary{ids: map[string]int32{}},
		added: map[int32]*addedToken{},
		norm:  normalizers{},
		pre:   preTokenizers{},
		bos:   noID,
		eos:   noID,
	}
}

// builder puts a tokenizer together. The errors of its stages begin with the rest
// of the field's path, such as ".pattern: …" or "[2].type: …".
type builder struct {
	t         *Tokenizer
	byteLevel bool // words are spelled as bytelevel.go says
}

// maxNesting is how deep sequences of components may nest.
const maxNesting = 8

var errNesting = fmt.Errorf(": sequences nest too deep: want at most %d", maxNesting)

// typeOf returns the type of a component, "" for null.
func typeOf(raw json.RawMessage) (string, error) {
	if absent(raw) {
		return "", nil
	}
	var c struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", fmt.Errorf(": %w", err)
	}
	return c.Type, nil
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// read decodes a component's fields over the defaults in into.
func read(raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf(": %w", err)
	}
	return nil
}

func unsupported(field, got string, want ...string) error {
	return fmt.Errorf(".%s: %q is not supported: want one of %s", field, got, strings.Join(want, ", "))
}

// patternJSON is a pattern: {"String": s} or {"Regex": s}.
type patternJSON struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

func (p patternJSON) compile() (pattern, error) {
	switch {
	case p.String != nil && *p.String != "":
		return literal(*p.String), nil
	case p.Regex != nil && *p.Regex != "":
		re, err := compile(*p.Regex)
		if err != nil {
			return nil, fmt.Errorf(".pattern.Regex: %w", err)
		}
		return re, nil
	}
	return nil, errors.New(`.pattern: want {"String": "…"} or {"Regex": "…"}, not empty`)
}

// addTokens adds the list added_tokens to the vocabulary.
func (b *builder) addTokens(list []addedJSON) error {
	limit := maxVocabulary(len(b.t.vocab.ids) + len(list))
	var raw, normal []*addedToken
	for i, a := range list {
		field := fmt.Sprintf("added_tokens[%d]", i)
		k := kindUserDefined
		if a.Special {
			k = kindControl
		}
		if id, ok := b.t.vocab.ids[a.Content]; ok && int64(id) != a.ID {
			return fmt.Errorf("%s.id: %d, but %q is piece %d of the vocabulary", field, a.ID, a.Content, id)
		}
		if err := b.t.vocab.set(a.ID, a.Content, k, limit); err != nil {
			return fmt.Errorf("%s.id: %w", field, err)
		}
		t := &addedToken{
			id: int32(a.ID), content: a.Content, special: a.Special, normalized: a.Normalized,
			singleWord: a.SingleWord, lstrip: a.LStrip, rstrip: a.RStrip,
		}
		b.t.added[t.id] = t
		if !a.Normalized {
			raw = append(raw, t)
			continue
		}
		content, err := b.t.norm.normalize(a.Content)
		if err != nil {
			return fmt.Errorf("%s.content: %w", field, err)
		}
		if content == "" {
			return fmt.Errorf("%s.content: nothing of %q is left when normalized", field, a.Content)
		}
		t.content = content
		normal = append(normal, t)
	}
	return b.t.setAdded(raw, normal)
}

// setAdded makes the sets of added tokens, which the piece of a token may name
// under another spelling.
func (t *Tokenizer) setAdded(raw, normal []*addedToken) error {
	var err error
	if t.raw, err = newAddedSet(raw); err != nil {
		return fmt.Errorf("added_tokens: %w", err)
	}
	if t.normal, err = newAddedSet(normal); err != nil {
		return fmt.Errorf("added_tokens: %w", err)
	}
	return nil
}
