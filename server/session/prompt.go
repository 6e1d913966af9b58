package session

import (
	"fmt"
	"slices"
	"strings"

	"vitrine/engine/chat"
	"vitrine/engine/tokenizer"
	"vitrine/server/telling"
	"vitrine/visualizer/wire"
)

var roleNames = [...]string{wire.RoleSystem: "system", wire.RoleUser: "user", wire.RoleAssistant: "assistant"}

// prompter makes token sequences of conversations.
type prompter struct {
	tokenizer *tokenizer.Tokenizer
	template  *chat.Template // nil if the model brings none
}

// render writes the messages in the model's chat template.
func (p *prompter) render(messages []message, generation bool) (string, error) {
	list := make([]chat.Message, len(messages))
	for i, m := range messages {
		list[i] = chat.Message{Role: roleNames[m.role], Content: m.text}
	}
	o := chat.Options{AddGenerationPrompt: generation}
	if id, ok := p.tokenizer.BOS(); ok {
		o.BOSToken = p.tokenizer.Piece(id)
	}
	if id, ok := p.tokenizer.EOS(); ok {
		o.EOSToken = p.tokenizer.Piece(id)
	}
	text, err := p.template.Render(list, o)
	if err != nil {
		return "", &telling.BadField{Field: "text", Why: telling.From(fmt.Sprintf("the model's chat template does not take this conversation: %v", err), "told.template")}
	}
	return text, nil
}

// written is messages as the model wrote its own: with the special tokens that it drew in
// their middle, if it was told to go on behind them. Without these the next turn would
// begin with other tokens than those that stand there, and how many of them stayed would
// be a matter of where the answer was stopped.
func (p *prompter) written(messages []message, tokens []wire.Token) []message {
	messages = slices.Clone(messages)
	for i := range messages {
		if m := &messages[i]; m.role == wire.RoleAssistant && m.first <= len(tokens) {
			m.text = p.spelled(m.text, tokens[m.first:])
		}
	}
	return messages
}

// spelled is the text that tokens begin with, with the special tokens in its middle. A text
// that they do not begin with stays as it is: a stop string has ended it.
func (p *prompter) spelled(text string, tokens []wire.Token) string {
	stream, rest, n := p.tokenizer.NewStream(true), text, 0
	for ; n < len(tokens) && rest != ""; n++ {
		if rest == "\uFFFD" && p.tokenizer.IsSpecial(tokens[n].ID) {
			break // a character that was never whole
		}
		var ok bool
		if rest, ok = strings.CutPrefix(rest, stream.Push(tokens[n].ID)); !ok {
			return text
		}
	}
	if rest != stream.Flush() {
		return text
	}
	return p.tokenizer.Decode(ids(tokens[:n]), false)
}

// join makes the tokens of a rendered conversation so that as much as can be
// of what is there stays, token by token: its keys and values are in the
// cache, and a drawn token need not be the one that its text encodes to. It
// returns how many tokens of have stay and which ones follow.
func (p *prompter) join(have []wire.Token, rendered string) (keep int, add []int32, err error) {
	keep, rest := p.shared(have, rendered)
	if keep > 0 {
		add, err = p.encode(rest)
		if err != nil {
			return 0, nil, err
		}
		// A special token is never merged with its neighbours, so where one
		// stands the text can be cut without changing its tokens.
		if p.tokenizer.IsSpecial(have[keep-1].ID) || len(add) > 0 && p.tokenizer.IsSpecial(add[0]) {
			return keep, add, nil
		}
	}
	all, err := p.encode(rendered)
	if err != nil {
		return 0, nil, err
	}
	for keep = 0; keep < min(len(have), len(all)) && have[keep].ID == all[keep]; {
		keep++
	}
	return keep, all[keep:], nil
}

// shared is the number of tokens that spell the beginning of a text, and what
// of the text they leave.
func (p *prompter) shared(have []wire.Token, text string) (n int, rest string) {
	// Drawn bytes that are no characters stand as U+FFFD in a message's text,
	// so the whole is compared as it is decoded before token by token.
	if rest, ok := strings.CutPrefix(text, p.tokenizer.Decode(ids(have), false)); ok {
		return len(have), rest
	}
	for n < len(have) {
		cut, ok := strings.CutPrefix(text, string(have[n].Bytes))
		if !ok {
			break
		}
		text = cut
		n++
	}
	return n, text
}

func (p *prompter) encode(text string) ([]int32, error) {
	ids, err := p.tokenizer.Encode(text, tokenizer.EncodeOptions{ParseSpecial: true})
	if err != nil {
		return nil, &telling.BadField{Field: "text", Why: telling.From(err.Error(), "told.not_encoded")}
	}
	return ids, nil
}

// locate sets where in the tokens each message from the one numbered from on
// lies. A message's content is what changes in the rendering when the content
// does.
func (p *prompter) locate(messages []message, from int, tokens []wire.Token) error {
	at := make([]int, len(tokens)+1) // where each token begins in the text, and the end
	stream := p.tokenizer.NewStream(false)
	for i, t := range tokens {
		at[i+1] = at[i] + len(stream.Push(t.ID))
	}
	for i := from; i < len(messages); i++ {
		m := &messages[i]
		actual, err := p.render(messages[:i+1], false)
		if err != nil {
			return err
		}
		others := slices.Clone(messages[:i+1])
		others[i].text = different(m.text)
		changed, err := p.render(others, false)
		if err != nil {
			return err
		}
		begin := commonPrefix(actual, changed)
		end := max(begin, len(actual)-commonSuffix(actual, changed))
		m.first = tokenAt(at, begin)
		for m.first > 0 && at[m.first-1] == at[m.first] {
			m.first-- // the tokens before it are the beginning of the same character
		}
		m.end = m.first
		if end > begin {
			m.end = tokenAt(at, end-1) + 1
		}
	}
	return nil
}

// different is a letter that text neither begins nor ends with.
func different(text string) string {
	text = strings.TrimSpace(text)
	for _, letter := range []string{"x", "y", "z"} {
		if !strings.HasPrefix(text, letter) && !strings.HasSuffix(text, letter) {
			return letter
		}
	}
	return "" // not reached: a text begins with one letter and ends with one
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// tokenAt is the token that completes the character at a byte of the text: at
// holds the offsets of the tokens and, last, the end.
func tokenAt(at []int, offset int) int {
	lo, hi := 0, len(at)-1
	for lo < hi {
		mid := (lo + hi) / 2
		if at[mid+1] > offset {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return min(lo, max(len(at)-2, 0))
}
