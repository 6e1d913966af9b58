// Package chat writes a conversation the way a model was taught to read it:
// chat templates, which are Jinja, as transformers renders them.
//
// A template comes from a model file, and a model file may come from anyone.
// So a template may read nothing but the conversation, and its length, its
// time, the turns of its loops, its values and its output are bounded: see
// secure. What cannot be bounded, and no model's template is known to use, is
// refused by Parse: the operators * and **, the statements include, import,
// extends, block, call, filter and raw, recursive loops, joiner and cycler, and
// the methods insert and format.
package chat

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/ardanlabs/jinja"
)

// ErrNoTemplate says that a model brings no chat template: a base model, that
// continues text and was not taught to chat.
var ErrNoTemplate = errors.New("chat: the model brings no chat template")

// Message is one message of a conversation.
type Message struct {
	Role    string // "system", "user", "assistant"
	Content string
}

// Options say how a conversation is rendered.
type Options struct {
	// AddGenerationPrompt ends with the beginning of the assistant's answer.
	AddGenerationPrompt bool
	// BOSToken and EOSToken are the spellings of the tokens that begin and
	// end a text, for templates that write them.
	BOSToken, EOSToken string
	// Now is the time for templates that tell the date; time.Now if nil.
	Now func() time.Time
}

// Template is a parsed chat template. It may be used by several goroutines.
type Template struct {
	source   string
	program  *program
	compiled *jinja.Template
}

// Parse reads a template. Its error says where the template is wrong.
func Parse(source string) (t *Template, err error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("chat: the template has %d bytes, want at most %d", len(source), maxTemplate)
	}
	defer recovered("parse the template", &err)
	p, err := secure(source)
	if err != nil {
		return nil, fmt.Errorf("chat: template: %w", shortened(err))
	}
	compiled, err := jinja.Compile(p.source)
	if err != nil {
		return nil, fmt.Errorf("chat: template: %w", shortened(err))
	}
	return &Template{source, p, compiled}, nil
}

// Source is the template's text.
func (t *Template) Source() string { return t.source }

// Render writes the conversation. A template may refuse one, for instance
// because two messages of the user follow each other; the error says so in
// the template's own words.
func (t *Template) Render(messages []Message, o Options) (text string, err error) {
	defer recovered("render the conversation", &err)
	now := o.Now
	if now == nil {
		now = time.Now
	}
	list := make([]jinja.Value, len(messages))
	for i, m := range messages {
		message := jinja.NewDict()
		message.AsDict().Set("role", jinja.NewString(m.Role))
		message.AsDict().Set("content", jinja.NewString(m.Content))
		list[i] = message
	}
	b, err := newBudget(t.program, messages)
	if err != nil {
		return "", err
	}
	var refusal error
	data := b.functions()
	maps.Copy(data, map[string]jinja.Value{
		"messages":              jinja.NewList(list),
		"add_generation_prompt": jinja.NewBool(o.AddGenerationPrompt),
		"bos_token":             jinja.NewString(o.BOSToken),
		"eos_token":             jinja.NewString(o.EOSToken),
		"raise_exception": jinja.NewCallable("raise_exception", func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			reason := "no reason given"
			if len(args) > 0 && args[0].IsString() {
				reason = args[0].AsString()
			}
			refusal = fmt.Errorf("chat: the template refuses the conversation: %s", reason)
			return jinja.Undefined(), refusal
		}),
		"strftime_now": jinja.NewCallable("strftime_now", func(args []jinja.Value, _ map[string]jinja.Value) (jinja.Value, error) {
			if len(args) != 1 || !args[0].IsString() {
				return jinja.Undefined(), errors.New("strftime_now: want one argument, a format")
			}
			return jinja.NewString(strftime(now(), args[0].AsString())), nil
		}),
	})
	text, err = t.compiled.RenderValues(data)
	switch {
	case refusal != nil:
		return "", refusal
	case err != nil:
		return "", fmt.Errorf("chat: template: %w", shortened(err))
	}
	return text, nil
}

// recovered turns a panic of the library into an error.
func recovered(what string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("chat: could not %s: %v", what, p)
	}
}

// shortened keeps an error readable that quotes the whole template.
func shortened(err error) error {
	const most = 400
	text := err.Error()
	if len(text) <= most {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:most/4], "") + " … " + strings.ToValidUTF8(text[len(text)-most*3/4:], ""))
}
