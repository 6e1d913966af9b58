package load

import "vitrine/engine/chat"

// ChatTemplate reads the template that the model brings. The error is
// [chat.ErrNoTemplate] if it brings none.
func (m *Model) ChatTemplate() (*chat.Template, error) { return chat.Load(m.Path) }

// RenderChat writes a conversation in the model's template, up to the
// beginning of the assistant's answer.
func (m *Model) RenderChat(messages []chat.Message) (string, error) {
	template, err := m.ChatTemplate()
	if err != nil {
		return "", err
	}
	return m.Render(template, messages)
}

// Render is RenderChat with a template that has been read already.
func (m *Model) Render(template *chat.Template, messages []chat.Message) (string, error) {
	o := chat.Options{AddGenerationPrompt: true}
	if id, ok := m.Tokenizer.BOS(); ok {
		o.BOSToken = m.Tokenizer.Piece(id)
	}
	if id, ok := m.Tokenizer.EOS(); ok {
		o.EOSToken = m.Tokenizer.Piece(id)
	}
	return template.Render(messages, o)
}
