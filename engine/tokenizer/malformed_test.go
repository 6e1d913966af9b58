package tokenizer

import (
	"bytes"
	"math"
	"runtime"
	"strings"
	"testing"

	"vitrine/engine/gguf"
)

// Each error names the field that is wrong.
func TestMalformedJSON(t *testing.T) {
	const model = `"model": {"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}`
	with := func(component string) string { return `{` + component + `, ` + model + `}` }
	nested := strings.Repeat(`{"type":"Sequence","pretokenizers":[`, 12) + strings.Repeat(`]}`, 12)
	for _, c := range []struct{ data, want string }{
		{``, "unexpected end"},
		{`[]`, "cannot unmarshal array"},
		{`{}`, "model: missing"},
		{`{"model": null}`, "model: missing"},
		{`{"model": 7}`, "model: "},
		{`{"model": {"type":"Unigram","vocab":[["a",-1.5]]}}`, `model.type: "Unigram" is not supported: want one of BPE, WordPiece`},
		{`{"model": {"type":"BPE"}}`, "model.vocab: missing or empty"},
		{`{"model": {"type":"BPE","vocab":{"a":-1}}}`, "model.vocab: id -1 of piece"},
		{`{"model": {"type":"BPE","vocab":{"a":2000000000}}}`, "model.vocab: id 2000000000 of piece"},
		{`{"model": {"type":"BPE","vocab":{"a":1.5}}}`, "model: "},
		{`{"model": {"type":"BPE","vocab":{"a":0,"b":0}}}`, "share the id 0"},
		{`{"model": {"type":"BPE","vocab":{"a":0},"merges":["a b"]}}`, `model.merges[0]: piece "b" of the pair is not in the vocabulary`},
		{`{"model": {"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}}`, `model.merges[0]: the result "ab"`},
		{`{"model": {"type":"BPE","vocab":{"a":0},"merges":["ab"]}}`, `merges[0]: "ab": want two pieces`},
		{`{"model": {"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}`, "merges[0]: 1 pieces: want 2"},
		{`{"model": {"type":"BPE","vocab":{"a":0},"dropout":0.1}}`, "model.dropout: 0.1"},
		{`{"model": {"type":"BPE","vocab":{"a":0},"end_of_word_suffix":"</w>"}}`, "model.end_of_word_suffix"},
		{`{"model": {"type":"BPE","vocab":{"a":0},"continuing_subword_prefix":"##"}}`, "model.continuing_subword_prefix"},
		{`{"model": {"type":"BPE","vocab":{"a":0},"unk_token":"u"}}`, `model.unk_token: "u" is not in the vocabulary`},
		{`{"model": {"type":"WordPiece","vocab":{"a":0}}}`, `model.unk_token: "[UNK]" is not`},
		{`{"model": {"type":"WordPiece","vocab":{"[UNK]":0},"max_input_chars_per_word":0}}`, "model.max_input_chars_per_word: 0"},
		{`{"pre_tokenizer":{"type":"ByteLevel"},"model": {"type":"WordPiece","vocab":{"[UNK]":0}}}`, "model.type: WordPiece with a ByteLevel"},
		{with(`"normalizer": {"type":"Precompiled"}`), `normalizer.type: "Precompiled" is not supported`},
		{with(`"normalizer": {"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"X"}]}`), `normalizer.normalizers[1].type: "X"`},
		{with(`"normalizer": {"type":"Replace","pattern":{"Regex":"("},"content":""}`), "normalizer.pattern.Regex: pattern"},
		{with(`"normalizer": {"type":"Replace","pattern":{},"content":""}`), "normalizer.pattern: want"},
		{with(`"normalizer": {"type":"Prepend","prepend":3}`), "normalizer: "},
		{with(`"normalizer": 3`), "normalizer: "},
		{with(`"pre_tokenizer": {"type":"UnicodeScripts"}`), `pre_tokenizer.type: "UnicodeScripts"`},
		{with(`"pre_tokenizer": {"type":"Split","pattern":{"String":""},"behavior":"Isolated"}`), "pre_tokenizer.pattern: want"},
		{with(`"pre_tokenizer": {"type":"Split","pattern":{"String":"a"},"behavior":"X"}`), `behavior: "X" is not supported`},
		{with(`"pre_tokenizer": {"type":"Metaspace","prepend_scheme":"x"}`), `pre_tokenizer.prepend_scheme: "x"`},
		{with(`"pre_tokenizer": {"type":"Metaspace","replacement":""}`), "pre_tokenizer.replacement"},
		{with(`"pre_tokenizer": {"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Digits"}]}`),
			`pre_tokenizer.pretokenizers[1].type: "Digits" after ByteLevel`},
		{with(`"pre_tokenizer": ` + nested), "sequences nest too deep"},
		{with(`"decoder": {"type":"CTC"}`), `decoder.type: "CTC"`},
		{with(`"decoder": {"type":"Strip","content":" ","start":0,"stop":1}`), "decoder.stop: 1"},
		{with(`"decoder": {"type":"Strip","content":"","start":1,"stop":0}`), "decoder.content"},
		{with(`"decoder": {"type":"Strip","content":" ","start":-1,"stop":0}`), "decoder.start: -1"},
		{with(`"decoder": {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"Regex":"a"},"content":""}]}`), "decoder.decoders[0].pattern"},
		{with(`"post_processor": {"type":"X"}`), `post_processor.type: "X"`},
		{with(`"post_processor": {"type":"TemplateProcessing","single":[]}`), "post_processor.single: the Sequence A is missing"},
		{with(`"post_processor": {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}]}`), "post_processor.single[0].SpecialToken.id"},
		{with(`"post_processor": {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"special_tokens":{"<s>":{"ids":[9]}}}`),
			`post_processor.special_tokens["<s>"].ids: 9 is not`},
		{with(`"post_processor": {"type":"BertProcessing","sep":["x",9],"cls":["y",0]}`), "post_processor.sep[1]: 9"},
		{with(`"post_processor": {"type":"Sequence","processors":[{"type":"Y"}]}`), `post_processor.processors[0].type: "Y"`},
		{with(`"added_tokens": [{"id":5,"content":""}]`), "has no content"},
		{with(`"added_tokens": [{"id":-5,"content":"x"}]`), "added_tokens[0].id: id -5"},
		{with(`"added_tokens": [{"id":1,"content":"x"}]`), "added_tokens[0].id: pieces"},
		{with(`"added_tokens": [{"id":7,"content":"a"}]`), `added_tokens[0].id: 7, but "a" is piece 0`},
		{with(`"added_tokens": [{"id":7,"content":"` + strings.Repeat("x", 2000) + `"}]`), "2000 bytes long"},
		{with(`"normalizer":{"type":"Strip"}, "added_tokens": [{"id":7,"content":" ","normalized":true}]`), "added_tokens[0].content"},
	} {
		tok, err := FromJSON([]byte(c.data))
		if err == nil {
			t.Errorf("%.150s: loaded, want an error with %q", c.data, c.want)
		} else if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "tokenizer.json: ") {
			t.Errorf("%.150s\n got %v\nwant %s", c.data, err, c.want)
		} else if tok != nil {
			t.Errorf("%.150s: a tokenizer beside the error", c.data)
		}
	}
}

// tinyGGUF is a valid file's metadata, by key, for tests to spoil.
func tinyGGUF(kind string) map[string]gguf.KV {
	kvs := []gguf.KV{
		gguf.NewKV("tokenizer.ggml.model", kind),
		gguf.NewKV("tokenizer.ggml.tokens", []string{"<s>", "a", "b", "ab", "▁"}),
		gguf.NewKV("tokenizer.ggml.token_type", []int32{3, 1, 1, 1, 1}),
		gguf.NewKV("tokenizer.ggml.merges", []string{"a b"}),
		gguf.NewKV("tokenizer.ggml.scores", []float32{0, -2, -3, -1, -4}),
		gguf.NewKV("tokenizer.ggml.bos_token_id", uint32(0)),
	}
	m := map[string]gguf.KV{}
	for _, kv := range kvs {
		m[kv.Key] = kv
	}
	return m
}

func parseGGUF(t *testing.T, m map[string]gguf.KV) (*Tokenizer, error) {
	t.Helper()
	var kvs []gguf.KV
	for _, kv := range m {
		kvs = append(kvs, kv)
	}
	var b bytes.Buffer
	if err := gguf.Write(&b, kvs, nil); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return FromGGUF(f)
}

func TestTinyGGUF(t *testing.T) {
	for kind, want := range map[string][]int32{"gpt2": {3}, "llama": {4, 3}} {
		tok, err := parseGGUF(t, tinyGGUF(kind))
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		ids, err := tok.Encode("ab", EncodeOptions{})
		if err != nil || len(ids) != len(want) || ids[len(ids)-1] != 3 {
			t.Errorf("%s: ids %v (%v), want %v", kind, ids, err, want)
		}
		if got := tok.Decode(ids, false); got != "ab" {
			t.Errorf("%s: Decode = %q", kind, got)
		}
	}
}

func TestMalformedGGUF(t *testing.T) {
	const key = "tokenizer.ggml."
	nan := float32(math.NaN())
	for _, c := range []struct {
		kind, drop string
		put        []gguf.KV
		want       string
	}{
		{"gpt2", key + "model", nil, `"tokenizer.ggml.model"`},
		{"t5", "", nil, `tokenizer.ggml.model: "t5" is not supported: want gpt2 or llama`},
		{"gpt2", key + "tokens", nil, `"tokenizer.ggml.tokens"`},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"tokens", []string{})}, "tokenizer.ggml.tokens: 0 pieces"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"tokens", []int32{1})}, "tokenizer.ggml.tokens"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"token_type", []int32{1})}, "tokenizer.ggml.token_type: 1 types for 5 pieces"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"token_type", []int32{1, 1, 1, 1, 9})}, "tokenizer.ggml.token_type[4]: 9"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"token_type", []int32{1, 1, 1, 1, -1})}, "tokenizer.ggml.token_type[4]: -1"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"pre", "nonsense")}, `tokenizer.ggml.pre: "nonsense" is not supported: want one of deepseek-v3, default`},
		{"gpt2", key + "merges", nil, `"tokenizer.ggml.merges"`},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"merges", []string{"a b", "ab"})}, "tokenizer.ggml.merges[1]"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"merges", []string{"a c"})}, "tokenizer.ggml.merges[0]: piece"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"bos_token_id", uint32(5))}, "tokenizer.ggml.bos_token_id: 5 is out of range: want 0 to 4"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"eot_token_id", uint32(99))}, "tokenizer.ggml.eot_token_id: 99"},
		{"gpt2", "", []gguf.KV{gguf.NewKV(key+"add_bos_token", "yes")}, "tokenizer.ggml.add_bos_token"},
		{"llama", key + "scores", nil, `"tokenizer.ggml.scores"`},
		{"llama", "", []gguf.KV{gguf.NewKV(key+"scores", []float32{1})}, "tokenizer.ggml.scores: 1 scores for 5 pieces"},
		{"llama", "", []gguf.KV{gguf.NewKV(key+"scores", []float32{0, 0, nan, 0, 0})}, "tokenizer.ggml.scores[2]"},
		{"llama", "", []gguf.KV{gguf.NewKV(key+"unknown_token_id", uint32(7))}, "tokenizer.ggml.unknown_token_id: 7"},
		{"llama", "", []gguf.KV{gguf.NewKV(key+"tokens", []string{"<s>", strings.Repeat("x", 5), "b", "ab", "▁"}),
			gguf.NewKV(key+"add_space_prefix", "no")}, "tokenizer.ggml.add_space_prefix"},
	} {
		m := tinyGGUF(c.kind)
		delete(m, c.drop)
		for _, kv := range c.put {
			m[kv.Key] = kv
		}
		if _, err := parseGGUF(t, m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s without %q and with %v\n got %v\nwant %s", c.kind, c.drop, c.put, err, c.want)
		}
	}
}

// A small file may not claim much memory.
func TestHostileIDsClaimNoMemory(t *testing.T) {
	for _, data := range []string{
		`{"model": {"type":"BPE","vocab":{"a":2147483647},"merges":[]}}`,
		`{"added_tokens":[{"id":2147483647,"content":"x"}],"model": {"type":"BPE","vocab":{"a":0},"merges":[]}}`,
		`{"added_tokens":[{"id":900719925474099,"content":"x"}],"model": {"type":"BPE","vocab":{"a":0},"merges":[]}}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := FromJSON([]byte(data)); err == nil {
			t.Errorf("%s was loaded", data)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s took %d bytes of memory", data, n)
		}
	}
}
