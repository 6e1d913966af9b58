package tokenizer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder writes files into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const plain = `{"model": {"type":"BPE","vocab":{"a":0,"b":1,"<e>":2,"<b>":3,"<t>":4},"merges":[]},
	"added_tokens": [{"id":2,"content":"<e>","special":true},{"id":3,"content":"<b>","special":true},{"id":4,"content":"<t>","special":true}]}`

func TestLoadReadsWhatStandsBesideTheTokenizer(t *testing.T) {
	for _, c := range []struct {
		files     map[string]string
		bos, eos  int32
		ends, ids []int32 // ids of "a" with special tokens
	}{
		{nil, noID, noID, nil, []int32{0}},
		{map[string]string{"tokenizer_config.json": `{"bos_token":"<b>","eos_token":{"content":"<e>"},"add_bos_token":true}`},
			3, 2, []int32{2}, []int32{3, 0}},
		{map[string]string{"tokenizer_config.json": `{"bos_token":null,"eos_token":"<e>","add_eos_token":true}`},
			noID, 2, []int32{2}, []int32{0, 2}},
		{map[string]string{"generation_config.json": `{"eos_token_id":[2,4,99]}`, "config.json": `{"eos_token_id":null}`},
			noID, noID, []int32{2, 4}, []int32{0}},
		{map[string]string{"config.json": `{"eos_token_id":4}`}, noID, noID, []int32{4}, []int32{0}},
	} {
		files := map[string]string{"tokenizer.json": plain}
		for name, data := range c.files {
			files[name] = data
		}
		dir := folder(t, files)
		for _, path := range []string{dir, filepath.Join(dir, "tokenizer.json")} {
			tok, err := Load(path)
			if err != nil {
				t.Errorf("%v: %v", c.files, err)
				continue
			}
			ids, err := tok.Encode("a", EncodeOptions{AddSpecial: true})
			if err != nil || tok.bos != c.bos || tok.eos != c.eos || !slices.Equal(tok.EOSIDs(), c.ends) || !slices.Equal(ids, c.ids) {
				t.Errorf("%v: bos %d, eos %d, ends %v, ids %v (%v); want %d, %d, %v, %v",
					c.files, tok.bos, tok.eos, tok.EOSIDs(), ids, err, c.bos, c.eos, c.ends, c.ids)
			}
		}
	}
}

func TestLoadFromFolderWithGGUF(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "smollm2.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"model.gguf": string(data)})
	if _, err := Load(dir); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other.gguf"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "2 .gguf files") {
		t.Errorf("two models: %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{}, "holds no tokenizer.json and 0 .gguf files"},
		{map[string]string{"tokenizer.json": ""}, "tokenizer.json: unexpected end"},
		{map[string]string{"tokenizer.json": "GGUF"}, "gguf"},
		{map[string]string{"m.gguf": ""}, "m.gguf: is no GGUF file"},
		{map[string]string{"m.gguf": plain}, "m.gguf: is no GGUF file"},
		{map[string]string{"tokenizer.json": plain, "tokenizer_config.json": "{"}, "tokenizer_config.json"},
		{map[string]string{"tokenizer.json": plain, "config.json": `{"eos_token_id":"x"}`}, "config.json"},
	} {
		if _, err := Load(folder(t, c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.files, err, c.want)
		}
	}
}
