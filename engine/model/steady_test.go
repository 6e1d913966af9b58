package model_test

import (
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/model"
)

// A step of one token allocates nothing, once the first has made room, at any
// level of processor features and with any format of keys and values.
func TestDecodeDoesNotAllocate(t *testing.T) {
	for _, level := range kernel.Levels() {
		for _, format := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
			b := cpu.With(cpu.Options{Threads: 2, Level: level, KV: format})
			m, err := model.Load("testdata/llama", b, model.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			kv, err := m.NewKVCache(16, 16)
			if err != nil {
				t.Fatal(err)
			}
			table := make([]int32, 16)
			for i := range table {
				table[i] = int32(15 - i)
			}
			batch := model.Batch{
				Tokens: []int32{1}, Positions: []int32{0}, Slots: []int32{0},
				Sequences: []backend.Sequence{{Count: 1, Blocks: table}},
				LogitRows: []int32{0}, Logits: make([]float32, m.Config().Vocab),
			}
			position := 0
			step := func() {
				batch.Positions[0], batch.Sequences[0].First = int32(position), position
				batch.Slots[0] = table[position/16]*16 + int32(position%16)
				if err := m.Forward(kv, &batch); err != nil {
					t.Fatal(err)
				}
				position++
			}
			for range 40 {
				step()
			}
			if n := testing.AllocsPerRun(100, step); n != 0 {
				t.Errorf("%v, %v: a token allocates %v times", level, format, n)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
