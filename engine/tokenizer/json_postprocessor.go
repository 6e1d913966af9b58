package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// postProcessor reads the ids that go before and after every text.
func (b *builder) postProcessor(raw json.RawMessage) error {
	return b.readPostProcessor(raw, 0)
}

func (b *builder) readPostProcessor(raw json.RawMessage, depth int) error {
	if depth > maxNesting {
		return errNesting
	}
	kind, err := typeOf(raw)
	if err != nil {
		return err
	}
	switch kind {
	case "", "ByteLevel": // ByteLevel only moves offsets
		return nil
	case "Sequence":
		var c struct {
			Processors []json.RawMessage `json:"processors"`
		}
		if err := read(raw, &c); err != nil {
			return err
		}
		for i, part := range c.Processors {
			if err := b.readPostProcessor(part, depth+1); err != nil {
				return fmt.Errorf(".processors[%d]%w", i, err)
			}
		}
		return nil
	case "TemplateProcessing":
		return b.readTemplate(raw)
	case "BertProcessing", "RobertaProcessing":
		return b.readClsSep(raw)
	}
	return unsupported("type", kind, "Sequence", "ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing")
}

// readTemplate reads the template for one text: tokens, the text (sequence A),
// tokens.
func (b *builder) readTemplate(raw json.RawMessage) error {
	var c struct {
		Single []struct {
			SpecialToken *struct {
				ID string `json:"id"`
			} `json:"SpecialToken"`
			Sequence *struct {
				ID string `json:"id"`
			} `json:"Sequence"`
		} `json:"single"`
		SpecialTokens map[string]struct {
			IDs []int64 `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := read(raw, &c); err != nil {
		return err
	}
	seen := false
	for i, p := range c.Single {
		switch {
		case p.Sequence != nil && p.Sequence.ID == "A" && !seen:
			seen = true
		case p.SpecialToken != nil:
			token, ok := c.SpecialTokens[p.SpecialToken.ID]
			if !ok {
				return fmt.Errorf(".single[%d].SpecialToken.id: %q is not in special_tokens", i, p.SpecialToken.ID)
			}
			if err := b.surround(token.IDs, seen); err != nil {
				return fmt.Errorf(".special_tokens[%q].ids: %w", p.SpecialToken.ID, err)
			}
		default:
			return fmt.Errorf(".single[%d]: want a SpecialToken, or the Sequence A once", i)
		}
	}
	if !seen {
		return errors.New(".single: the Sequence A is missing")
	}
	return nil
}

// readClsSep reads the two tokens of BERT and RoBERTa, each [content, id].
func (b *builder) readClsSep(raw json.RawMessage) error {
	var c struct {
		Cls, Sep [2]json.RawMessage
	}
	if err := read(raw, &c); err != nil {
		return err
	}
	for i, token := range []json.RawMessage{c.Cls[1], c.Sep[1]} {
		field := [2]string{"cls", "sep"}[i]
		var id int64
		if err := json.Unmarshal(token, &id); err != nil {
			return fmt.Errorf(".%s[1]: %w", field, err)
		}
		if err := b.surround([]int64{id}, i == 1); err != nil {
			return fmt.Errorf(".%s[1]: %w", field, err)
		}
	}
	return nil
}

// surround adds ids before the text, or after it.
func (b *builder) surround(ids []int64, after bool) error {
	for _, id := range ids {
		if id != int64(int32(id)) || !b.t.vocab.has(int32(id)) {
			return fmt.Errorf("%d is not in the vocabulary", id)
		}
		if after {
			b.t.suffix = append(b.t.suffix, int32(id))
		} else {
			b.t.prefix = append(b.t.prefix, int32(id))
		}
	}
	return nil
}
