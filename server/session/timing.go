package session

import (
	"time"

	"vitrine/engine"
	"vitrine/visualizer/wire"
)

// timingFrame is where the time of a step went as the page is told it. ok is
// false if the backend could not tell.
func timingFrame(layers int, step engine.StepInfo, t *engine.StepTiming) (f wire.Timing, ok bool) {
	f = wire.Timing{
		Number: step.Number, Position: uint32(step.Position), Computed: uint16(step.Computed),
		Batch: uint16(step.Batch), Requests: uint16(step.Requests),
		Step: micros(step.Duration), Draw: micros(t.Draw), Layers: uint16(layers),
	}
	var outer [wire.NumOperations]time.Duration // scored prompts pass the final norm twice
	var has [wire.NumOperations]bool
	for _, s := range t.Spans {
		op := wire.Operation(s.Op) // package model has the same, a test holds it
		has[op] = true
		if !op.InLayer() {
			outer[op] += s.Duration
			continue
		}
		if s.Layer == 0 {
			f.Inner = append(f.Inner, op)
		}
		f.Micros = append(f.Micros, micros(s.Duration))
	}
	// Of a part of a prompt, the last layer ends with its keys and values: what
	// comes behind them is not computed, and took no time.
	for len(f.Micros) < layers*len(f.Inner) {
		f.Micros = append(f.Micros, 0)
	}
	for op, d := range outer {
		if op := wire.Operation(op); has[op] && !op.InLayer() {
			f.Outer = append(f.Outer, wire.OperationTime{Op: op, Micros: micros(d)})
		}
	}
	return f, len(t.Spans) > 0
}

// micros is a duration in microseconds.
func micros(d time.Duration) float32 { return float32(float64(d) / float64(time.Microsecond)) }
