package session

import (
	"slices"
	"testing"

	"vitrine/engine/chat"
	"vitrine/visualizer/wire"
)

func tinyPrompter(t *testing.T) *prompter {
	t.Helper()
	template, err := chat.Parse(chatML)
	if err != nil {
		t.Fatal(err)
	}
	return &prompter{tokenizer: tinyTokenizer(t), template: template}
}

func TestLocate(t *testing.T) {
	p := tinyPrompter(t)
	for _, contents := range [][]string{
		{"Be brief.", "Hello", "Hi"},
		{"user", "user", "assistant"}, // the words of the template itself
		{"x", "xyx", "yzy"},
		{"你好，世界", "the inner é", "😀"},
		{" leading", "trailing ", "a\n\nb"},
	} {
		messages := []message{{role: wire.RoleSystem}, {role: wire.RoleUser}, {role: wire.RoleAssistant}}
		for i := range messages {
			messages[i].text = contents[i]
		}
		rendered, err := p.render(messages, true)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := p.encode(rendered)
		if err != nil {
			t.Fatal(err)
		}
		tokens := withGiven(p.tokenizer, nil, encoded)
		if err := p.locate(messages, 0, tokens); err != nil {
			t.Fatal(err)
		}
		for i, m := range messages {
			if got := text(tokens[m.first:m.end]); got != contents[i] {
				t.Errorf("message %q was found as %q", contents[i], got)
			}
		}
	}
}

func TestJoin(t *testing.T) {
	p := tinyPrompter(t)
	encode := func(s string) []wire.Token {
		ids, err := p.encode(s)
		if err != nil {
			t.Fatal(err)
		}
		return withGiven(p.tokenizer, nil, ids)
	}
	bytewise := func(s string) (tokens []wire.Token) {
		for _, b := range []byte(s) {
			tokens = append(tokens, given(p.tokenizer, int32(b)))
		}
		return tokens
	}
	for _, c := range []struct {
		name     string
		have     []wire.Token
		rendered string
		keep     int
	}{
		{"nothing there", nil, "the<|im_end|>", 0},
		{"cut at a special token", encode("an<|im_end|>"), "an<|im_end|>the", 2},
		{"a drawn spelling stays", slices.Concat(encode("<|im_start|>"), bytewise("the")), "<|im_start|>the<|im_end|>", 4},
		{"a prefix that would merge", encode("th"), "the<|im_end|>", 0},
		{"text that changed", encode("<|im_start|>the<|im_end|>"), "<|im_start|>in<|im_end|>", 1},
		{"text that was shortened", slices.Concat(encode("<|im_start|>"), bytewise("inn")), "<|im_start|>in<|im_end|>", 3},
		{"bytes that are no text", append(encode("<|im_start|>a"), given(p.tokenizer, 0xff)), "<|im_start|>a\uFFFD<|im_end|>", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			keep, add, err := p.join(c.have, c.rendered)
			if err != nil {
				t.Fatal(err)
			}
			all := append(ids(c.have[:keep]), add...)
			if got := p.tokenizer.Decode(all, false); keep != c.keep || got != c.rendered {
				t.Errorf("keeps %d and says %q, want %d and %q", keep, got, c.keep, c.rendered)
			}
		})
	}
}
