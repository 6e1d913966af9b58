package tokenizer

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestStreamHoldsBackHalfCharacters(t *testing.T) {
	tok := load(t, "smollm2.gguf")
	ids, err := tok.Encode("a🙂b", EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := tok.NewStream(false)
	var got []string
	for _, id := range ids {
		got = append(got, s.Push(id))
	}
	if len(ids) < 4 {
		t.Fatalf("ids %v: want the emoji in pieces", ids)
	}
	for i, part := range got {
		if part != "" && part != "a" && part != "🙂" && part != "b" && part != "🙂b" {
			t.Errorf("push %d let out %+q", i, part)
		}
	}
	if all := strings.Join(got, "") + s.Flush(); all != "a🙂b" {
		t.Errorf("streamed %+q", all)
	}
}

func TestStreamFlushesWhatNeverBecameWhole(t *testing.T) {
	tok := load(t, "smollm2.gguf")
	half, err := tok.Encode("🙂", EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := tok.NewStream(false)
	if got := s.Push(half[0]); got != "" {
		t.Errorf("half a character gave %+q", got)
	}
	if got := s.Flush(); got != "\uFFFD" {
		t.Errorf("Flush() = %+q, want U+FFFD", got)
	}
	if got := s.Flush(); got != "" {
		t.Errorf("a second Flush() = %+q, want nothing", got)
	}
	if got := s.Push(half[0]) + s.Push(half[0]); got != "\uFFFD" {
		t.Errorf("a character begun twice gave %+q, want U+FFFD for the first", got)
	}
}

// The replacement of ill-formed sequences is that of Unicode 15.0, table 3-8.
func TestDecodeReplacesMaximalParts(t *testing.T) {
	tok := load(t, "gpt2.json")
	for in, want := range map[string]string{
		"\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64": "a���b�c��d",
		"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41":                 "��������A",
		"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41":                 "��������A",
		"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42":                 "�����A��B",
		"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41":                 "����A",
	} {
		ids, err := tok.Encode(in, EncodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Decode(ids, false); got != want {
			t.Errorf("Decode of % x = %+q, want %+q", in, got, want)
		}
	}
}

// Whatever the ids are, the parts of a stream are Decode's text, and each is whole
// characters.
func TestStreamIsDecode(t *testing.T) {
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			tok := load(t, file)
			rapid.Check(t, func(r *rapid.T) {
				ids := rapid.SliceOf(rapid.Int32Range(-1, int32(tok.VocabSize()))).Draw(r, "ids")
				skip := rapid.Bool().Draw(r, "skip special")
				s := tok.NewStream(skip)
				var b strings.Builder
				for _, id := range ids {
					part := s.Push(id)
					if !utf8.ValidString(part) {
						r.Fatalf("Push(%d) let out % x", id, part)
					}
					b.WriteString(part)
				}
				b.WriteString(s.Flush())
				if want := tok.Decode(ids, skip); b.String() != want {
					r.Fatalf("streamed %+q, Decode gives %+q", b.String(), want)
				}
			})
		})
	}
}

// A text that comes token by token takes a piece of memory now and then, none for each of
// its tokens; and what was let out before stays as it was.
func TestStreamDoesNotAllocate(t *testing.T) {
	tok := load(t, "smollm2.gguf")
	const text = "Once upon a time, 从前有一位老人 lived alone 🙂 by the sea.\n"
	ids, err := tok.Encode(text, EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const times = 100
	s, parts := tok.NewStream(false), make([]string, 0, times*len(ids))
	n := testing.AllocsPerRun(1, func() {
		parts = parts[:0]
		for range times {
			for _, id := range ids {
				parts = append(parts, s.Push(id))
			}
		}
	})
	if most := float64(2 + times*len(text)/(mostTexts/2)); n > most {
		t.Errorf("%d tokens allocate %v times, want at most %v", times*len(ids), n, most)
	}
	if strings.Join(parts, "") != strings.Repeat(text, times) {
		t.Error("the parts are not the text")
	}
}

func TestDecodeSkipsSpecial(t *testing.T) {
	tok := load(t, "smollm2.gguf")
	ids, err := tok.Encode("<|im_start|>user\nhi<|im_end|>\n", EncodeOptions{ParseSpecial: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.Decode(ids, true), "user\nhi\n"; got != want {
		t.Errorf("Decode = %q, want %q", got, want)
	}
}

func TestBytesAndPieces(t *testing.T) {
	for _, c := range []struct {
		file, piece, bytes string
		special            bool
	}{
		{"smollm2.gguf", "Ġthe", " the", false},
		{"smollm2.gguf", "Ċ", "\n", false},
		{"smollm2.gguf", "ð", "\xf0", false},
		{"smollm2.gguf", "<|im_start|>", "<|im_start|>", true},
		{"llama2.json", "▁the", " the", false},
		{"llama2.json", "<0xE4>", "\xe4", false},
		{"llama2.json", "</s>", "</s>", true},
		{"gemma.gguf", "▁the", " the", false},
		{"gemma.gguf", "<0x0A>", "\n", false},
		{"gemma.gguf", "▁▁▁", "   ", false},
		{"deepseek_v3.json", "<｜begin▁of▁sentence｜>", "<｜begin▁of▁sentence｜>", true},
		{"qwen3.json", "<|im_end|>", "<|im_end|>", true},
		{"minilm.json", "##s", "s", false},
	} {
		tok := load(t, c.file)
		id, ok := tok.ID(c.piece)
		if !ok {
			t.Errorf("%s has no piece %q", c.file, c.piece)
			continue
		}
		if got := tok.Bytes(id); !bytes.Equal(got, []byte(c.bytes)) {
			t.Errorf("%s: Bytes of %q = %q, want %q", c.file, c.piece, got, c.bytes)
		}
		if got := tok.Piece(id); got != c.piece {
			t.Errorf("%s: Piece(%d) = %q, want %q", c.file, id, got, c.piece)
		}
		if got := tok.IsSpecial(id); got != c.special {
			t.Errorf("%s: IsSpecial of %q = %t", c.file, c.piece, got)
		}
	}
	tok := load(t, "gpt2.json")
	for _, id := range []int32{-1, int32(tok.VocabSize()), 1 << 30} {
		if tok.Bytes(id) != nil || tok.Piece(id) != "" || tok.IsSpecial(id) || tok.Decode([]int32{id}, false) != "" {
			t.Errorf("id %d, which has no piece, stands for something", id)
		}
	}
}
