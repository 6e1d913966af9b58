package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vitrine/engine/modeltest"
)

// testdata/subset.py says where these files come from.

// want is what the reference makes of one of the texts.
type want struct {
	IDs     []int32 `json:"ids"`
	Decoded *string `json:"decoded"` // where it is not the text
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func texts(t testing.TB) []string {
	t.Helper()
	var list []string
	readJSON(t, "texts.json", &list)
	return list
}

func load(t testing.TB, name string) *Tokenizer {
	t.Helper()
	tok, err := Load(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

var files = []string{
	"deepseek_v3.json", "gemma.gguf", "gemma3.json", "gpt2.json", "llama2.json", "llama3.json", "minilm.json",
	"mistral_nemo.json", "qwen3.json", "smollm2.gguf",
}

func TestReferenceIDs(t *testing.T) {
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			name := file[:len(file)-len(filepath.Ext(file))]
			compare(t, load(t, file), name+".want.json")
		})
	}
}

func TestReferenceIDsOfTheRealModel(t *testing.T) {
	tok, err := Load(modeltest.SmolLM2(t))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, tok, "smollm2-135m.want.json")
	if got := tok.VocabSize(); got != 49152 {
		t.Errorf("VocabSize() = %d, want 49152", got)
	}
}

func compare(t *testing.T, tok *Tokenizer, wants string) {
	t.Helper()
	var list []want
	readJSON(t, wants, &list)
	all := texts(t)
	if len(list) != len(all) {
		t.Fatalf("%s has %d lines for %d texts", wants, len(list), len(all))
	}
	for i, text := range all {
		ids, err := tok.Encode(text, EncodeOptions{ParseSpecial: true})
		if err != nil {
			t.Errorf("Encode(%+q): %v", text, err)
			continue
		}
		if !slices.Equal(ids, list[i].IDs) {
			t.Errorf("Encode(%+q)\n got %v\nwant %v", text, ids, list[i].IDs)
		}
		decoded := text
		if list[i].Decoded != nil {
			decoded = *list[i].Decoded
		}
		if got := tok.Decode(list[i].IDs, false); got != decoded {
			t.Errorf("Decode of %+q = %+q, want %+q", text, got, decoded)
		}
	}
}
