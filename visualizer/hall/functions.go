package hall

import "vitrine/visualizer/view"

// Functions that compute what the page shows, beside those of the meters.
const (
	FuncBlock   = "engine/kvcache.(*Pool).changed" // a block's condition
	FuncCopy    = "engine/kvcache.(*Pool).Grow"    // copy-on-write
	FuncEvict   = "engine/kvcache.(*Pool).forget"  // eviction
	FuncPlan    = "engine/scheduler.Plan"          // what a step does
	FuncVerify  = "engine.(*Engine).verify"        // which guesses were right
	FuncFormula = "visualizer/hall.Meter.Formula"  // a meter's formula

	funcMeasure = "server/serving.(*recorder).measure"
	funcPart    = "server/serving.(*recorder).part"
	funcBlock   = "server/serving.(*recorder).block"
	funcState   = "server/serving.(*recorder).state"
)

// Functions lists everything whose source the page can ask for.
func Functions() []string {
	names := []string{FuncBlock, FuncCopy, FuncEvict, FuncPlan, FuncVerify, FuncFormula, view.FuncPlace}
	for m := range NumMeters {
		names = append(names, m.Func())
	}
	return names
}

// Func names the Go function that computed the meter.
func (m Meter) Func() string {
	switch m {
	case MeterRate, MeterHeld, MeterWaste, MeterWaiting, MeterFirst:
		return funcMeasure
	case MeterCopied, MeterEvicted:
		return funcBlock
	case MeterPreempted:
		return funcState
	}
	return funcPart
}
