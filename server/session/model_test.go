package session

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/chat"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
	"vitrine/engine/tokenizer"
	"vitrine/visualizer/wire"
)

// chatML is the template of the tests' tiny model.
const chatML = `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}`

// tinyTokenizer has the 256 bytes, one merge of each pair of small letters
// that is common in English, and ChatML's special tokens: 320 in all.
func tinyTokenizer(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	vocab := map[string]int{}
	var spare rune
	for b := range 256 {
		r := rune(b)
		if b <= ' ' || b >= 0x7f && b <= 0xa0 || b == 0xad {
			r = 256 + spare // the byte-level alphabet of GPT-2
			spare++
		}
		vocab[string(r)] = b
	}
	merges := []string{"t h", "th e", "i n", "e r", "a n"}
	for i, m := range merges {
		vocab[strings.ReplaceAll(m, " ", "")] = 256 + i
	}
	type added struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
		Special bool   `json:"special"`
	}
	extra := []added{{261, "<|im_start|>", true}, {262, "<|im_end|>", true}}
	for id := 263; id < 320; id++ {
		extra = append(extra, added{id, fmt.Sprintf("<|%d|>", id), false})
	}
	data, err := json.Marshal(map[string]any{
		"version":       "1.0",
		"added_tokens":  extra,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
		"decoder":       map[string]any{"type": "ByteLevel"},
		"model":         map[string]any{"type": "BPE", "vocab": vocab, "merges": merges},
	})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// tinyFolder is a random model of 3 layers, 64 wide, with a context of the
// given length.
func tinyFolder(t testing.TB, context int) string {
	t.Helper()
	const from = "../../engine/model/testdata/llama"
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(from, "model*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("the tiny model is not at %s (%v)", from, err)
	}
	for _, name := range append(names, filepath.Join(from, "config.json")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) == "config.json" {
			var config map[string]any
			if err := json.Unmarshal(data, &config); err != nil {
				t.Fatal(err)
			}
			config["max_position_embeddings"] = context
			if data, err = json.Marshal(config); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// rig is a server with an engine.
type rig struct {
	server   *Server
	engine   *engine.Engine
	template *chat.Template
	model    wire.Model
}

// start puts a model into a server.
func start(t testing.TB, path string, tok *tokenizer.Tokenizer, template *chat.Template, b backend.Backend, o Options, eo engine.Options) *rig {
	t.Helper()
	m, err := model.Load(path, b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(o)
	eo.Observer = server.Observer()
	e, err := engine.Start(m, tok, eo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Close()
		m.Close()
		b.Close()
	})
	c, pool := m.Config(), e.Pool()
	r := &rig{server: server, engine: e, template: template, model: wire.Model{
		Name: "test", Architecture: c.Architecture, Quantization: c.Quantization, Licence: c.Licence,
		Backend: b.Name(), Threads: uint16(b.Threads()), Layers: uint16(c.Layers), Width: uint32(c.Width), Heads: uint16(c.Heads),
		KVHeads: uint16(c.KVHeads), HeadDim: uint16(c.HeadDim), FFN: uint32(c.FFN), Vocab: uint32(c.Vocab), Context: uint32(c.Context),
		RopeTheta: c.RopeTheta, NormEps: c.NormEps, BlockSize: uint16(pool.BlockSize), Blocks: uint32(pool.Blocks),
		BytesPerSlot: uint32(pool.SlotBytes), EOS: tok.EOSIDs(), HasTemplate: template != nil, Parameters: uint64(c.Parameters),
	}}
	server.SetEngine(e, template, r.model)
	return r
}

// tinyContext is the context of the tiny model where a test does not say.
const tinyContext = 1024

// tiny starts a server with the tiny model on ref.
func tiny(t testing.TB, o Options) *rig {
	t.Helper()
	template, err := chat.Parse(chatML)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, tinyFolder(t, tinyContext), tinyTokenizer(t), template, ref.New(), o, engine.Options{})
}

// smollm2 starts a server with the real model.
func smollm2(t testing.TB, o Options) *rig {
	t.Helper()
	path := modeltest.SmolLM2(t)
	tok, err := tokenizer.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	template, err := chat.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, path, tok, template, cpu.New(0), o, engine.Options{})
}
