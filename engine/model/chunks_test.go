package model_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
)

// However 700 tokens are cut into chunks, their logits are the same to the bit: of all
// of them with a small model, at every level and with every format of keys and values.
func TestChunksDoNotMatter(t *testing.T) {
	for _, level := range kernel.Levels() {
		for _, format := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
			if level == kernel.Go && format != kernel.KVF16 {
				continue // which takes long
			}
			t.Run(fmt.Sprintf("%v/%v", level, format), func(t *testing.T) {
				testChunks(t, "testdata/llama", cpu.Options{Threads: 2, Level: level, KV: format}, 1)
			})
		}
	}
}

// The same of a real model, whose products are large enough for every way that there is
// to compute them.
func TestChunksDoNotMatterToSmolLM2(t *testing.T) {
	if testing.Short() || kernel.Best() == kernel.Go {
		t.Skip("it computes 3,500 tokens, which takes plain Go many minutes")
	}
	testChunks(t, modeltest.SmolLM2(t), cpu.Options{Threads: 2, Level: kernel.Best(), KV: kernel.KVF16}, 70)
}

// testChunks compares the logits of every so many of the tokens, the last of all among them.
func testChunks(t *testing.T, path string, o cpu.Options, every int) {
	b := cpu.With(o)
	m, err := model.Load(path, b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	const tokens, size = 700, 16
	table := make([]int32, (tokens+size-1)/size)
	for i := range table {
		table[i] = int32(len(table) - 1 - i)
	}
	vocab := m.Config().Vocab
	compute := func(chunk int) []float32 {
		kv, err := m.NewKVCache(len(table), size)
		if err != nil {
			t.Fatal(err)
		}
		var all []float32
		for first := 0; first < tokens; first += chunk {
			n := min(chunk, tokens-first)
			batch := model.Batch{Sequences: []backend.Sequence{{Count: n, First: first, Blocks: table}}}
			for position := first; position < first+n; position++ {
				batch.Tokens = append(batch.Tokens, int32(position*position*31%vocab))
				batch.Positions = append(batch.Positions, int32(position))
				batch.Slots = append(batch.Slots, table[position/size]*size+int32(position%size))
				if (tokens-1-position)%every == 0 {
					batch.LogitRows = append(batch.LogitRows, int32(position-first))
				}
			}
			batch.Logits = make([]float32, len(batch.LogitRows)*vocab)
			if err := m.Forward(kv, &batch); err != nil {
				t.Fatal(err)
			}
			all = append(all, batch.Logits...)
		}
		return all
	}
	want := compute(tokens)
	for i, v := range want {
		if v-v != 0 {
			t.Fatalf("logit %d of row %d is %v", i%vocab, i/vocab, v)
		}
	}
	for _, chunk := range []int{512, 130, 5, 1} {
		got := compute(chunk)
		if len(got) != len(want) {
			t.Fatalf("chunks of %d: %d logits, want %d", chunk, len(got), len(want))
		}
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("chunks of %d: logit %d of row %d is %v, want %v", chunk, i%vocab, i/vocab, got[i], want[i])
			}
		}
	}
}
