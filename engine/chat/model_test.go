package chat_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"vitrine/engine/chat"
	"vitrine/engine/modeltest"
	"vitrine/engine/tokenizer"
)

// The real model's template and tokenizer give the text and the ids that
// transformers gives (testdata/smollm2.json).
func TestSmolLM2(t *testing.T) {
	path := modeltest.SmolLM2(t)
	template, err := chat.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/smollm2.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Name     string
		Messages []chat.Message
		Text     string
		IDs      []int32
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		text, err := template.Render(c.Messages, chat.Options{AddGenerationPrompt: true})
		if err != nil || text != c.Text {
			t.Errorf("%s: rendered %q (%v), want %q", c.Name, text, err, c.Text)
		}
		ids, err := tok.Encode(text, tokenizer.EncodeOptions{ParseSpecial: true})
		if err != nil || !slices.Equal(ids, c.IDs) {
			t.Errorf("%s: ids %v (%v), want %v", c.Name, ids, err, c.IDs)
		}
	}
}
