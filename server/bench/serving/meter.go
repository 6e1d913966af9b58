package serving

import "vitrine/engine"

// meter counts what happens inside an engine, as its Observer. It runs on the
// engine's goroutine; what it counted is read when the engine is closed.
type meter struct {
	blockSize int
	held      map[int32]int // the filled slots of each block that somebody holds
	filled    int           // slots of all of them
	running   map[uint32]bool

	steps       int
	computed    int // tokens
	waste       mean
	concurrent  mean
	most        int // requests at once
	preemptions int
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
	return &meter{blockSize: blockSize, held: map[int32]int{}, running: map[uint32]bool{}}
}

// observer is what the engine tells the meter.
func (m *meter) observer() *engine.Observer {
	return &engine.Observer{Block: m.block, State: m.state, Step: m.step}
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

// state takes in a request's new state.
func (m *meter) state(s engine.StateInfo) {
	switch s.State {
	case engine.Prefill, engine.Running:
		m.running[s.Request] = true
	case engine.Preempted:
		m.preemptions++
		delete(m.running, s.Request)
	default:
		delete(m.running, s.Request)
	}
}

// step takes in a step. Its tokens' keys and values are in their slots by
// then, but not yet counted in their blocks.
func (m *meter) step(s engine.StepInfo) {
	m.steps++
	m.computed += s.Batch
	m.waste.add(waste(m.filled+s.Batch, len(m.held)*m.blockSize))
	m.concurrent.add(float64(len(m.running)))
	m.most = max(m.most, len(m.running))
}

// waste is the part of the reserved slots that holds no token's keys and
// values: 1 − filled/reserved, 0 where nothing is reserved.
func waste(filled, reserved int) float64 {
	if reserved == 0 {
		return 0
	}
	return 1 - float64(filled)/float64(reserved)
}
