package openai

import (
	"encoding/json"
	"fmt"

	"vitrine/engine/chat"
	"vitrine/engine/tokenizer"
)

// takePrompts takes prompt: a text, a list of texts, token ids, or a list of
// lists of them.
func (r *request) takePrompts(o *object, t *tokenizer.Tokenizer) {
	addSpecial := true
	take(o, "add_special_tokens", &addSpecial, "true or false")
	raw, ok := o.raw("prompt")
	if !ok {
		o.fail("prompt", "is missing: want a text, a list of texts, token ids, or a list of lists of them")
		return
	}
	var (
		text  string
		texts []*string
		ids   []*int32
		lists [][]*int32
	)
	switch {
	case json.Unmarshal(raw, &text) == nil:
		texts = []*string{&text}
	case json.Unmarshal(raw, &texts) == nil:
	case json.Unmarshal(raw, &ids) == nil:
		texts, lists = nil, [][]*int32{ids}
	case json.Unmarshal(raw, &lists) == nil:
		texts = nil
	default:
		o.fail("prompt", "got %s, want a text, a list of texts, token ids, or a list of lists of them", excerpt(raw))
		return
	}
	if n := max(len(texts), len(lists)); n == 0 || n > maxPrompts {
		o.fail("prompt", "is a list of %d, want 1 to %d prompts", n, maxPrompts)
		return
	}
	for i, text := range texts {
		place := fmt.Sprintf("prompt[%d]", i)
		if len(texts) == 1 {
			place = "prompt"
		}
		if text == nil {
			o.fail(place, "got null, want a text")
			return
		}
		ids, err := t.Encode(*text, tokenizer.EncodeOptions{AddSpecial: addSpecial, ParseSpecial: true})
		if err != nil {
			o.fail(place, "%v", err)
			return
		}
		r.prompts = append(r.prompts, prompt{ids: ids, text: *text})
	}
	for i, list := range lists {
		p := prompt{isID: true, ids: make([]int32, len(list))}
		for j, id := range list {
			if id == nil {
				o.fail("prompt", "has null at %d, want a token id", j)
				return
			}
			p.ids[j] = *id
		}
		lists[i] = nil
		r.prompts = append(r.prompts, p)
	}
	for _, p := range r.prompts {
		if len(p.ids) == 0 {
			o.fail("prompt", "is empty, want at least one token")
		}
	}
}

// conversation is what a chat is rendered from.
type conversation struct {
	messages      []chat.Message
	addGeneration bool
	addSpecial    bool
}

// takeConversation takes messages and how they are rendered.
func takeConversation(o *object) conversation {
	c := conversation{addGeneration: true}
	take(o, "add_generation_prompt", &c.addGeneration, "true or false")
	take(o, "add_special_tokens", &c.addSpecial, "true or false")
	goOn := false
	if take(o, "continue_final_message", &goOn, "true or false"); goOn {
		o.fail("continue_final_message", "got true, want false: send the rendered text to /v1/completions")
	}
	var raws []json.RawMessage
	list(o, "messages", &raws, maxMessages, "messages")
	if len(raws) == 0 {
		o.fail("messages", "want a list of at least one message")
	}
	for i, raw := range raws {
		m := parseObject(raw, fmt.Sprintf("messages[%d]", i))
		message := takeMessage(m)
		if err := m.finish(); err != nil && o.err == nil {
			o.err = err
		}
		c.messages = append(c.messages, message)
	}
	return c
}

// takeMessage takes a message's role and content.
func takeMessage(m *object) chat.Message {
	var message chat.Message
	take(m, "role", &message.Role, "a text")
	switch message.Role {
	case "system", "user", "assistant":
	case "developer": // OpenAI's newer word for what models were taught to call system
		message.Role = "system"
	default:
		m.fail("role", "got %q, want system, developer, user or assistant", excerpt([]byte(message.Role)))
	}
	raw, ok := m.raw("content")
	if !ok {
		m.fail("content", "is missing: want a text or a list of parts of type text")
		return message
	}
	if json.Unmarshal(raw, &message.Content) == nil {
		return message
	}
	m.fields["content"] = raw
	var parts []json.RawMessage
	list(m, "content", &parts, maxMessages, "parts of type text")
	for i, raw := range parts {
		p := parseObject(raw, m.name(fmt.Sprintf("content[%d]", i)))
		var kind, text string
		if take(p, "type", &kind, "a text"); kind != "text" {
			p.fail("type", "got %q, want text: this model reads nothing else", excerpt([]byte(kind)))
		}
		if !take(p, "text", &text, "a text") {
			p.fail("text", "is missing")
		}
		if err := p.finish(); err != nil && m.err == nil {
			m.err = err
		}
		message.Content += text
	}
	return message
}

// render writes a conversation in the model's chat template and makes tokens
// of it.
func (m *Model) render(c conversation) (prompt, *Error) {
	if m.Template == nil {
		return prompt{}, badField("messages", "this model brings no chat template; use /v1/completions")
	}
	t := m.Engine.Tokenizer()
	options := chat.Options{AddGenerationPrompt: c.addGeneration}
	if id, ok := t.BOS(); ok {
		options.BOSToken = t.Piece(id)
	}
	if id, ok := t.EOS(); ok {
		options.EOSToken = t.Piece(id)
	}
	text, err := m.Template.Render(c.messages, options)
	if err != nil {
		return prompt{}, badField("messages", "the model's chat template does not take this conversation: %v", err)
	}
	// The template writes the beginning of the sequence itself.
	ids, err := t.Encode(text, tokenizer.EncodeOptions{AddSpecial: c.addSpecial, ParseSpecial: true})
	if err != nil {
		return prompt{}, badField("messages", "%v", err)
	}
	return prompt{ids: ids, text: text}, nil
}
