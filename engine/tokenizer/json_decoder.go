package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

func (b *builder) decoder(raw json.RawMessage) error {
	if absent(raw) {
		b.t.decoder.spaces = true
		return nil
	}
	return readDecoder(&b.t.decoder, raw, 0)
}

// readDecoder reads a decoder into d; the parts of a sequence add to it.
func readDecoder(d *decoder, raw json.RawMessage, depth int) error {
	if depth > maxNesting {
		return errNesting
	}
	kind, err := typeOf(raw)
	if err != nil {
		return err
	}
	switch kind {
	case "Sequence":
		return readDecoders(d, raw, depth)
	case "ByteLevel":
		d.byteLevel = true
	case "ByteFallback":
		d.byteFallback = true
	case "Fuse": // pieces are joined here in any case
	case "Replace":
		var c struct {
			Pattern patternJSON `json:"pattern"`
			Content string      `json:"content"`
		}
		if err := read(raw, &c); err != nil {
			return err
		}
		if c.Pattern.String == nil || *c.Pattern.String == "" {
			return errors.New(`.pattern: want {"String": "…"}, not empty`)
		}
		d.replace = append(d.replace, [2]string{*c.Pattern.String, c.Content})
	case "Strip":
		return readStrip(d, raw)
	case "Metaspace":
		c := metaspaceJSON{Replacement: "▁"}
		if err := read(raw, &c); err != nil {
			return err
		}
		scheme, err := c.scheme()
		if err != nil {
			return err
		}
		d.replace = append(d.replace, [2]string{c.Replacement, " "})
		if scheme != "never" {
			d.strip, d.stripCount = " ", 1
		}
	case "WordPiece":
		c := struct {
			Prefix  string `json:"prefix"`
			Cleanup bool   `json:"cleanup"`
		}{"##", true}
		if err := read(raw, &c); err != nil {
			return err
		}
		d.spaces, d.continues, d.cleanup = true, c.Prefix, c.Cleanup
	default:
		return unsupported("type", kind, "Sequence", "ByteLevel", "ByteFallback", "Fuse", "Replace", "Strip",
			"Metaspace", "WordPiece")
	}
	return nil
}

func readDecoders(d *decoder, raw json.RawMessage, depth int) error {
	var c struct {
		Decoders []json.RawMessage `json:"decoders"`
	}
	if err := read(raw, &c); err != nil {
		return err
	}
	for i, part := range c.Decoders {
		if err := readDecoder(d, part, depth+1); err != nil {
			return fmt.Errorf(".decoders[%d]%w", i, err)
		}
	}
	return nil
}

func readStrip(d *decoder, raw json.RawMessage) error {
	var c struct {
		Content string `json:"content"`
		Start   int    `json:"start"`
		Stop    int    `json:"stop"`
	}
	switch err := read(raw, &c); {
	case err != nil:
		return err
	case c.Content == "":
		return errors.New(".content: want a character")
	case c.Start < 0:
		return fmt.Errorf(".start: %d is negative", c.Start)
	case c.Stop != 0:
		return fmt.Errorf(".stop: %d is not supported: want 0, for a stream cannot take back its end", c.Stop)
	}
	d.strip, d.stripCount = c.Content, c.Start
	return nil
}
