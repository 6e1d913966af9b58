package tokenizer

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

// maxJSON is the largest tokenizer.json, in bytes, that Load reads; Gemma 3's has
// 33 MB.
const maxJSON = 256 << 20

// Load reads the tokenizer at path: a GGUF file, a tokenizer.json, or a folder that
// holds a tokenizer.json or one GGUF file. Beside a tokenizer.json it also reads,
// where they exist, tokenizer_config.json, generation_config.json and config.json
// for the tokens that begin and end a text.
func Load(path string) (*Tokenizer, error) {
	file, err := locate(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	isGGUF, err := beginsWith(file, "GGUF")
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if isGGUF {
		return loadGGUF(file)
	}
	if strings.EqualFold(filepath.Ext(file), ".gguf") {
		return nil, fmt.Errorf("tokenizer: %s: is no GGUF file: it does not begin with the letters GGUF", file)
	}
	data, err := readSmall(file, maxJSON)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := fromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", file, err)
	}
	if err := t.readConfigs(filepath.Dir(file)); err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

func loadGGUF(path string) (*Tokenizer, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	defer f.Close()
	t, err := fromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", path, err)
	}
	return t, nil
}

// locate returns path itself, or the file that holds a folder's tokenizer.
func locate(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, err
	}
	file := filepath.Join(path, "tokenizer.json")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	found, err := filepath.Glob(filepath.Join(filepath.Clean(path), "*.gguf"))
	if err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s holds no tokenizer.json and %d .gguf files: want the one or one of the other", path, len(found))
	}
	return found[0], nil
}

func beginsWith(path, magic string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, _ := f.Read(head) // a shorter or unreadable file shows when it is read whole
	return string(head[:n]) == magic, nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes: want at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

// tokenJSON is a token in a configuration: its content, or an object with it.
type tokenJSON string

// UnmarshalJSON reads either form; null is no token.
func (t *tokenJSON) UnmarshalJSON(data []byte) error {
	var object struct {
		Content string `json:"content"`
	}
	if len(data) > 0 && data[0] == '{' {
		err := json.Unmarshal(data, &object)
		*t = tokenJSON(object.Content)
		return err
	}
	return json.Unmarshal(data, (*string)(t))
}

// idsJSON is an id, a list of ids, or null.
type idsJSON []int64

// UnmarshalJSON reads any of the forms.
func (ids *idsJSON) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]int64)(ids))
	}
	var one *int64
	if err := json.Unmarshal(data, &one); err != nil || one == nil {
		return err
	}
	*ids = idsJSON{*one}
	return nil
}

// readConfigs reads what the files beside a tokenizer.json say about the tokens
// that begin and end a text.
func (t *Tokenizer) readConfigs(dir string) error {
	var tokens struct {
		BOS    tokenJSON `json:"bos_token"`
		EOS    tokenJSON `json:"eos_token"`
		AddBOS bool      `json:"add_bos_token"`
		AddEOS bool      `json:"add_eos_token"`
	}
	if err := readConfig(dir, "tokenizer_config.json", &tokens); err != nil {
		return err
	}
	if id, ok := t.vocab.ids[string(tokens.BOS)]; ok {
		t.bos = id
		if tokens.AddBOS && len(t.prefix) == 0 {
			t.prefix = []int32{id}
		}
	}
	if id, ok := t.vocab.ids[string(tokens.EOS)]; ok {
		t.eos = id
		t.addEnds(id)
		if tokens.AddEOS && len(t.suffix) == 0 {
			t.suffix = []int32{id}
		}
	}
	for _, name := range []string{"generation_config.json", "config.json"} {
		var model struct {
			EOS idsJSON `json:"eos_token_id"`
		}
		if err := readConfig(dir, name, &model); err != nil {
			return err
		}
		for _, id := range model.EOS {
			if id == int64(int32(id)) && t.vocab.has(int32(id)) {
				t.addEnds(int32(id))
			}
		}
	}
	return nil
}

// readConfig reads a configuration file if it exists.
func readConfig(dir, name string, into any) error {
	path := filepath.Join(dir, name)
	data, err := readSmall(path, maxJSON)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
