package main

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"vitrine/engine/chat"
	"vitrine/engine/load"
	"vitrine/engine/tokenizer"
)

// promptFlags say what the model is given: exactly one of a text, a chat
// message and token ids.
type promptFlags struct {
	prompt, chat, system string
	ids                  []int32
	flags                *pflag.FlagSet
}

func (p *promptFlags) add(flags *pflag.FlagSet) {
	p.flags = flags
	flags.StringVar(&p.prompt, "prompt", "", "a text to continue; - reads it from standard input")
	flags.StringVar(&p.chat, "chat", "", "a message to answer, put into the model's chat template; - reads it from standard input")
	flags.StringVar(&p.system, "system", "", "the system message that goes before --chat")
	flags.Int32SliceVar(&p.ids, "ids", nil, "token ids to continue, e.g. 1,2,3")
}

// check says whether the flags fit together.
func (p *promptFlags) check() error {
	given := 0
	for _, name := range []string{"prompt", "chat", "ids"} {
		if p.flags.Changed(name) {
			given++
		}
	}
	switch {
	case given != 1:
		return usagef("want exactly one of --prompt, --chat and --ids, got %d", given)
	case p.flags.Changed("system") && !p.flags.Changed("chat"):
		return usagef("--system goes with --chat only")
	}
	return nil
}

// tokens returns the prompt's token ids.
func (p *promptFlags) tokens(in io.Reader, m *load.Model) ([]int32, error) {
	switch {
	case p.flags.Changed("ids"):
		return p.ids, nil
	case p.flags.Changed("chat"):
		return p.chatTokens(in, m)
	}
	text, err := textOrInput("prompt", p.prompt, in)
	if err != nil {
		return nil, err
	}
	ids, err := m.Tokenizer.Encode(text, tokenizer.EncodeOptions{AddSpecial: true, ParseSpecial: true})
	if err != nil {
		return nil, usagef("--prompt: %v", err)
	}
	if len(ids) == 0 {
		return nil, usagef("--prompt: got an empty text, want at least one token")
	}
	return ids, nil
}

func (p *promptFlags) chatTokens(in io.Reader, m *load.Model) ([]int32, error) {
	text, err := textOrInput("chat", p.chat, in)
	if err != nil {
		return nil, err
	}
	// A template may cut and join what it is given, so half a character would
	// go who knows where; and the place in the user's own text says more.
	if err := checkUTF8("chat", text); err != nil {
		return nil, err
	}
	if err := checkUTF8("system", p.system); err != nil {
		return nil, err
	}
	var messages []chat.Message
	if p.flags.Changed("system") {
		messages = append(messages, chat.Message{Role: "system", Content: p.system})
	}
	messages = append(messages, chat.Message{Role: "user", Content: text})
	rendered, err := m.RenderChat(messages)
	if errors.Is(err, chat.ErrNoTemplate) {
		return nil, usagef("--chat: %w; give the whole text with --prompt", err)
	}
	if err != nil {
		return nil, fmt.Errorf("--chat: %w", err)
	}
	// The template writes the beginning of the sequence itself.
	ids, err := m.Tokenizer.Encode(rendered, tokenizer.EncodeOptions{ParseSpecial: true})
	if err != nil {
		return nil, usagef("--chat: %v", err)
	}
	return ids, nil
}

// checkUTF8 refuses text that is not UTF-8 and says where.
func checkUTF8(flag, text string) error {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			return usagef("--%s: byte %d (%#02x) is not valid UTF-8", flag, i, text[i])
		}
		i += size
	}
	return nil
}

// maxInput bounds a prompt from standard input: far more than any model's
// context, far less than the memory.
const maxInput = 64 << 20

// textOrInput returns the flag's text, or standard input for "-".
func textOrInput(flag, text string, in io.Reader) (string, error) {
	if text != "-" {
		return text, nil
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("--%s -: %w", flag, err)
	}
	if len(b) > maxInput {
		return "", errors.New("--" + flag + " -: standard input is longer than 64 MiB")
	}
	return string(b), nil
}
