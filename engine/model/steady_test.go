package model_test

import (
	"errors"
	"fmt"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/model"
)

// A step allocates nothing, once the first has made room, at any level of processor
// features and with any format of keys and values: of one token, of a token of each of
// 16 sequences, and of chunks of prompts beside others' tokens; batch-variant or not.
func TestForwardDoesNotAllocate(t *testing.T) {
	for _, level := range kernel.Levels() {
		for _, format := range []kernel.KV{kernel.KVF32, kernel.KVF16, kernel.KVI8} {
			for _, variant := range []bool{false, true} {
				if variant && level < kernel.AMX {
					continue // which computes the same then
				}
				for _, counts := range [][]int{{1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 140, 1, 3}} {
					o := cpu.Options{Threads: 2, Level: level, KV: format, BatchVariant: variant}
					t.Run(fmt.Sprintf("%v/%v/%v/%d", level, format, variant, len(counts)), func(t *testing.T) { testForwardDoesNotAllocate(t, o, counts) })
				}
			}
		}
	}
}

// testForwardDoesNotAllocate computes so many tokens of each of some sequences, behind as
// many others as there is room for, and then from the first position on.
func testForwardDoesNotAllocate(t *testing.T, o cpu.Options, counts []int) {
	b := cpu.With(o)
	m, err := model.Load("testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	const blocks, size, most = 16, 16, 256
	kv, err := m.NewKVCache(blocks*len(counts), size)
	if err != nil {
		t.Fatal(err)
	}
	var batch model.Batch
	var tables [][]int32
	for i, count := range counts {
		var table []int32
		for j := range int32(blocks) {
			table = append(table, int32(blocks*(i+1))-1-j)
		}
		tables = append(tables, table)
		batch.Sequences = append(batch.Sequences, backend.Sequence{Start: len(batch.Tokens), Count: count, Blocks: table})
		for range count {
			batch.Tokens = append(batch.Tokens, int32(len(batch.Tokens)))
		}
		batch.LogitRows = append(batch.LogitRows, int32(len(batch.Tokens)-1))
	}
	batch.Positions, batch.Slots = make([]int32, len(batch.Tokens)), make([]int32, len(batch.Tokens))
	batch.Logits = make([]float32, len(counts)*m.Config().Vocab)
	first := most - 140 // where most room is needed
	step := func() {
		for i := range batch.Sequences {
			s := &batch.Sequences[i]
			s.First = first
			for j := range s.Count {
				position := first + j
				batch.Positions[s.Start+j] = int32(position)
				batch.Slots[s.Start+j] = tables[i][position/size]*size + int32(position%size)
			}
		}
		if err := m.Forward(kv, &batch); err != nil {
			t.Fatal(err)
		}
		first = (first + 1) % (most - 140)
	}
	for range 3 {
		step()
	}
	if n := testing.AllocsPerRun(15, step); n != 0 {
		t.Errorf("a step allocates %v times", n)
	}
}
