package tokenizer

import (
	"encoding/json"
	"fmt"

	"golang.org/x/text/unicode/norm"
)

func (b *builder) normalizer(raw json.RawMessage) error {
	ns, err := readNormalizer(raw, 0)
	b.t.norm = ns
	return err
}

// readNormalizer reads a normalizer; a sequence becomes a list of its parts.
func readNormalizer(raw json.RawMessage, depth int) (normalizers, error) {
	if depth > maxNesting {
		return nil, errNesting
	}
	kind, err := typeOf(raw)
	if err != nil {
		return nil, err
	}
	one := func(n normalizer) (normalizers, error) { return normalizers{n}, nil }
	switch kind {
	case "":
		return normalizers{}, nil
	case "Sequence":
		return readNormalizers(raw, depth)
	case "NFC":
		return one(form(norm.NFC))
	case "NFD":
		return one(form(norm.NFD))
	case "NFKC":
		return one(form(norm.NFKC))
	case "NFKD":
		return one(form(norm.NFKD))
	case "Lowercase":
		return one(normalizeRunes(lowercase))
	case "StripAccents":
		return one(normalizeRunes(stripAccents))
	case "Prepend":
		var c struct {
			Prepend string `json:"prepend"`
		}
		err := read(raw, &c)
		return normalizers{prepend(c.Prepend)}, err
	case "Strip":
		c := struct {
			Left  bool `json:"strip_left"`
			Right bool `json:"strip_right"`
		}{true, true}
		err := read(raw, &c)
		return normalizers{stripSpace(c.Left, c.Right)}, err
	case "Replace":
		return readReplace(raw)
	case "BertNormalizer":
		return readBertNormalizer(raw)
	}
	return nil, unsupported("type", kind, "Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents",
		"Prepend", "Strip", "Replace", "BertNormalizer")
}

func readNormalizers(raw json.RawMessage, depth int) (normalizers, error) {
	var c struct {
		Normalizers []json.RawMessage `json:"normalizers"`
	}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	all := normalizers{}
	for i, part := range c.Normalizers {
		ns, err := readNormalizer(part, depth+1)
		if err != nil {
			return nil, fmt.Errorf(".normalizers[%d]%w", i, err)
		}
		all = append(all, ns...)
	}
	return all, nil
}

func readReplace(raw json.RawMessage) (normalizers, error) {
	var c struct {
		Pattern patternJSON `json:"pattern"`
		Content string      `json:"content"`
	}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	p, err := c.Pattern.compile()
	return normalizers{replaceAll{p, c.Content}}, err
}

func readBertNormalizer(raw json.RawMessage) (normalizers, error) {
	c := struct {
		CleanText          bool  `json:"clean_text"`
		HandleChineseChars bool  `json:"handle_chinese_chars"`
		StripAccents       *bool `json:"strip_accents"`
		Lowercase          bool  `json:"lowercase"`
	}{CleanText: true, HandleChineseChars: true, Lowercase: true}
	if err := read(raw, &c); err != nil {
		return nil, err
	}
	strip := c.Lowercase // what null means, as in the original BERT
	if c.StripAccents != nil {
		strip = *c.StripAccents
	}
	n := bertNormalizer{c.CleanText, c.HandleChineseChars, strip, c.Lowercase}
	return normalizers{normalizeRunes(n.apply)}, nil
}
