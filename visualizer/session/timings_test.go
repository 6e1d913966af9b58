package session

import (
	"math"
	"slices"
	"testing"

	"vitrine/visualizer/wire"
)

// timing is a decode step of two layers whose times are told apart by scale.
func timing(number uint64, scale float32) *wire.Timing {
	return &wire.Timing{
		Number: number, Computed: 1, Batch: 1, Requests: 1, Step: 100 * scale, Draw: 7 * scale,
		Outer:  []wire.OperationTime{{Op: wire.OperationEmbed, Micros: scale}, {Op: wire.OperationUnembed, Micros: 30 * scale}},
		Layers: 2, Inner: []wire.Operation{wire.OperationQKV, wire.OperationDown},
		Micros: []float32{10 * scale, 11 * scale, 12 * scale, 13 * scale},
	}
}

func TestTimesAreMeans(t *testing.T) {
	s := began(1)
	if _, ok := s.Times(Decode); ok {
		t.Error("times before any were measured")
	}
	for _, f := range []*wire.Timing{timing(1, 1), timing(2, 3)} {
		if s.Apply(f) != ChangeTiming {
			t.Error("times changed nothing")
		}
	}
	prompt := timing(3, 50)
	prompt.Batch, prompt.Outer = 64, prompt.Outer[:1]
	s.Apply(prompt)

	got, ok := s.Times(Decode)
	want := Times{
		Steps: 2, From: 1, Last: 2, Tokens: 1, Step: 200, Draw: 14, Layers: 2, Inner: timing(1, 1).Inner,
		Outer: timing(1, 2).Outer, Micros: []float32{20, 22, 24, 26},
	}
	if !ok || got.Steps != want.Steps || got.From != 1 || got.Last != 2 || got.Tokens != 1 || got.Step != want.Step || got.Draw != want.Draw ||
		!slices.Equal(got.Outer, want.Outer) || !slices.Equal(got.Micros, want.Micros) || !slices.Equal(got.Inner, want.Inner) || got.Layers != 2 {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for _, c := range []struct {
		op    wire.Operation
		layer int
		at    float32
		total float32
	}{
		{wire.OperationQKV, 1, 24, 44}, {wire.OperationDown, 0, 22, 48}, {wire.OperationDown, 2, 0, 48},
		{wire.OperationUnembed, 5, 60, 60}, {wire.OperationRoPE, 0, 0, 0}, {wire.OperationFinalNorm, 0, 0, 0},
	} {
		if got.At(c.op, c.layer) != c.at || got.Total(c.op) != c.total {
			t.Errorf("operation %d of layer %d took %v, in all %v; want %v and %v", c.op, c.layer, got.At(c.op, c.layer), got.Total(c.op), c.at, c.total)
		}
	}
	// What is missing in one of two steps took no time in it.
	again := timing(4, 50)
	again.Batch = 2
	s.Apply(again)
	if got, _ := s.Times(Prefill); got.Steps != 2 || got.Tokens != 33 || got.Total(wire.OperationUnembed) != 750 {
		t.Errorf("of the prompt: %+v", got)
	}
}

func TestTimesOfTheLastSteps(t *testing.T) {
	s := began(1)
	for i := range 3 * MaxTimings {
		s.Apply(timing(uint64(i), float32(i)))
	}
	got, _ := s.Times(Decode)
	if want := float32(100 * (5*MaxTimings - 1) / 2.0); got.Steps != MaxTimings || got.From != 2*MaxTimings || math.Abs(float64(got.Step-want)) > 1e-3 {
		t.Errorf("mean of %d steps from %d on is %v, want %v", got.Steps, got.From, got.Step, want)
	}
	other := timing(999, 1)
	other.Layers, other.Micros = 1, other.Micros[:2]
	s.Apply(other)
	if got, _ := s.Times(Decode); got.Steps != 1 || got.Layers != 1 {
		t.Errorf("steps of another model are mixed: %+v", got)
	}
	s.Apply(tokens(0, 0, 4, 5))
	if _, ok := s.Times(Decode); ok {
		t.Error("times of the conversation before are kept")
	}
}

// A connection knows of the machine what it was told on it.
func TestMachineIsToldAnew(t *testing.T) {
	s := began(1)
	if _, ok := s.Machine(); ok {
		t.Error("a machine before it was told")
	}
	s.Apply(&wire.Machine{StepBytes: 5, BytesPerSecond: 7})
	if change := s.Apply(&wire.KVRead{Bytes: 3}); change != ChangeMachine || s.KVRead() != 3 {
		t.Errorf("%d bytes of keys and values are read, and %b has changed", s.KVRead(), change)
	}
	if m, ok := s.Machine(); !ok || m.BytesPerSecond != 7 {
		t.Errorf("got %+v, %v", m, ok)
	}
	if change := s.Apply(testHello()); change&ChangeMachine == 0 {
		t.Error("a new connection does not say that the machine is unknown")
	}
	if _, ok := s.Machine(); ok {
		t.Error("the machine of the connection before")
	}
}
