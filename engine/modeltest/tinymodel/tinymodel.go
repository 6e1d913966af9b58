// Package tinymodel makes a complete model of 230,000 random weights for tests
// that need a model but not its sense: the weights of engine/model's Llama
// testdata, whose logits are known, and a byte-level tokenizer of 320 tokens.
package tinymodel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Tokens of the vocabulary that are more than one byte of text.
const (
	BOS     = 1   // "<s>"
	EOS     = 2   // "</s>"
	He      = 259 // "he"
	The     = 260 // "the"
	SpaceOf = 262 // " of"
)

// firstByte is the token of the byte 0; the others follow in order.
const firstByte = 3

// Byte returns the token of a single byte.
func Byte(b byte) int32 { return firstByte + int32(b) }

// template is a chat template of the least that there is to one.
const template = `{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}`

// Folder makes the model in a temporary folder in Hugging Face's layout and
// returns it.
func Folder(t testing.TB) string {
	t.Helper()
	dir, from := t.TempDir(), Source(t)
	for _, name := range []string{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"} {
		body, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), body)
	}
	putJSON(t, filepath.Join(dir, "tokenizer.json"), tokenizer())
	putJSON(t, filepath.Join(dir, "tokenizer_config.json"), map[string]any{
		"bos_token": "<s>", "eos_token": "</s>", "chat_template": template,
	})
	return dir
}

// Source is the folder of the weights in the source tree, with the ids of
// inputs.json and what transformers computes of them in expected.safetensors.
func Source(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		testdata := filepath.Join(dir, "engine", "model", "testdata", "llama")
		if _, err := os.Stat(testdata); err == nil {
			return testdata
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("engine/model/testdata/llama is not above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// tokenizer is a tokenizer.json: byte-level BPE with four merges.
func tokenizer() map[string]any {
	vocab := map[string]int32{"<unk>": 0, "<s>": BOS, "</s>": EOS, "he": He, "the": The, "of": 261, "Ġof": SpaceOf}
	for b, letter := range byteLetters() {
		vocab[string(letter)] = Byte(byte(b))
	}
	special := func(id int, content string) map[string]any {
		return map[string]any{"id": id, "content": content, "special": true, "normalized": false, "single_word": false, "lstrip": false, "rstrip": false}
	}
	return map[string]any{
		"version":       "1.0",
		"added_tokens":  []any{special(0, "<unk>"), special(BOS, "<s>"), special(EOS, "</s>")},
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel"},
		"model": map[string]any{
			"type": "BPE", "vocab": vocab, "merges": []string{"h e", "t he", "o f", "Ġ of"},
		},
	}
}

// byteLetters gives each byte the printable letter that byte-level BPE writes
// it with (GPT-2's bytes_to_unicode).
func byteLetters() [256]rune {
	var letters [256]rune
	next := rune(256)
	for b := range letters {
		if '!' <= b && b <= '~' || '¡' <= b && b <= '¬' || '®' <= b {
			letters[b] = rune(b)
		} else {
			letters[b] = next
			next++
		}
	}
	return letters
}

func putJSON(t testing.TB, name string, v any) {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	put(t, name, body)
}

func put(t testing.TB, name string, body []byte) {
	t.Helper()
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
}
