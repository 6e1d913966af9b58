package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vitrine/engine/gguf"
)

// Load reads the template of a model: from a .gguf file's
// tokenizer.chat_template, or from a folder's chat_template.jinja or
// tokenizer_config.json. It returns [ErrNoTemplate] where there is none.
func Load(path string) (*Template, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	if info.IsDir() {
		return fromFolder(path)
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	defer f.Close()
	return FromGGUF(f)
}

// FromGGUF reads tokenizer.chat_template.
func FromGGUF(f *gguf.File) (*Template, error) {
	source, err := f.String("tokenizer.chat_template")
	if errors.Is(err, gguf.ErrMissing) {
		return nil, ErrNoTemplate
	}
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	return Parse(strings.Clone(source)) // the file's memory goes when it is closed
}

func fromFolder(folder string) (*Template, error) {
	source, err := os.ReadFile(filepath.Join(folder, "chat_template.jinja"))
	if err == nil {
		return Parse(string(source))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("chat: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(folder, "tokenizer_config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoTemplate
	}
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	return FromConfig(data)
}

// FromConfig reads chat_template of a tokenizer_config.json: a text, or a list
// of named ones of which "default" is taken.
func FromConfig(data []byte) (*Template, error) {
	var c struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("chat: tokenizer_config.json: %w", err)
	}
	if len(c.Template) == 0 || string(c.Template) == "null" {
		return nil, ErrNoTemplate
	}
	var source string
	if json.Unmarshal(c.Template, &source) == nil {
		return Parse(source)
	}
	var named []struct{ Name, Template string }
	if err := json.Unmarshal(c.Template, &named); err != nil {
		return nil, fmt.Errorf("chat: tokenizer_config.json: chat_template is neither a text nor a list of named ones")
	}
	for _, n := range named {
		if n.Name == "default" {
			return Parse(n.Template)
		}
	}
	return nil, fmt.Errorf("chat: tokenizer_config.json: chat_template names no default")
}
