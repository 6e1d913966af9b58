package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
)

// The folders of testdata are tiny random models, and what transformers 5.23
// computed with them in float32.
var architectures = []string{"llama", "llama3_rope", "qwen2", "qwen3", "gemma3_text"}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestArchitecturesAgreeWithTransformers(t *testing.T) {
	for _, name := range architectures {
		exact := cpu.With(cpu.Options{Threads: 2, Level: kernel.Best(), KV: kernel.KVF32})
		for on, b := range map[string]backend.Backend{
			"ref": ref.New(), "cpu": exact, "two ranks of ref": ranks(t, 2, newRef), "two ranks of cpu": ranks(t, 2, newExact),
		} {
			t.Run(name+"/"+on, func(t *testing.T) {
				defer b.Close()
				folder := filepath.Join("testdata", name)
				m, err := model.Load(folder, b, model.LoadOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				var inputs struct{ IDs []int32 }
				readJSON(t, filepath.Join(folder, "inputs.json"), &inputs)
				want := modeltest.Tensors(t, filepath.Join(folder, "expected.safetensors"))

				c, n := m.Config(), len(inputs.IDs)
				kv, err := m.NewKVCache(8, 8)
				if err != nil {
					t.Fatal(err)
				}
				table := []int32{5, 0, 7, 1, 3}
				batch := model.Batch{Tokens: inputs.IDs, Logits: make([]float32, n*c.Vocab), Sequences: []backend.Sequence{{Count: n, Blocks: table}}}
				hidden := map[string][]float32{"hidden.1": make([]float32, n*c.Width), "hidden.3": make([]float32, n*c.Width)}
				batch.Taps = []model.Tap{
					{Point: model.ResidOut, Layer: 0, Count: n, Dst: hidden["hidden.1"]},
					{Point: model.FinalNorm, Count: n, Dst: hidden["hidden.3"]},
				}
				var rows [][]float32
				for p := range n {
					batch.Positions = append(batch.Positions, int32(p))
					batch.Slots = append(batch.Slots, table[p/8]*8+int32(p%8))
					batch.LogitRows = append(batch.LogitRows, int32(p))
					rows = append(rows, make([]float32, c.Heads*(p+1)))
					batch.Taps = append(batch.Taps, model.Tap{Point: model.Probs, Layer: 1, Row: p, Count: 1, Dst: rows[p]})
				}
				if err := m.Forward(kv, &batch); err != nil {
					t.Fatal(err)
				}
				attention := make([]float32, c.Heads*n*n)
				for p, row := range rows {
					for h := range c.Heads {
						copy(attention[(h*n+p)*n:], row[h*(p+1):(h+1)*(p+1)])
					}
				}
				for what, got := range map[string][]float32{"logits": batch.Logits, "attention.1": attention, "hidden.1": hidden["hidden.1"], "hidden.3": hidden["hidden.3"]} {
					if e := modeltest.RelativeRMS(got, want[what]); !(e <= 1e-5) {
						t.Errorf("%s differs by %.1e relative RMS", what, e)
					}
				}
			})
		}
	}
}

// The number of parameters, the commonest format and the progress are told.
func TestLoadTells(t *testing.T) {
	var calls int
	var last, total int64
	m, err := model.Load("testdata/llama", ref.New(), model.LoadOptions{Progress: func(done, all int64) {
		if done < last {
			t.Errorf("progress went back from %d to %d", last, done)
		}
		calls, last, total = calls+1, done, all
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if calls == 0 || last != total || total == 0 {
		t.Errorf("progress was told %d times and ended at %d of %d", calls, last, total)
	}
	c := m.Config()
	if c.Quantization != "F32" || c.Layers != 3 || c.KVHeads != 2 || c.TieEmbeddings {
		t.Errorf("configuration %+v", c)
	}
	// The embedding is not the output matrix here: a step reads a row of it a token.
	if want := 4 * (c.Parameters - 320*64); m.StepBytes() != want {
		t.Errorf("a step reads %d bytes, want %d", m.StepBytes(), want)
	}
	if want := int64(2*320*64 + 64 + 3*(2*64+64*64*2+64*32*2+3*64*192)); c.Parameters != want {
		t.Errorf("%d parameters, want %d", c.Parameters, want)
	}
}

func TestLoadRefusesBadFolders(t *testing.T) {
	valid, err := os.ReadFile("testdata/llama/config.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"another architecture", `"model_type": "llama"`, `"model_type": "mamba"`, "model_type"},
		{"heads that do not share evenly", `"num_key_value_heads": 2`, `"num_key_value_heads": 3`, "KV heads"},
		{"no layers", `"num_hidden_layers": 3`, `"num_hidden_layers": 0`, "Layers"},
		{"a layer too many", `"num_hidden_layers": 3`, `"num_hidden_layers": 4`, "blk.3.attn_norm.weight"},
		{"another width", `"hidden_size": 64`, `"hidden_size": 128`, "token_embd.weight"},
		{"absurd vocabulary", `"vocab_size": 320`, `"vocab_size": 99999999`, "Vocab"},
		{"another activation", `"hidden_act": "silu"`, `"hidden_act": "gelu"`, "hidden_act"},
		{"unknown scaling", `"rope_type": "default"`, `"rope_type": "yarn"`, "yarn"},
		{"not JSON", `{`, `[`, "config.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"} {
				data, err := os.ReadFile(filepath.Join("testdata/llama", f))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, f), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			changed := strings.Replace(string(valid), c.old, c.new, 1)
			if changed == string(valid) {
				t.Fatalf("config.json does not hold %s", c.old)
			}
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := model.Load(dir, ref.New(), model.LoadOptions{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that names %s", err, c.want)
			}
		})
	}
	for _, path := range []string{"testdata/nothing", "testdata/llama/config.json", t.TempDir()} {
		if _, err := model.Load(path, ref.New(), model.LoadOptions{}); err == nil {
			t.Errorf("%s was loaded", path)
		}
	}
}

func TestForwardRefusesBadBatches(t *testing.T) {
	m, err := model.Load("testdata/llama", ref.New(), model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	kv, err := m.NewKVCache(1, 4)
	if err != nil {
		t.Fatal(err)
	}
	one := []backend.Sequence{{Count: 1, Blocks: []int32{0}}}
	for name, b := range map[string]model.Batch{
		"empty":              {},
		"token out of range": {Tokens: []int32{320}, Positions: []int32{0}, Slots: []int32{0}, Sequences: one},
		"negative token":     {Tokens: []int32{-1}, Positions: []int32{0}, Slots: []int32{0}, Sequences: one},
		"missing slot":       {Tokens: []int32{1}, Positions: []int32{0}, Sequences: one},
		"uncovered row":      {Tokens: []int32{1, 2}, Positions: []int32{0, 1}, Slots: []int32{0, 1}, Sequences: one},
		"no room for logits": {Tokens: []int32{1}, Positions: []int32{0}, Slots: []int32{0}, Sequences: one, LogitRows: []int32{0}},
	} {
		if err := m.Forward(kv, &b); err == nil {
			t.Errorf("%s: the batch was computed", name)
		}
	}
}
