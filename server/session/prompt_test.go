package session

import (
	"slices"
	"strings"
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

// The text of an answer is joined with the special tokens that were drawn in its middle, so
// that all of it stays.
func TestSpelled(t *testing.T) {
	p := tinyPrompter(t)
	end, start := given(p.tokenizer, 262), given(p.tokenizer, 261)
	b := func(text string) (tokens []wire.Token) {
		for i := range len(text) {
			tokens = append(tokens, given(p.tokenizer, int32(text[i])))
		}
		return tokens
	}
	for _, c := range []struct {
		name, text string
		tokens     []wire.Token
		want       string
	}{
		{"nothing special", "ab", b("ab"), "ab"},
		{"its end", "ab", append(b("ab"), end, start), "ab"},
		{"an end in the middle", "abc", slices.Concat(b("ab"), []wire.Token{end, start}, b("c"), []wire.Token{end}), "ab<|im_end|><|im_start|>c"},
		{"half a character", "a\uFFFD", b("a\xe4\xbd"), "a\uFFFD"},
		{"half a character and its end", "a\uFFFD", append(b("a\xe4\xbd"), end), "a\uFFFD"},
		{"cut by a stop string", "a", b("ab"), "a"},
		{"cut in a token", "t", []wire.Token{given(p.tokenizer, 256)}, "t"},
		{"other tokens", "xyz", append(b("ab"), end), "xyz"},
		{"no text", "", []wire.Token{end, start}, ""},
	} {
		if got := p.spelled(c.text, c.tokens); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// What follows an answer that was stopped is the same, and the answer stays token by token,
// wherever that was: behind an end that it was told to go on from, or in the middle of a
// character; and whether it was stopped, or paused there.
func TestTurnBehindAStop(t *testing.T) {
	url := tiny(t, Options{}).serve(t)
	ends, halves := 0, 0
	for seed := range uint64(24) {
		set, more := params(400), params(8)
		set.Seed, set.Temperature, set.TopK, set.TopP = seed, 1.5, 0, 1
		set.LogitBias = []wire.Bias{{Token: 262, Bias: 3}}
		answer := func(stop bool) (first, all []wire.Token, said []wire.Message) {
			p := visit(t, url, "")
			defer p.close()
			p.send(&wire.Chat{Text: "Hello", Params: set, Paused: true})
			p.waitState(wire.StatePaused)
			have, n := len(p.ids()), 5+int(seed)
			p.send(&wire.Control{Op: wire.OpStep, Count: uint32(n)})
			p.wait("the first answer", func() bool { return len(p.know.Tokens()) == have+n && p.know.State().State == wire.StatePaused })
			if stop {
				p.send(control(wire.OpAbort))
				p.waitState(wire.StateAborted)
			}
			first = p.tokens()
			p.send(&wire.Chat{Text: "More", Params: more})
			p.wait("the second", func() bool { return len(p.know.Messages()) == 4 && p.know.State().State == wire.StateLengthCapped })
			return first, p.tokens(), p.messages()
		}
		first, stopped, said := answer(true)
		_, paused, saidPaused := answer(false)
		if !slices.Equal(ids(stopped), ids(paused)) {
			t.Errorf("seed %d: behind the stop\n%q, behind the pause\n%q", seed, text(stopped), text(paused))
		}
		if !slices.Equal(said, saidPaused) {
			t.Errorf("seed %d: after the stop the page has %v, after the pause %v", seed, said, saidPaused)
		}
		for len(first) > 0 && first[len(first)-1].ID == 262 {
			first = first[:len(first)-1]
		}
		if n := len(first); !slices.Equal(ids(stopped[:n]), ids(first)) {
			t.Errorf("seed %d: the answer\n%q has become\n%q", seed, text(first), text(stopped[:n]))
		}
		from := int(said[1].First)
		if slices.Contains(ids(first[from:]), 262) {
			ends++
		}
		if strings.HasSuffix(said[1].Text, "\uFFFD") {
			halves++
		}
	}
	if ends == 0 || halves == 0 {
		t.Errorf("%d answers have an end in their middle and %d end in a character's, want some", ends, halves)
	}
}
