package serving

import (
	"slices"
	"sync"
	"time"

	"vitrine/engine"
	"vitrine/visualizer/wire"
)

// tally measures one side of a race. Its clock is the time that the side's own
// steps take, so that waiting for the model's other users counts for nobody.
type tally struct {
	mu       sync.Mutex
	run      *wire.HallRun
	kind     wire.HallRaceKind
	told     func()
	telling  time.Time
	counting bool

	passed   time.Duration
	steps    int
	atOnce   int             // requests, summed over the steps
	waste    float64         // share of empty slots, summed over the steps with held blocks
	wasted   int             // those steps
	filled   map[int32]int   // slots written, of the blocks that are held
	begun    map[uint32]bool // requests that were looked up in the prefix cache
	prompts  map[uint32]int  // tokens
	latest   map[uint32]time.Duration
	firsts   []float32
	betweens []float32
}

func newTally(run *wire.HallRun, kind wire.HallRaceKind, told func()) *tally {
	return &tally{
		run: run, kind: kind, told: told, filled: map[int32]int{},
		begun: map[uint32]bool{}, prompts: map[uint32]int{}, latest: map[uint32]time.Duration{},
	}
}

func (t *tally) observer() *engine.Observer {
	return &engine.Observer{Request: t.request, State: t.state, Block: t.block, Plan: t.plan}
}

// begin counts from now on.
func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counting = true
}

// end stops counting.
func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counting = false
	t.point()
	t.run.Done = true
}

func (t *tally) request(info engine.RequestInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prompts[info.Request] = info.Prompt
}

func (t *tally) state(info engine.StateInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.counting:
	case info.State == engine.Preempted:
		t.run.Preempted++
	case info.State.Finished():
		t.run.Finished++
	}
}

func (t *tally) block(info engine.BlockInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if info.Refs > 0 {
		t.filled[info.Block] = info.Filled
	} else {
		delete(t.filled, info.Block)
	}
}

func (t *tally) plan(info engine.PlanInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.counting {
		return
	}
	r := t.run
	t.passed += info.Duration
	r.Micros = uint64(t.passed.Microseconds())
	t.steps++
	r.Steps = uint32(t.steps)
	t.atOnce += len(info.Parts)
	r.AtOnce = float32(t.atOnce) / float32(t.steps)
	r.Peak = max(r.Peak, uint16(len(info.Parts)))
	r.Computed += uint64(info.Padding)
	for i := range info.Parts {
		t.part(&info.Parts[i])
	}
	if slots := len(t.filled) * int(r.Config.BlockSize); slots > 0 {
		written := 0
		for _, n := range t.filled {
			written += n
		}
		t.waste += 1 - float64(written)/float64(slots)
		t.wasted++
		r.Waste = float32(t.waste / float64(t.wasted))
	}
	r.FirstMs, r.BetweenMs = median(t.firsts), median(t.betweens)
	if n := len(r.Curve); n == 0 || t.kind == wire.HallRaceKV || t.at().X-r.Curve[n-1].X > 50 {
		t.point()
	}
	if time.Since(t.telling) > tellInterval {
		t.telling = time.Now()
		t.told()
	}
}

func (t *tally) part(p *engine.PlanPart) {
	r := t.run
	r.Computed += uint64(p.Count)
	r.Drawn += uint32(p.Drawn)
	if p.Drafted > 0 {
		r.Drafted += uint64(p.Drafted)
		r.Accepted += uint64(max(p.Drawn-1, 0))
	}
	if !t.begun[p.Request] {
		t.begun[p.Request] = true
		r.Lookups += uint64(t.prompts[p.Request])
		r.Hits += uint64(min(p.Cached, t.prompts[p.Request]))
	}
	if p.Drawn == 0 {
		return
	}
	if latest, drew := t.latest[p.Request]; drew {
		t.betweens = append(t.betweens, milliseconds(t.passed-latest)/float32(p.Drawn))
	} else {
		t.firsts = append(t.firsts, milliseconds(t.passed))
	}
	t.latest[p.Request] = t.passed
}

// at is where the side's curve has come to: in the race of the KV cache, the
// time over the tokens, otherwise the tokens over the time.
func (t *tally) at() wire.HallPoint {
	ms, tokens := milliseconds(t.passed), float32(t.run.Drawn)
	if t.kind == wire.HallRaceKV {
		return wire.HallPoint{X: tokens, Y: ms}
	}
	return wire.HallPoint{X: ms, Y: tokens}
}

// point adds a point to the curve; of too many every second one goes.
func (t *tally) point() {
	c := append(t.run.Curve, t.at())
	if len(c) > curvePoints {
		kept := c[:0]
		for i, p := range c {
			if i%2 == 0 || i == len(c)-1 {
				kept = append(kept, p)
			}
		}
		c = kept
	}
	t.run.Curve = slices.Clip(c)
}
