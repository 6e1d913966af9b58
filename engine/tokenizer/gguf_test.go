package tokenizer

import (
	"bytes"
	"testing"

	"vitrine/engine/gguf"
)

// asGGUF writes a byte-level tokenizer's vocabulary and merges as GGUF does.
func asGGUF(t *testing.T, tok *Tokenizer, pre string) *Tokenizer {
	t.Helper()
	types := make([]int32, len(tok.vocab.kinds))
	for id, k := range tok.vocab.kinds {
		types[id] = int32(k)
	}
	ranks := tok.model.(*bpe).merges.(rankedMerges)
	merges := make([]string, len(ranks))
	for p, m := range ranks {
		merges[m.rank] = tok.Piece(int32(p>>32)) + " " + tok.Piece(int32(uint32(p)))
	}
	var b bytes.Buffer
	err := gguf.Write(&b, []gguf.KV{
		gguf.NewKV("tokenizer.ggml.model", "gpt2"),
		gguf.NewKV("tokenizer.ggml.pre", pre),
		gguf.NewKV("tokenizer.ggml.tokens", tok.vocab.pieces),
		gguf.NewKV("tokenizer.ggml.token_type", types),
		gguf.NewKV("tokenizer.ggml.merges", merges),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	converted, err := FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	return converted
}

// A tokenizer gives the same ids from GGUF, where its pre-tokenizer is but a name.
func TestPreTokenizersByName(t *testing.T) {
	for _, c := range []struct{ pre, name string }{
		{"gpt-2", "gpt2"}, {"llama-bpe", "llama3"}, {"qwen2", "qwen3"}, {"tekken", "mistral_nemo"}, {"deepseek-v3", "deepseek_v3"},
	} {
		t.Run(c.pre, func(t *testing.T) {
			compare(t, asGGUF(t, load(t, c.name+".json"), c.pre), c.name+".want.json")
		})
	}
}

// llama.cpp's default cuts off runs of punctuation and every three digits.
func TestDefaultPreTokenizer(t *testing.T) {
	tok := asGGUF(t, load(t, "gpt2.json"), "default")
	trace, err := tok.Trace("x+=12345 a.b")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"x", "+=", "123", "45", " a", ".", "b"}
	if len(trace.PreTokens) != len(want) {
		t.Fatalf("%d words, want %q", len(trace.PreTokens), want)
	}
	for i, p := range trace.PreTokens {
		if got := trace.Normalized[p.Start:p.End]; got != want[i] {
			t.Errorf("word %d is %q, want %q", i, got, want[i])
		}
	}
}
