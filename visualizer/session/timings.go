package session

import (
	"slices"

	"vitrine/visualizer/wire"
)

// MaxTimings is over how many of the last measured steps times are averaged:
// one step alone jumps, for the machine has other things to do as well.
const MaxTimings = 32

// StepKind tells apart the steps whose times have nothing to do with each other.
type StepKind uint8

// The kinds of steps.
const (
	Decode  StepKind = iota // every request computes one token
	Prefill                 // some request reads its prompt
	stepKinds
)

// Times is where the time of a step goes: means over the last measured steps of
// a kind, in microseconds.
type Times struct {
	Steps      int     // how many were averaged
	From, Last uint64  // the numbers of the first and the last of them
	Tokens     float32 // tokens of all requests a step
	Step       float32 // the whole step
	Draw       float32 // the sampler, after the step
	Outer      []wire.OperationTime
	Layers     int
	Inner      []wire.Operation
	Micros     []float32 // by layer, operation of Inner
}

// timings holds the last measured steps by their kind.
type timings [stepKinds][]*wire.Timing

func (t *timings) add(f *wire.Timing) {
	kind := Decode
	if f.Batch > f.Requests {
		kind = Prefill
	}
	steps := t[kind]
	if n := len(steps); n > 0 && (steps[n-1].Layers != f.Layers || !slices.Equal(steps[n-1].Inner, f.Inner)) {
		steps = nil // of another model
	}
	if len(steps) == MaxTimings {
		steps = append(steps[:0], steps[1:]...)
	}
	t[kind] = append(steps, f)
}

func (t *timings) any() bool { return len(t[Decode])+len(t[Prefill]) > 0 }

// Times is the mean over the last measured steps of a kind; ok is false if
// there are none. Steps are measured only while someone watches.
func (s *Session) Times(kind StepKind) (mean Times, ok bool) {
	if kind >= stepKinds || len(s.timings[kind]) == 0 {
		return Times{}, false
	}
	steps := s.timings[kind]
	first, last := steps[0], steps[len(steps)-1]
	n := float64(len(steps))
	mean = Times{
		Steps: len(steps), From: first.Number, Last: last.Number,
		Layers: int(last.Layers), Inner: last.Inner, Micros: make([]float32, len(last.Micros)),
	}
	var tokens, step, draw float64
	var outer [wire.NumOperations]float64
	var has [wire.NumOperations]bool
	sums := make([]float64, len(last.Micros))
	for _, f := range steps {
		tokens, step, draw = tokens+float64(f.Batch), step+float64(f.Step), draw+float64(f.Draw)
		for _, o := range f.Outer {
			outer[o.Op] += float64(o.Micros)
			has[o.Op] = true
		}
		for i, x := range f.Micros {
			sums[i] += float64(x)
		}
	}
	mean.Tokens, mean.Step, mean.Draw = float32(tokens/n), float32(step/n), float32(draw/n)
	for op, sum := range outer {
		if has[op] {
			mean.Outer = append(mean.Outer, wire.OperationTime{Op: wire.Operation(op), Micros: float32(sum / n)})
		}
	}
	for i, sum := range sums {
		mean.Micros[i] = float32(sum / n)
	}
	return mean, true
}

// At is how long an operation of a layer took; for one outside the layers the
// layer does not matter. It is 0 if there is no such operation.
func (t *Times) At(op wire.Operation, layer int) float32 {
	if !op.InLayer() {
		for _, o := range t.Outer {
			if o.Op == op {
				return o.Micros
			}
		}
		return 0
	}
	i := slices.Index(t.Inner, op)
	if i < 0 || layer < 0 || layer >= t.Layers {
		return 0
	}
	return t.Micros[layer*len(t.Inner)+i]
}

// Total is how long an operation took over all layers.
func (t *Times) Total(op wire.Operation) float32 {
	if !op.InLayer() {
		return t.At(op, 0)
	}
	var sum float64
	for layer := range t.Layers {
		sum += float64(t.At(op, layer))
	}
	return float32(sum)
}

// Machine is what the server has measured of its machine; ok is false until it
// has.
func (s *Session) Machine() (m *wire.Machine, ok bool) {
	return &s.machine, s.machine.BytesPerSecond > 0
}

// KVRead is how many bytes of keys and values a step read that drew a token.
func (s *Session) KVRead() uint64 { return s.kvRead }
