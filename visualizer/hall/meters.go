package hall

import (
	"strconv"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// Meter is one of the hall's figures.
type Meter uint8

// The meters, in the order in which they are shown.
const (
	MeterRate Meter = iota
	MeterFirst
	MeterBetween
	MeterHeld
	MeterWaste
	MeterHits
	MeterRunning
	MeterWaiting
	MeterPreempted
	MeterCopied
	MeterEvicted
	MeterAccepted // of the tokens that were guessed, the share that was right
	MeterLength   // mean tokens that an output gets from a step with guesses
	NumMeters
)

// Of is the meter's value: shares are within 0 … 1, times in milliseconds. ok is
// false while there is nothing to tell.
func (m Meter) Of(f *wire.HallMeters, blocks uint32) (value float64, ok bool) {
	switch m {
	case MeterRate:
		return float64(f.Rate), f.Drawn > 0
	case MeterFirst:
		return float64(f.FirstMs), f.FirstMs > 0
	case MeterBetween:
		return float64(f.BetweenMs), f.BetweenMs > 0
	case MeterHeld:
		return ratio(float64(f.Held), float64(blocks))
	case MeterWaste:
		return ratio(float64(f.Slots)-float64(f.Filled), float64(f.Slots))
	case MeterHits:
		return ratio(float64(f.Hits), float64(f.Lookups))
	case MeterRunning:
		return float64(f.Running), f.Drawn > 0 || f.Running > 0
	case MeterWaiting:
		return float64(f.Waiting), true
	case MeterPreempted:
		return float64(f.Preempted), true
	case MeterCopied:
		return float64(f.Copied), true
	case MeterEvicted:
		return float64(f.Evicted), true
	case MeterAccepted:
		return ratio(float64(f.Accepted), float64(f.Drafted))
	case MeterLength:
		v, ok := ratio(float64(f.Accepted), float64(f.Proposed))
		return 1 + v, ok // the token that is drawn anyway
	}
	return 0, false
}

func ratio(a, b float64) (float64, bool) {
	if !(b > 0) {
		return 0, false
	}
	return a / b, true
}

// Text writes the meter's value with its unit.
func (m Meter) Text(v float64) string {
	switch m {
	case MeterRate:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case MeterFirst, MeterBetween:
		return Duration(v)
	case MeterLength:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case MeterHeld, MeterWaste, MeterHits, MeterAccepted:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Duration writes a time given in milliseconds.
func Duration(ms float64) string {
	switch {
	case ms >= 10_000:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'f', 2, 64) + " s"
	case ms >= 100:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
}

// Formula is how a share came about, its operands filled in, under the name that the
// page has for it in its language; nil for what is counted or measured as it is.
//
//	waste = (192 − 180)/192 = 6.25 %
func (m Meter) Formula(name string, f *wire.HallMeters, blocks uint32) []view.Line {
	n := func(v uint64) string { return strconv.FormatUint(v, 10) }
	var sum string
	switch m {
	case MeterHeld:
		sum = n(uint64(f.Held)) + "/" + n(uint64(blocks))
	case MeterWaste:
		sum = "(" + n(uint64(f.Slots)) + " − " + n(uint64(f.Filled)) + ")/" + n(uint64(f.Slots))
	case MeterHits:
		sum = n(f.Hits) + "/" + n(f.Lookups)
	case MeterAccepted:
		sum = n(f.Accepted) + "/" + n(f.Drafted)
	case MeterLength:
		sum = "1 + " + n(f.Accepted) + "/" + n(f.Proposed)
	default:
		return nil
	}
	v, ok := m.Of(f, blocks)
	if !ok {
		return nil
	}
	return []view.Line{{Name: name, Parts: []view.Part{{Text: name + " = " + sum + " = " + m.Text(v)}}}}
}
