package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// build makes a tokenizer of one component; the model knows the letter a only.
func build(component, config string) (*Tokenizer, error) {
	return FromJSON([]byte(fmt.Sprintf(
		`{%q: %s, "model": {"type": "BPE", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]", "merges": []}}`, component, config)))
}

// What the tokenizers library (0.23) gives for each.
func TestPreTokenizers(t *testing.T) {
	for _, c := range []struct {
		config, text string
		want         []string
	}{
		{`null`, "a b", []string{"a b"}},
		{`{"type":"Whitespace"}`, "Hi, x_1 ⅷ…  don't!", []string{"Hi", ",", "x_1", "ⅷ", "…", "don", "'", "t", "!"}},
		{`{"type":"WhitespaceSplit"}`, " a  b\u3000c\n", []string{"a", "b", "c"}},
		{`{"type":"BertPreTokenizer"}`, "it's (a) b。c$d", []string{"it", "'", "s", "(", "a", ")", "b", "。", "c", "$", "d"}},
		{`{"type":"Digits","individual_digits":true}`, "a12½b", []string{"a", "1", "2", "½", "b"}},
		{`{"type":"Digits","individual_digits":false}`, "a12½b", []string{"a", "12½", "b"}},
		{`{"type":"Punctuation"}`, "a,,b.", []string{"a", ",", ",", "b", "."}},
		{`{"type":"Punctuation","behavior":"Removed"}`, "a,,b.", []string{"a", "b"}},
		{`{"type":"Punctuation","behavior":"Contiguous"}`, "a,,b.", []string{"a", ",,", "b", "."}},
		{`{"type":"Punctuation","behavior":"MergedWithPrevious"}`, "a,,b.", []string{"a,", ",", "b."}},
		{`{"type":"Punctuation","behavior":"MergedWithNext"}`, "a,,b.", []string{"a", ",", ",b", "."}},
		{`{"type":"Split","pattern":{"String":"ab"},"behavior":"Isolated","invert":true}`, "xababy", []string{"x", "ab", "ab", "y"}},
		{`{"type":"Split","pattern":{"Regex":"\\d{1,3}"},"behavior":"Removed","invert":true}`, "a1234b5", []string{"123", "4", "5"}},
		{`{"type":"Split","pattern":{"Regex":"(?i:'s|k)"},"behavior":"Isolated","invert":false}`, "a'Sb'ſc\u212ad'x",
			[]string{"a", "'S", "b", "'ſ", "c", "\u212a", "d'x"}},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"}`, " a  b", []string{"▁a", "▁", "▁b"}},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}`, "a b", []string{"▁a", "▁b"}},
		{`{"type":"Metaspace","replacement":"▁","add_prefix_space":false,"split":false}`, "a b", []string{"a▁b"}},
		{`{"type":"ByteLevel"}`, "ab cd  e1'll", []string{" ab", " cd", " ", " e", "1", "'ll"}},
		{`{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
			{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}`, "a 12 b", []string{"a", " ", "1", "2", " b"}},
	} {
		tok, err := build("pre_tokenizer", c.config)
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		w := words{text: c.text, spans: []span{{0, len(c.text)}}, first: true}
		if err := tok.pre.split(&w); err != nil {
			t.Errorf("%s: %v", c.config, err)
		}
		var got []string
		for _, s := range w.spans {
			got = append(got, w.text[s.start:s.end])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s cuts %+q into %+q, want %+q", c.config, c.text, got, c.want)
		}
	}
}

func TestMetaspaceFirst(t *testing.T) {
	tok, err := FromJSON([]byte(`{"model": {"vocab": {"▁":0,"a":1,"x":2}, "merges": []},
		"pre_tokenizer": {"type":"Metaspace","prepend_scheme":"first"}, "decoder": {"type":"Metaspace","prepend_scheme":"first"},
		"added_tokens": [{"id":3,"content":"<s>","special":true}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := tok.Encode("a<s>a", EncodeOptions{ParseSpecial: true})
	if want := []int32{0, 1, 3, 1}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %v (%v), want %v: only the beginning of the text takes a mark", ids, err, want)
	}
	if got := tok.Decode(ids, false); got != "a<s>a" {
		t.Errorf("Decode = %q", got)
	}
}

// What the tokenizers library (0.23) gives for each.
func TestNormalizers(t *testing.T) {
	for _, c := range []struct{ config, text, want string }{
		{`null`, "A\u030a", "A\u030a"},
		{`{"type":"NFC"}`, "A\u030a", "Å"},
		{`{"type":"NFD"}`, "Å", "A\u030a"},
		{`{"type":"NFKC"}`, "ﬁ½", "fi1\u20442"},
		{`{"type":"NFKD"}`, "ﬁÅ", "fiA\u030a"},
		{`{"type":"Lowercase"}`, "ÀİΣẞ", "ài\u0307σß"},
		{`{"type":"StripAccents"}`, "e\u0301Å", "eÅ"},
		{`{"type":"Strip","strip_left":true,"strip_right":false}`, " a ", "a "},
		{`{"type":"Strip","strip_left":false,"strip_right":true}`, " a ", " a"},
		{`{"type":"Prepend","prepend":"_"}`, "a", "_a"},
		{`{"type":"Prepend","prepend":"_"}`, "", ""},
		{`{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"+"}`, "a b  c   d", "a b+c+d"},
		{`{"type":"Replace","pattern":{"String":"."},"content":"!"}`, "a.b", "a!b"},
		{`{"type":"Sequence","normalizers":[{"type":"Lowercase"},{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"X"}]}]}`, "AB", "Xab"},
		{`{"type":"BertNormalizer"}`, "É中\x00\ta\u200d", "e 中  a"},
		{`{"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":false,"strip_accents":null,"lowercase":false}`, "É中\ta", "É中\ta"},
		{`{"type":"BertNormalizer","strip_accents":true,"lowercase":false}`, "É", "E"},
	} {
		tok, err := build("normalizer", c.config)
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got, err := tok.norm.normalize(c.text); err != nil || got != c.want {
			t.Errorf("%s makes %+q of %+q (%v), want %+q", c.config, got, c.text, err, c.want)
		}
	}
}

func TestDecoders(t *testing.T) {
	for _, c := range []struct {
		config string
		vocab  []string
		want   string
	}{
		{`null`, []string{"a", "b"}, "a b"},
		{`{"type":"Fuse"}`, []string{"a", "b"}, "ab"},
		{`{"type":"WordPiece"}`, []string{"it", "'", "s", "un", "##do", "##ne", "."}, "it ' s undone."},
		{`{"type":"WordPiece","prefix":"##","cleanup":false}`, []string{"a", "."}, "a ."},
		{`{"type":"Metaspace"}`, []string{"▁a", "▁", "▁b"}, "a  b"},
		{`{"type":"Metaspace","prepend_scheme":"never"}`, []string{"▁a", "▁b"}, " a b"},
		{`{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
			{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}`, []string{"▁▁a", "<0xE4>", "<0xBD>", "<0xA0>", "▁b", "<0xG0>"}, " a你 b<0xG0>"},
	} {
		vocab := make([]string, len(c.vocab))
		ids := make([]int32, len(c.vocab))
		for i, p := range c.vocab {
			vocab[i], ids[i] = fmt.Sprintf("%q:%d", p, i), int32(i)
		}
		tok, err := FromJSON([]byte(fmt.Sprintf(`{"decoder": %s, "model": {"type": "BPE", "vocab": {%s}, "merges": []}}`, c.config, strings.Join(vocab, ","))))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got := tok.Decode(ids, false); got != c.want {
			t.Errorf("%s makes %q of %q, want %q", c.config, got, c.vocab, c.want)
		}
	}
}

// What the tokenizers library (0.23) gives, with and without encode_special_tokens.
func TestAddedTokens(t *testing.T) {
	tok, err := FromJSON([]byte(`{"added_tokens": [
			{"id":5,"content":"<l>","lstrip":true,"special":true},
			{"id":6,"content":"<r>","rstrip":true,"special":true},
			{"id":7,"content":"ab","single_word":true},
			{"id":8,"content":"CD","normalized":true},
			{"id":9,"content":"<l>x"}],
		"normalizer": {"type":"Lowercase"},
		"model": {"type":"BPE","vocab":{"a":0,"b":1,"c":2,"d":3," ":4},"merges":[]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text          string
		parsed, plain []int32
	}{
		{"a  <l>  b", []int32{0, 5, 4, 4, 1}, []int32{0, 4, 4, 4, 4, 1}},
		{"a  <r>  b", []int32{0, 4, 4, 6, 1}, []int32{0, 4, 4, 4, 4, 1}},
		{"ab abc ab", []int32{7, 4, 0, 1, 2, 4, 7}, []int32{7, 4, 0, 1, 2, 4, 7}},
		{"abCDcdcD", []int32{0, 1, 8, 8, 8}, []int32{0, 1, 8, 8, 8}},
		{"<l>x<l> x", []int32{9, 5, 4}, []int32{9, 4}},
		{"a <r> <l> b", []int32{0, 4, 6, 5, 4, 1}, []int32{0, 4, 4, 4, 1}},
		{"<l><r>", []int32{5, 6}, []int32{}},
		{"<r>  <r>", []int32{6, 6}, []int32{4, 4}},
	} {
		for parse, want := range map[bool][]int32{true: c.parsed, false: c.plain} {
			got, err := tok.Encode(c.text, EncodeOptions{ParseSpecial: parse})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("Encode(%q, ParseSpecial: %t) = %v (%v), want %v", c.text, parse, got, err, want)
			}
		}
	}
}
