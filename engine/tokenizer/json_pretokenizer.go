package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
)

func (b *builder) preTokenizer(raw json.RawMessage) error {
	ps, err := b.readPreTokenizer(raw, 0)
	b.t.pre = ps
	return err
}

// readPreTokenizer reads a pre-tokenizer; a sequence becomes a list of its parts.
func (b *builder) readPreTokenizer(raw json.RawMessage, depth int) (preTokenizers, error) {
	if depth > maxNesting {
		return nil, errNesting
	}
	kind, err := typeOf(raw)
	if err != nil {
		return nil, err
	}
	if kind != "" && b.byteLevel {
		return nil, fmt.Errorf(".type: %q after ByteLevel is not supported: want ByteLevel last", kind)
	}
	cut := func(p pattern, how behavior) (preTokenizers, error) {
		return preTokenizers{splitter{p, how, false}}, nil
	}
	switch kind {
	case "":
		return preTokenizers{}, nil
	case "Sequence":
		return b.readPreTokenizers(raw, depth)
	case "Split":
		return readSplit(raw)
	case "ByteLevel":
		b.byteLevel = true
		return readByteLevel(raw)
	case "Metaspace":
		return readMetaspace(raw)
	case "Digits":
		return readDigits(raw)
	case "Punctuation":
		c := struct {
			Behavior behavior `json:"behavior"`
		}{isolated}
		if err := read(raw, &c); err != nil {
			return nil, err
		}
		return cut(runePattern(isBertPunctuation), c.Behavior)
	case "Whitespace":
		return preTokenizers{splitter{wordRuns{}, removed, true}}, nil
	case "WhitespaceSplit":
		return cut(runePattern(unicode.IsSpace), removed)
	case "BertPreTokenizer":
		return preTokenizers{
			splitter{runePattern(unicode.IsSpace), removed, false},
			splitter{runePattern(isBertPunctuation), isolated, false},
		}, nil
	}
	return nil, unsupported("type", kind, "Sequence", "Split", "ByteLevel", "Metaspace", "Digits", "Punctuation",
		"Whitespace", "WhitespaceSplit", "BertPreTokenizer")
}

func (b *builder) readPreTokenizers(raw json.RawMessage, depth int) (preTokenizers, error) {
	var c struct {
		PreTokenizers []json.RawMessage `json:"pretokenizers"`
	}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	all := preTokenizers{}
	for i, part := range c.PreTokenizers {
		ps, err := b.readPreTokenizer(part, depth+1)
		if err != nil {
			return nil, fmt.Errorf(".pretokenizers[%d]%w", i, err)
		}
		all = append(all, ps...)
	}
	return all, nil
}

func readSplit(raw json.RawMessage) (preTokenizers, error) {
	var c struct {
		Pattern  patternJSON `json:"pattern"`
		Behavior behavior    `json:"behavior"`
		Invert   bool        `json:"invert"`
	}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	p, err := c.Pattern.compile()
	return preTokenizers{splitter{p, c.Behavior, c.Invert}}, err
}

func readByteLevel(raw json.RawMessage) (preTokenizers, error) {
	c := struct {
		AddPrefixSpace bool `json:"add_prefix_space"`
		UseRegex       bool `json:"use_regex"`
	}{true, true}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	ps := preTokenizers{}
	if c.AddPrefixSpace {
		ps = append(ps, rewriter(prefixSpace))
	}
	if c.UseRegex {
		p, err := compile(gpt2Pattern)
		if err != nil {
			return nil, fmt.Errorf(": %w", err)
		}
		ps = append(ps, splitter{p, isolated, false})
	}
	return ps, nil
}

func readMetaspace(raw json.RawMessage) (preTokenizers, error) {
	c := metaspaceJSON{Replacement: "▁", Split: true}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	scheme, err := c.scheme()
	if err != nil {
		return nil, err
	}
	ps := preTokenizers{metaspace(c.Replacement, scheme)}
	if c.Split {
		ps = append(ps, splitter{literal(c.Replacement), mergedWithNext, false})
	}
	return ps, nil
}

// metaspaceJSON is Metaspace as a pre-tokenizer and as a decoder.
type metaspaceJSON struct {
	Replacement    string `json:"replacement"`
	PrependScheme  string `json:"prepend_scheme"`
	AddPrefixSpace *bool  `json:"add_prefix_space"` // how older files say it
	Split          bool   `json:"split"`
}

func (c metaspaceJSON) scheme() (string, error) {
	if c.Replacement == "" {
		return "", errors.New(".replacement: want a character")
	}
	switch {
	case c.AddPrefixSpace != nil && !*c.AddPrefixSpace:
		return "never", nil
	case c.PrependScheme == "":
		return "always", nil
	case c.PrependScheme == "always" || c.PrependScheme == "first" || c.PrependScheme == "never":
		return c.PrependScheme, nil
	}
	return "", unsupported("prepend_scheme", c.PrependScheme, "always", "first", "never")
}

func readDigits(raw json.RawMessage) (preTokenizers, error) {
	var c struct {
		Individual bool `json:"individual_digits"`
	}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	how := contiguous
	if c.Individual {
		how = isolated
	}
	return preTokenizers{splitter{runePattern(unicode.IsNumber), how, false}}, nil
}

// UnmarshalJSON reads one of the known behaviors.
func (b *behavior) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	switch behavior(s) {
	case isolated, removed, contiguous, mergedWithPrevious, mergedWithNext:
		*b = behavior(s)
		return nil
	}
	return fmt.Errorf("behavior: %q is not supported: want one of %s, %s, %s, %s, %s",
		s, isolated, removed, contiguous, mergedWithPrevious, mergedWithNext)
}
