package serving

import "vitrine/engine"

// meter follows an engine's memory and batches, as its Observer. It runs on the
// engine's goroutine; what it counted is read when the engine is closed.
type meter struct {
	blockSize int
	held      map[int32]int // the filled slots of each block that somebody holds
	filled    int           // slots of all of them

	waiting    map[uint32]bool
	waste      mean
	concurrent mean
	queued     mean // the same, over the steps while somebody waits
	most       int  // requests in one step
	prefill    int  // positions of prompts, and of what a preemption threw away
}

// mean is the mean of numbers that are added one by one.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

// value is 0 of no numbers.
func (m *mean) value() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / float64(m.n)
}

func newMeter(blockSize int) *meter {
	return &meter{blockSize: blockSize, held: map[int32]int{}, waiting: map[uint32]bool{}}
}

// observer is what the engine tells the meter.
func (m *meter) observer() *engine.Observer {
	return &engine.Observer{Block: m.block, State: m.state, Plan: m.plan}
}

// state takes in a request's new state.
func (m *meter) state(s engine.StateInfo) {
	if s.State == engine.Waiting || s.State == engine.Preempted {
		m.waiting[s.Request] = true
	} else {
		delete(m.waiting, s.Request)
	}
}

// block takes in a block's new condition. A block that nobody holds is not
// reserved, even if a prefix cache remembers what is in it; one that several
// hold is reserved once.
func (m *meter) block(b engine.BlockInfo) {
	m.filled -= m.held[b.Block]
	if b.Refs == 0 {
		delete(m.held, b.Block)
		return
	}
	m.held[b.Block] = b.Filled
	m.filled += b.Filled
}

// plan takes in a step that is done: what it computed is in its slots, and the
// blocks of requests that ended with it are free.
func (m *meter) plan(p engine.PlanInfo) {
	if reserved := len(m.held) * m.blockSize; reserved > 0 {
		m.waste.add(1 - float64(m.filled)/float64(reserved))
	}
	m.concurrent.add(float64(len(p.Parts)))
	if len(m.waiting) > 0 {
		m.queued.add(float64(len(p.Parts)))
	}
	m.most = max(m.most, len(p.Parts))
	for _, part := range p.Parts {
		if part.Prefill {
			m.prefill += part.Count
		}
	}
}
