package view

import (
	"strconv"
	"strings"

	"vitrine/visualizer/paint"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// TimeItem is one thing that takes time in a step: an operation of the model
// (a [wire.Operation]), or one of those below.
type TimeItem uint8

// What else takes time.
const (
	ItemDraw TimeItem = TimeItem(wire.NumOperations) + iota // the sampler, after the step
	ItemRest                                                // what the engine does before, between and after the operations

	NumTimeItems
)

// TimeTotal is how long one thing takes in a step, over all layers.
type TimeTotal struct {
	Item   TimeItem
	Micros float32
	Times  int // how often it happens: once, or once a layer
}

// Whole is how long a step takes with the draw that follows it, in microseconds.
func Whole(t *session.Times) float32 { return t.Step + t.Draw }

// TimeTotals lists what takes time in a step, the longest first.
func TimeTotals(t *session.Times) []TimeTotal {
	var totals []TimeTotal
	rest := float64(t.Step)
	add := func(op wire.Operation, times int) {
		micros := t.Total(op)
		rest -= float64(micros)
		totals = append(totals, TimeTotal{TimeItem(op), micros, times})
	}
	for _, o := range t.Outer {
		add(o.Op, 1)
	}
	for _, op := range t.Inner {
		add(op, t.Layers)
	}
	totals = append(totals, TimeTotal{ItemDraw, t.Draw, 1}, TimeTotal{ItemRest, float32(max(rest, 0)), 1})
	// By insertion: there are few of them, and package slices would be compiled
	// for them once more.
	for i := range totals {
		for at := i; at > 0 && totals[at].Micros > totals[at-1].Micros; at-- {
			totals[at], totals[at-1] = totals[at-1], totals[at]
		}
	}
	return totals
}

// ReadsWeights says whether an operation multiplies by a matrix of weights: all
// of those are read from memory in every step.
func ReadsWeights(item TimeItem) bool {
	switch wire.Operation(item) {
	case wire.OperationQKV, wire.OperationOProj, wire.OperationGateUp, wire.OperationGatedUnit, wire.OperationDown, wire.OperationUnembed:
		return true
	}
	return false
}

// Micros writes a time in microseconds with two decimals: "1,234.50 µs".
func Micros(x float32) string { return BareMicros(x) + " µs" }

// BareMicros is [Micros] without the unit, for a column that names it.
func BareMicros(x float32) string { return fixed(float64(x), 2) }

// FullBar is what the highest bar of a picture of times stands for: what all but
// a fiftieth of them do not exceed. A machine that had something else to do
// leaves single times many times longer, which would flatten the others.
func FullBar(micros []float32) float32 { return paint.AbsQuantile(micros, 0.98) }

// fixed writes x ≥ 0 with so many decimals and a comma every three digits before them.
func fixed(x float64, decimals int) string {
	text := strconv.FormatFloat(x, 'f', decimals, 64)
	point := strings.IndexByte(text, '.')
	if point < 0 {
		point = len(text)
	}
	for i := point - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// TimeShare tells what part of a step, with the draw that follows it, something
// takes, in one line named "share".
//
//	t/(step + draw) = 34.12 µs/(6,310.50 µs + 220.25 µs) = 0.52 %
func TimeShare(t *session.Times, micros float32) []Line {
	return []Line{line("share", plain("t/(step + draw) = "+Micros(micros)+"/("+Micros(t.Step)+" + "+Micros(t.Draw)+") = "+
		Percent(float64(micros)/float64(Whole(t)))))}
}

// Mean tells that a time is the mean over so many steps, in one line named "mean".
//
//	t = Σ tᵢ/32 = 34.12 µs
func Mean(steps int, micros float32) []Line {
	return []Line{line("mean", plain("t = Σ tᵢ/"+strconv.Itoa(steps)+" = "+Micros(micros)))}
}

// BandwidthShare is the part of the memory's bandwidth that reading the weights, and kv
// bytes of keys and values, takes at a rate of tokens a second of one request: a step reads
// them once, and draws one token of it. It is above 1 where they stay in a cache, which
// is faster than memory.
func BandwidthShare(m *wire.Machine, kv uint64, rate float32) float64 {
	return float64(m.StepBytes+kv) * float64(rate) / float64(m.BytesPerSecond)
}

// Bandwidth tells how that share comes about, in two lines named "read" and "share".
//
//	(98.65 MB + 2.30 MB)·143.2/s = 14.46 GB/s
//	14.46 GB/s ÷ 33.00 GB/s = 43.81 %
func Bandwidth(m *wire.Machine, kv uint64, rate float32) []Line {
	read := Gigabytes(float64(m.StepBytes+kv)*float64(rate)) + "/s"
	return []Line{
		line("read", plain("("+megabytes(m.StepBytes)+" + "+megabytes(kv)+")·"+fixed(float64(rate), 1)+"/s = "+read)),
		line("share", plain(read+" ÷ "+Gigabytes(float64(m.BytesPerSecond))+"/s = "+Percent(BandwidthShare(m, kv, rate)))),
	}
}

// megabytes writes a number of bytes in units of 10⁶.
func megabytes(n uint64) string { return fixed(float64(n)/1e6, 2) + " MB" }

// Gigabytes writes a number of bytes in units of 10⁹.
func Gigabytes(bytes float64) string { return fixed(bytes/1e9, 2) + " GB" }
