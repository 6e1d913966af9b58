package model_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
	"vitrine/engine/modeltest"
)

func newRef() backend.Backend { return ref.New() }

// newExact computes with one thread and keeps keys and values in float32.
func newExact() backend.Backend {
	return cpu.With(cpu.Options{Threads: 1, Level: kernel.Best(), KV: kernel.KVF32})
}

// ranks divides a model among n backends.
func ranks(t testing.TB, n int, rank func() backend.Backend) backend.Backend {
	t.Helper()
	var list []backend.Backend
	for range n {
		list = append(list, rank())
	}
	b, err := parallel.New(list...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything is a batch of two sequences that taps every point of the model in
// rows of both.
func everything(t *testing.T, m *model.Model) (kv backend.KVCache, batch *model.Batch) {
	t.Helper()
	const first, second, size = 11, 6, 8
	kv, err := m.NewKVCache(4, size)
	if err != nil {
		t.Fatal(err)
	}
	c := m.Config()
	batch = &model.Batch{Sequences: []backend.Sequence{
		{Count: first, Blocks: []int32{2, 0}}, {Start: first, Count: second, Blocks: []int32{3}},
	}}
	for _, s := range batch.Sequences {
		for p := range s.Count {
			batch.Tokens = append(batch.Tokens, int32(7*p+31*s.Start)%int32(c.Vocab))
			batch.Positions = append(batch.Positions, int32(p))
			batch.Slots = append(batch.Slots, s.Blocks[p/size]*size+int32(p%size))
		}
	}
	batch.LogitRows = []int32{3, first - 1, first + second - 1}
	batch.Logits = make([]float32, len(batch.LogitRows)*c.Vocab)
	tap := func(p model.Point, layer int) {
		if p == model.Probs {
			for _, row := range []int{2, first - 1, first + 3} {
				keys := int(batch.Positions[row]) + 1
				batch.Taps = append(batch.Taps, model.Tap{Point: p, Layer: layer, Row: row, Count: 1, Dst: make([]float32, c.Heads*keys)})
			}
			return
		}
		const row, count = 8, 5 // of both sequences
		batch.Taps = append(batch.Taps, model.Tap{Point: p, Layer: layer, Row: row, Count: count, Dst: make([]float32, count*c.Cols(p))})
	}
	for p := model.Embed; p < model.Logits; p++ {
		switch {
		case !c.Has(p):
		case p.InLayer():
			for layer := range c.Layers {
				tap(p, layer)
			}
		default:
			tap(p, 0)
		}
	}
	return kv, batch
}

// Ranks compute what one backend does, at every point of every architecture:
// but for the rounding of sums, and whatever the ranks run on. Keys and values
// come from the rank that has the head.
func TestRanksComputeTheSame(t *testing.T) {
	for _, name := range architectures {
		for on, b := range map[string][2]backend.Backend{
			"ref": {ref.New(), ranks(t, 2, newRef)}, "cpu": {newExact(), ranks(t, 2, newExact)}, "one rank": {newExact(), ranks(t, 1, newExact)},
		} {
			t.Run(name+"/"+on, func(t *testing.T) {
				var batches [2]*model.Batch
				var kvs [2][]float32
				for i, b := range b {
					defer b.Close()
					m, err := model.Load(filepath.Join("testdata", name), b, model.LoadOptions{})
					if err != nil {
						t.Fatal(err)
					}
					defer m.Close()
					kv, batch := everything(t, m)
					if err := m.Forward(kv, batch); err != nil {
						t.Fatal(err)
					}
					b.CopyKV(kv, 1, 2)
					batches[i] = batch
					c := m.Config()
					for layer := range c.Layers {
						for head := range c.KVHeads {
							for _, slot := range []int{2 * 8, 3 * 8, 1 * 8} { // block 1 is a copy of block 2
								k, v := make([]float32, 6*c.HeadDim), make([]float32, 6*c.HeadDim)
								b.ReadKV(k, v, kv, layer, head, slot)
								kvs[i] = append(append(kvs[i], k...), v...)
							}
						}
					}
				}
				one, divided := batches[0], batches[1]
				if e := modeltest.RelativeRMS(divided.Logits, one.Logits); !(e <= 1e-5) {
					t.Errorf("logits differ by %.1e relative RMS", e)
				}
				for i, tap := range one.Taps {
					if e := modeltest.RelativeRMS(divided.Taps[i].Dst, tap.Dst); !(e <= 1e-5) {
						t.Errorf("%v of layer %d, row %d differs by %.1e relative RMS", tap.Point, tap.Layer, tap.Row, e)
					}
				}
				if e := modeltest.RelativeRMS(kvs[1], kvs[0]); !(e <= 1e-5) {
					t.Errorf("keys and values differ by %.1e relative RMS", e)
				}
			})
		}
	}
}

// Every time the ranks compute the same to the bit, whoever is first.
func TestRanksAreDeterministic(t *testing.T) {
	b := ranks(t, 2, newExact)
	defer b.Close()
	m, err := model.Load("testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	kv, batch := everything(t, m)
	var want []float32
	for range 30 {
		if err := m.Forward(kv, batch); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = slices.Clone(batch.Logits)
		}
		if !slices.Equal(batch.Logits, want) {
			t.Fatal("the logits differ from those of the first time")
		}
	}
	hidden, lens := make([]float32, 3*m.Config().Width), make([]float32, 3*m.Config().Vocab)
	if err := m.Embedding(hidden, []int32{5, 319, 0}); err != nil {
		t.Fatal(err)
	}
	one, err := model.Load("testdata/llama", newExact(), model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	defer one.Backend().Close()
	alone := make([]float32, len(hidden))
	if err := one.Embedding(alone, []int32{5, 319, 0}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(hidden, alone) {
		t.Error("the embeddings differ from those of a single rank")
	}
	if err := m.Unembed(lens, hidden); err != nil {
		t.Fatal(err)
	}
	unembedded := make([]float32, len(lens))
	if err := one.Unembed(unembedded, alone); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lens, unembedded) {
		t.Error("the logits of an embedding differ from those of a single rank")
	}
}

// A step of one token allocates nothing, once the first has made room.
func TestRanksDoNotAllocate(t *testing.T) {
	b := ranks(t, 2, newExact)
	m, kv, batch := timed(t, "llama", b)
	batch.Timing = new(model.Timing)
	step := func() {
		if err := m.Forward(kv, batch); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if n := testing.AllocsPerRun(50, step); n != 0 {
		t.Errorf("a step allocates %v times", n)
	}
}

// Each all-reduce is timed: one after the embedding and two in every layer. A model
// that is not divided has none.
func TestAllReduceIsTimed(t *testing.T) {
	type at struct {
		op    model.Op
		layer uint16
	}
	reduces := func(b backend.Backend) (list []at) {
		m, kv, batch := timed(t, "llama", b)
		batch.Timing = new(model.Timing)
		if err := m.Forward(kv, batch); err != nil {
			t.Fatal(err)
		}
		for i, s := range batch.Timing.Spans {
			if p, ok := s.Op.AllReduces(); ok {
				list = append(list, at{s.Op, s.Layer})
				if before := batch.Timing.Spans[i-1].Op; s.Op.InLayer() && before.String() != p.String() || s.Duration <= 0 {
					t.Errorf("%v of %v took %v after %v", s.Op, p, s.Duration, before)
				}
			}
		}
		return list
	}
	want := []at{{model.OpEmbedAllReduce, 0}}
	for layer := range uint16(3) {
		want = append(want, at{model.OpAttnAllReduce, layer}, at{model.OpFFNAllReduce, layer})
	}
	if got := reduces(ranks(t, 2, newExact)); !slices.Equal(got, want) {
		t.Errorf("all-reduces %v, want %v", got, want)
	}
	if got := reduces(newExact()); got != nil {
		t.Errorf("a model that is not divided has all-reduces %v", got)
	}
}

// A model is not divided among more ranks than it has KV heads.
func TestTooManyRanks(t *testing.T) {
	b := ranks(t, 3, newRef)
	defer b.Close()
	_, err := model.Load("testdata/llama", b, model.LoadOptions{})
	var wrong *model.DivisionError
	if !errors.As(err, &wrong) || wrong.Ranks != 3 || wrong.Most != 2 {
		t.Errorf("three ranks for two KV heads: %v", err)
	}
}
