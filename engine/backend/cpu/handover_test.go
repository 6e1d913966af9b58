package cpu_test

import (
	"strconv"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
)

// counting notes at every mark, which is one behind each operation, how many hand-overs
// there were.
type counting struct {
	*cpu.Backend
	marks []uint64
}

func (c *counting) Mark() {
	c.marks = append(c.marks, c.HandOvers())
	c.Backend.Mark()
}

// A step that decodes hands each operation over to the goroutines once at most, whether
// it is of one sequence, behind few tokens or many, or of several, on few threads or many; and
// its products, at least, it does.
func TestOneHandOverAnOperation(t *testing.T) {
	for _, threads := range []int{2, 5, 8} {
		t.Run(strconv.Itoa(threads), func(t *testing.T) { oneHandOverAnOperation(t, threads) })
	}
}

func oneHandOverAnOperation(t *testing.T, threads int) {
	b := &counting{Backend: cpu.With(cpu.Options{Threads: threads, Level: kernel.Best(), KV: kernel.KVF16})}
	m, err := model.Load(modeltest.SmolLM2(t), b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	const size = 16
	cases := []struct{ sequences, first int }{{1, 0}, {1, 100}, {1, 2000}, {8, 20}, {16, 100}, {65, 20}, {130, 3}}
	if kernel.Best() == kernel.Go {
		// It has no slabs, which 130 rows could make and 65 not, and these take it half a
		// minute; eight threads take 65 as five do.
		cases = cases[:len(cases)-1]
		if threads > 5 {
			cases = cases[:len(cases)-1]
		}
	}
	for _, c := range cases {
		blocks := c.first/size + 1
		kv, err := m.NewKVCache(c.sequences*blocks, size)
		if err != nil {
			t.Fatal(err)
		}
		batch := model.Batch{Logits: make([]float32, c.sequences*m.Config().Vocab)}
		for i := range c.sequences {
			var table []int32
			for j := range blocks {
				table = append(table, int32(i*blocks+j))
			}
			batch.Tokens = append(batch.Tokens, int32(i))
			batch.Positions = append(batch.Positions, int32(c.first))
			batch.Slots = append(batch.Slots, table[c.first/size]*size+int32(c.first%size))
			batch.Sequences = append(batch.Sequences, backend.Sequence{Start: i, Count: 1, First: c.first, Blocks: table})
			batch.LogitRows = append(batch.LogitRows, int32(i))
		}
		var timing model.Timing
		for _, batch.Timing = range []*model.Timing{&timing, nil} { // nobody looks, then operations may be one
			before := b.HandOvers()
			b.marks = b.marks[:0]
			if err := m.Forward(kv, &batch); err != nil {
				t.Fatal(err)
			}
			got, operations, products := b.HandOvers()-before, uint64(len(timing.Spans)), uint64(4*m.Config().Layers+1)
			t.Logf("%d sequences behind %d tokens, timed %v: %d hand-overs of %d operations", c.sequences, c.first, batch.Timing != nil, got, operations)
			for i := 1; i < len(b.marks); i++ {
				most := uint64(1)
				if timing.Spans[i-1].Op == model.OpRoPE { // two operations, of queries and of keys
					most = 2
				}
				if n := b.marks[i] - b.marks[i-1]; n > most {
					t.Errorf("%d sequences behind %d tokens: %d hand-overs of %v of layer %d", c.sequences, c.first, n, timing.Spans[i-1].Op, timing.Spans[i-1].Layer)
				}
			}
			if got > operations+uint64(m.Config().Layers) || got < products {
				t.Errorf("%d sequences behind %d tokens: %d hand-overs, want %d to %d", c.sequences, c.first, got, products, operations)
			}
		}
	}
}
