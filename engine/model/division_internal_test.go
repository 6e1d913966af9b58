package model

import (
	"slices"
	"strings"
	"testing"

	"vitrine/engine/backend"
)

func TestDivide(t *testing.T) {
	smol := Config{Heads: 9, KVHeads: 3, HeadDim: 64, FFN: 1536, Vocab: 49152}
	llama := Config{Heads: 32, KVHeads: 8, HeadDim: 64, FFN: 8192, Vocab: 128256}
	small := Config{Heads: 4, KVHeads: 4, HeadDim: 16, FFN: 100, Vocab: 10}
	for _, c := range []struct {
		name          string
		of            Config
		unit          borderUnits
		ranks         int
		heads, q, ffn backend.Borders
		vocab         backend.Borders
	}{
		{"one rank", smol, borderUnits{32, 32}, 1, backend.Borders{0, 3}, backend.Borders{0, 576}, backend.Borders{0, 1536}, backend.Borders{0, 49152}},
		{"heads that do not divide evenly", smol, borderUnits{32, 32}, 2, backend.Borders{0, 2, 3}, backend.Borders{0, 384, 576}, backend.Borders{0, 768, 1536}, backend.Borders{0, 24576, 49152}},
		{"a head each", smol, borderUnits{32, 32}, 3, backend.Borders{0, 1, 2, 3}, backend.Borders{0, 192, 384, 576}, backend.Borders{0, 512, 1024, 1536}, backend.Borders{0, 16384, 32768, 49152}},
		{"blocks of 256", llama, borderUnits{256, 256}, 3, backend.Borders{0, 3, 6, 8}, backend.Borders{0, 768, 1536, 2048}, backend.Borders{0, 2816, 5632, 8192}, backend.Borders{0, 42752, 85504, 128256}},
		{"blocks of two heads", small, borderUnits{32, 1}, 2, backend.Borders{0, 2, 4}, backend.Borders{0, 32, 64}, backend.Borders{0, 64, 100}, backend.Borders{0, 5, 10}},
		{"a layer that is too narrow for whole registers", small, borderUnits{1, 4}, 4, backend.Borders{0, 1, 2, 3, 4}, backend.Borders{0, 16, 32, 48, 64}, backend.Borders{0, 28, 52, 76, 100}, backend.Borders{0, 3, 5, 8, 10}},
	} {
		d, err := divide(&c.of, c.unit, c.ranks)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for what, pair := range map[string][2]backend.Borders{"KV heads": {d.kvHeads, c.heads}, "queries": {d.q, c.q}, "FFN": {d.ffn, c.ffn}, "vocabulary": {d.vocab, c.vocab}} {
			if !slices.Equal(pair[0], pair[1]) {
				t.Errorf("%s: borders of the %s are %v, want %v", c.name, what, pair[0], pair[1])
			}
		}
		for i, h := range d.kvHeads {
			if d.kv[i] != h*c.of.HeadDim {
				t.Errorf("%s: borders of keys %v with heads %v", c.name, d.kv, d.kvHeads)
			}
		}
	}
}

func TestDivideRefuses(t *testing.T) {
	smol := Config{Heads: 9, KVHeads: 3, HeadDim: 64, FFN: 1536, Vocab: 49152}
	for _, c := range []struct {
		name  string
		of    Config
		unit  borderUnits
		ranks int
		want  string
	}{
		{"too many ranks", smol, borderUnits{32, 32}, 4, "got 4, want 1 to 3: each rank needs whole KV heads, and there are 3"},
		{"no rank", smol, borderUnits{32, 32}, 0, "got 0, want 1 to 3"},
		{"blocks across heads", smol, borderUnits{256, 256}, 2, "got 2, want 1: each rank needs whole KV heads, and there are 3, which can be divided after every 4 because the output projection is stored in blocks of 256"},
		{"a narrow layer", Config{Heads: 8, KVHeads: 8, HeadDim: 64, FFN: 512, Vocab: 320}, borderUnits{32, 256}, 3, "got 3, want 1 to 2: each rank needs columns of the feed-forward layer, and its 512 are stored in blocks of 256"},
		{"a small vocabulary", Config{Heads: 8, KVHeads: 8, HeadDim: 64, FFN: 512, Vocab: 3}, borderUnits{1, 1}, 4, "got 4, want 1 to 3: each rank needs tokens of the vocabulary, and there are 3"},
	} {
		_, err := divide(&c.of, c.unit, c.ranks)
		if err == nil || !strings.HasPrefix(err.Error(), "tensor_parallel_size: "+c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
