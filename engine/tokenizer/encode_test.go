package tokenizer

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAddSpecial(t *testing.T) {
	for _, c := range []struct {
		file          string
		before, after []string
	}{
		{"smollm2.gguf", nil, nil}, // add_bos_token is false
		{"gemma.gguf", []string{"<bos>"}, nil},
		{"gemma3.json", []string{"<bos>"}, nil},
		{"llama2.json", []string{"<s>"}, nil},
		{"mistral_nemo.json", []string{"<s>"}, nil},
		{"minilm.json", []string{"[CLS]"}, []string{"[SEP]"}},
		{"qwen3.json", nil, nil},
	} {
		tok := load(t, c.file)
		plain, err := tok.Encode("the", EncodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := tok.Encode("the", EncodeOptions{AddSpecial: true})
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Concat(idsOf(t, tok, c.before), plain, idsOf(t, tok, c.after))
		if !slices.Equal(got, want) {
			t.Errorf("%s: with special tokens %v, want %v", c.file, got, want)
		}
	}
}

func idsOf(t *testing.T, tok *Tokenizer, pieces []string) (ids []int32) {
	t.Helper()
	for _, p := range pieces {
		id, ok := tok.ID(p)
		if !ok {
			t.Fatalf("no piece %q", p)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		file, bos, eos string
		ends           []string
	}{
		{"smollm2.gguf", "<|im_start|>", "<|im_end|>", []string{"<|endoftext|>", "<|im_end|>"}},
		{"gemma.gguf", "<bos>", "<eos>", []string{"<eos>", "<end_of_turn>"}},
		{"llama2.json", "<s>", "</s>", []string{"</s>"}},
		{"qwen3.json", "", "<|im_end|>", []string{"<|endoftext|>", "<|im_end|>"}},
		{"minilm.json", "[CLS]", "[SEP]", []string{"[SEP]"}},
	} {
		tok := load(t, c.file)
		if id, ok := tok.BOS(); ok != (c.bos != "") || ok && tok.Piece(id) != c.bos {
			t.Errorf("%s: BOS is %q (%t), want %q", c.file, tok.Piece(id), ok, c.bos)
		}
		if id, ok := tok.EOS(); !ok || tok.Piece(id) != c.eos {
			t.Errorf("%s: EOS is %q (%t), want %q", c.file, tok.Piece(id), ok, c.eos)
		}
		want := idsOf(t, tok, c.ends)
		slices.Sort(want)
		if got := tok.EOSIDs(); !slices.Equal(got, want) {
			t.Errorf("%s: EOSIDs %v, want %v", c.file, got, want)
		}
	}
}

func TestAlgorithm(t *testing.T) {
	for file, want := range map[string]string{
		"smollm2.gguf": "byte-level BPE", "qwen3.json": "byte-level BPE", "gemma.gguf": "SentencePiece BPE",
		"llama2.json": "SentencePiece BPE", "minilm.json": "WordPiece",
	} {
		if got := load(t, file).Algorithm(); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// A user who types a special token's text does not steer the model.
func TestSpecialTextIsTextUnlessParsed(t *testing.T) {
	tok := load(t, "smollm2.gguf")
	ids, err := tok.Encode("<|im_end|>", EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if tok.IsSpecial(id) {
			t.Errorf("ids %v hold the special token %q", ids, tok.Piece(id))
		}
	}
	if got := tok.Decode(ids, true); got != "<|im_end|>" {
		t.Errorf("Decode = %q", got)
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, c := range []struct {
		file, text string
		offset     string // "" where the bytes are encoded as they are
	}{
		{"gpt2.json", "a\xffb\xc3", ""},
		{"qwen3.json", "a\xff\xc3b\xe4\xbd", ""}, // NFC leaves such bytes alone
		{"llama2.json", "a\xffb\xe4\xbd", ""},
		{"gemma.gguf", "a\xffb\xe4\xbd", ""},
		{"smollm2.gguf", "a\xe4\xbdb", ""},
		{"smollm2.gguf", "ab\xffc", "offset 2"}, // no token for the byte FF
		{"minilm.json", "a b\xe4c", "offset 3"},
		{"minilm.json", "[CLS] b\xe4", "offset 7"},
	} {
		tok := load(t, c.file)
		ids, err := tok.Encode(c.text, EncodeOptions{ParseSpecial: true})
		if c.offset != "" {
			if !errors.Is(err, ErrInvalidUTF8) || !strings.Contains(err.Error(), c.offset) {
				t.Errorf("%s: Encode(%+q) = %v, %v; want ErrInvalidUTF8 at %s", c.file, c.text, ids, err, c.offset)
			}
			if _, err := tok.Trace(c.text); !errors.Is(err, ErrInvalidUTF8) {
				t.Errorf("%s: Trace(%+q): %v", c.file, c.text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: Encode(%+q): %v", c.file, c.text, err)
			continue
		}
		var back []byte
		for _, id := range ids {
			back = append(back, tok.Bytes(id)...)
		}
		if got := strings.TrimPrefix(string(back), " "); got != c.text { // Llama 2 puts a space in front
			t.Errorf("%s: the bytes of %v are %+q, want %+q", c.file, ids, got, c.text)
		}
	}
}

// A character without any token leaves no id, and its neighbours merge over it.
func TestCharacterWithoutToken(t *testing.T) {
	tok, err := FromJSON([]byte(`{"model": {"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.Encode("aéb", EncodeOptions{}); err != nil || !slices.Equal(ids, []int32{2}) {
		t.Errorf("ids %v (%v), want [2]", ids, err)
	}
}

func TestUnknownTokens(t *testing.T) {
	for fuse, want := range map[string][]int32{"true": {2, 0, 2}, "false": {2, 2, 0, 2}} {
		tok, err := FromJSON([]byte(`{"model": {"type":"BPE","vocab":{"a":0,"b":1,"<unk>":2},"merges":[],"unk_token":"<unk>","fuse_unk":` + fuse + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := tok.Encode("éèaé", EncodeOptions{}); err != nil || !slices.Equal(ids, want) {
			t.Errorf("fuse_unk %s: ids %v (%v), want %v", fuse, ids, err, want)
		}
	}
}

func TestWordPiece(t *testing.T) {
	tok, err := FromJSON([]byte(`{"model": {"type":"WordPiece","vocab":{"[UNK]":0,"un":1,"##aff":2,"##able":3,"##a":4,"una":5,"中":6},
		"max_input_chars_per_word":8}, "pre_tokenizer": {"type":"BertPreTokenizer"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]int32{
		"unaffable":  {0},          // nine characters
		"unaff":      {0},          // "una" is longest, and "##ff" is no piece
		"unable un":  {0, 1},       // as above
		"unaa 中x":    {5, 4, 0},    //
		"中 un中":      {6, 0},       // within a word it would have to be ##中
		"una  una\n": {5, 5},       //
		"":           {},           //
		"unaunaun":   {0},          // eight characters, but no ##una
		"una,un":     {5, 0, 1},    // punctuation is a word
		"unaaaa":     {5, 4, 4, 4}, //
	} {
		got, err := tok.Encode(text, EncodeOptions{})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Encode(%q) = %v (%v), want %v", text, got, err, want)
		}
	}
}

// Two megabytes of one letter are one word: merging must not be quadratic, and
// memory must stay in proportion.
func TestLongWords(t *testing.T) {
	for _, c := range []struct {
		file, letter string
		size         int
	}{
		{"smollm2.gguf", "a", 2 << 20},
		{"gemma.gguf", "a", 2 << 20},
		{"smollm2.gguf", " ", 1 << 18},
		{"smollm2.gguf", "量", 1 << 18},
		{"gemma.gguf", "量", 1 << 18},
	} {
		tok := load(t, c.file)
		text := strings.Repeat(c.letter, c.size/len(c.letter))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		ids, err := tok.Encode(text, EncodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("%s: %d bytes of %q took %v", c.file, len(text), c.letter, took)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(200*c.size) {
			t.Errorf("%s: %d bytes of %q took %d bytes of memory", c.file, len(text), c.letter, n)
		}
		if tok.Decode(ids, false) != text {
			t.Errorf("%s: %q many times does not decode to itself", c.file, c.letter)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := load(t, "qwen3.json")
	all := texts(t)
	var list []want
	readJSON(t, "qwen3.want.json", &list)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i, text := range all {
				if ids, err := tok.Encode(text, EncodeOptions{ParseSpecial: true}); err != nil || !slices.Equal(ids, list[i].IDs) {
					t.Errorf("Encode(%+q) = %v (%v) beside others", text, ids, err)
				}
			}
		})
	}
	wait.Wait()
}
