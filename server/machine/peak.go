package machine

import (
	"fmt"
	"sync"
	"time"

	"vitrine/engine/backend/cpu/kernel"
)

// Peak is how fast the processor multiplies and adds where nothing has to be
// loaded: the bound of a matrix product whose operands lie in registers.
type Peak struct {
	Threads int `json:"threads"`
	// Multiply–adds a second: of bytes into 32-bit sums (VPDPBUSD, or where
	// that is missing VPMADDUBSW and VPMADDWD), and of float32, in vectors.
	Int8    float64 `json:"int8_multiply_adds_per_second"`
	Float32 float64 `json:"float32_multiply_adds_per_second"`
	// The instructions that they were measured with.
	Int8With    string `json:"int8_with"`
	Float32With string `json:"float32_with"`
	// AMXInt8 is that of bytes with AMX's tiles (TDPBSSD), 0 where there are none.
	AMXInt8 float64 `json:"amx_int8_multiply_adds_per_second,omitzero"`
}

// AMXInt8With is the name of the instructions of Peak.AMXInt8.
const AMXInt8With = "AMX-INT8"

// multiplier is a loop of multiply–adds.
type multiplier struct {
	name         string
	perIteration int // multiply–adds
	iterations   int // some ten milliseconds, beside which starting the threads is nothing
	run          func(n int)
}

// MeasurePeak measures the peaks of the given number of threads together with the
// instructions of a level, in some tenths of a second; false where there is no loop for
// the level (they are written for amd64 from AVX2 on) or the processor lacks it.
func MeasurePeak(threads int, level kernel.Level) (Peak, bool, error) {
	if threads < 1 {
		return Peak{}, false, fmt.Errorf("machine: %d threads, want at least 1", threads)
	}
	if level > kernel.Best() {
		return Peak{}, false, nil
	}
	int8s, float32s, ok := multipliers(level)
	if !ok {
		return Peak{}, false, nil
	}
	p := Peak{Threads: threads, Int8: int8s.rate(threads), Float32: float32s.rate(threads), Int8With: int8s.name, Float32With: float32s.name}
	if tiles, ok := tileMultiplier(level); ok {
		p.AMXInt8 = tiles.rate(threads)
	}
	return p, true, nil
}

// rate is the multiply–adds a second of threads together, in the fastest of
// some passes: others on the machine can only slow it down.
func (m multiplier) rate(threads int) float64 {
	const passes = 25 // in which the system finds a processor for each thread
	best := time.Duration(1<<63 - 1)
	for range passes {
		var wg sync.WaitGroup
		start := time.Now()
		for range threads {
			wg.Go(func() { m.run(m.iterations) })
		}
		wg.Wait()
		best = min(best, time.Since(start))
	}
	return float64(threads) * float64(m.iterations) * float64(m.perIteration) / best.Seconds()
}
