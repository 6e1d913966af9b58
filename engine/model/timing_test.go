package model_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
)

// mute is a backend that cannot say how long its operations take.
type mute struct{ backend.Backend }

// timed is a step of six tokens, of which the last one's logits are wanted.
func timed(t *testing.T, name string, b backend.Backend) (m *model.Model, kv backend.KVCache, batch *model.Batch) {
	t.Helper()
	m, err := model.Load(filepath.Join("testdata", name), b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); b.Close() })
	if kv, err = m.NewKVCache(2, 8); err != nil {
		t.Fatal(err)
	}
	n := int32(6)
	batch = &model.Batch{
		LogitRows: []int32{n - 1}, Logits: make([]float32, m.Config().Vocab),
		Sequences: []backend.Sequence{{Count: int(n), Blocks: []int32{1}}},
	}
	for i := range n {
		batch.Tokens, batch.Positions, batch.Slots = append(batch.Tokens, 7*i), append(batch.Positions, i), append(batch.Slots, 8+i)
	}
	return m, kv, batch
}

// Each operation that the architecture has is timed once a layer, in its order,
// and all together take no longer than the step.
func TestTiming(t *testing.T) {
	in := func(ops ...model.Op) []model.Op { return ops }
	qkNorm, postNorms := in(model.OpQKNorm), in(model.OpAttnPostNorm, model.OpFFNPostNorm)
	without := map[string][]model.Op{
		"llama": append(postNorms, qkNorm...), "qwen2": append(postNorms, qkNorm...), "qwen3": postNorms, "gemma3_text": nil,
	}
	for name, missing := range without {
		for _, b := range []backend.Backend{ref.New(), cpu.New(2)} {
			t.Run(name+"/"+b.Name(), func(t *testing.T) {
				m, kv, batch := timed(t, name, b)
				var want []model.Span
				add := func(op model.Op, layer int) {
					if !slices.Contains(missing, op) {
						want = append(want, model.Span{Op: op, Layer: uint16(layer)})
					}
				}
				_, together := b.(backend.Gater)
				add(model.OpEmbed, 0)
				for layer := range m.Config().Layers {
					for op := model.OpAttnNorm; op <= model.OpResidOut; op++ {
						switch {
						case together && op == model.OpGateUp:
							add(model.OpGatedUnit, layer)
						case together && op == model.OpActivation:
						default:
							add(op, layer)
						}
					}
				}
				add(model.OpFinalNorm, 0)
				add(model.OpUnembed, 0)

				batch.Timing = new(model.Timing)
				for range 2 { // the second time in the memory of the first
					begin := time.Now()
					if err := m.Forward(kv, batch); err != nil {
						t.Fatal(err)
					}
					whole := time.Since(begin)
					var sum time.Duration
					got := slices.Clone(batch.Timing.Spans)
					for i := range got {
						if got[i].Duration < 0 {
							t.Errorf("%v of layer %d took %v", got[i].Op, got[i].Layer, got[i].Duration)
						}
						sum += got[i].Duration
						got[i].Duration = 0
					}
					if !slices.Equal(got, want) {
						t.Fatalf("timed\n%v\nwant\n%v", got, want)
					}
					if sum > whole || sum <= 0 {
						t.Errorf("the operations took %v, the whole step %v", sum, whole)
					}
				}
			})
		}
	}
}

// Without somebody who asks there is not a mark, and timing needs no memory of
// its own after the first step.
func TestTimingCostsNoMemory(t *testing.T) {
	b := cpu.New(1)
	m, kv, batch := timed(t, "llama", b)
	step := func() {
		if err := m.Forward(kv, batch); err != nil {
			t.Fatal(err)
		}
	}
	off := testing.AllocsPerRun(20, step)
	if marks := b.Marks(nil); len(marks) > 0 {
		t.Errorf("nobody asked, and %d times were noted", len(marks))
	}
	batch.Timing = new(model.Timing)
	if on := testing.AllocsPerRun(20, step); on > off {
		t.Errorf("a timed step allocates %v times, one that is not timed %v times", on, off)
	}
}

// A backend that cannot tell computes, and tells nothing.
func TestTimingOfAMuteBackend(t *testing.T) {
	m, kv, batch := timed(t, "llama", mute{ref.New()})
	batch.Timing = &model.Timing{Spans: []model.Span{{Op: model.OpDown}}}
	if err := m.Forward(kv, batch); err != nil {
		t.Fatal(err)
	}
	if len(batch.Timing.Spans) > 0 {
		t.Errorf("the times are %v", batch.Timing.Spans)
	}
}

// Who looks at the gate's numbers has them computed apart, and sees the times of that.
func TestTimingOfATappedStep(t *testing.T) {
	b := cpu.New(1)
	m, kv, batch := timed(t, "llama", b)
	count := func(op model.Op) (n int) {
		for _, s := range batch.Timing.Spans {
			if s.Op == op {
				n++
			}
		}
		return n
	}
	layers := m.Config().Layers
	for _, tapped := range []bool{false, true, false} {
		batch.Timing, batch.Taps = new(model.Timing), nil
		if tapped {
			batch.Taps = []model.Tap{{Point: model.Gate, Layer: 0, Count: 1, Dst: make([]float32, m.Config().FFN)}}
		}
		if err := m.Forward(kv, batch); err != nil {
			t.Fatal(err)
		}
		together, apart := layers, 0
		if tapped {
			together, apart = 0, layers
		}
		if count(model.OpGatedUnit) != together || count(model.OpGateUp) != apart || count(model.OpActivation) != apart {
			t.Errorf("tapped %v: %v", tapped, batch.Timing.Spans)
		}
	}
}
