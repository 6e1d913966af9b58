package hub

import (
	"math"
	"sync"
	"time"
)

// Phase is what a pull is doing.
type Phase string

const (
	// Waiting means that another process is fetching the same model.
	Waiting Phase = "waiting"
	// Asking means that a hub is asked for the file's size and checksum.
	Asking Phase = "asking"
	// Checking means that what an earlier download left is read to go on from it.
	Checking Phase = "checking"
	// Downloading means that the file's bytes arrive.
	Downloading Phase = "downloading"
	// Packaging means that a Python package's wheel arrives. Where pip itself downloads it, it tells
	// no bytes: Received is how much lies in the folder that it writes to.
	Packaging Phase = "packaging"
	// Unpacking means that the file is copied out of the wheel.
	Unpacking Phase = "unpacking"
	// Done means that the file is in the cache, whole and checked.
	Done Phase = "done"
)

// Event is the state of a pull.
type Event struct {
	Model    string // name in the registry
	Source   Source // empty before one is asked
	Phase    Phase
	Received int64         // bytes, those of an earlier download included
	Total    int64         // bytes; 0 if unknown
	Rate     float64       // bytes a second, smoothed over some seconds; 0 if unknown
	ETA      time.Duration // time left at that rate; 0 if unknown
}

// Progress is told how a pull goes on: at every change of phase, at most ten times a second
// in between, and also while no bytes come. It is called from one goroutine at a time and must not block.
type Progress func(Event)

const (
	eventInterval = 100 * time.Millisecond
	pulseInterval = 500 * time.Millisecond // for bytes that do not come
	rateWindow    = 3 * time.Second        // time constant of the smoothing
)

// meter turns bytes into events.
type meter struct {
	mu    sync.Mutex
	tell  Progress // may be nil
	clock func() time.Time
	event Event
	// before is what had arrived before the file that set tells of.
	before int64

	told     time.Time // of the last event
	measured time.Time // of the last update of the rate
	bytes    int64     // received then
	weight   float64   // how much of the window the rate has seen, 0 to 1
}

// enter starts a phase in which received bytes of total are here already.
func (m *meter) enter(p Phase, received, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.event.Phase, m.event.Received, m.event.Total = p, received, total
	m.event.Rate, m.event.ETA = 0, 0
	m.measured, m.bytes, m.weight = m.clock(), received, 0
	m.emit()
}

// add reports n more bytes.
func (m *meter) add(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.update(m.event.Received + n)
}

// set reports how many bytes are here.
func (m *meter) set(received int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.update(m.before + received)
}

// behind sets what had arrived before the file that set tells of.
func (m *meter) behind(before int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

// pulse reports that nothing has come, again and again, until it is stopped:
// else a connection that stalls would be told with the rate that it had.
func (m *meter) pulse() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(pulseInterval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				m.add(0)
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (m *meter) update(received int64) {
	m.event.Received = received
	now := m.clock()
	if now.Sub(m.told) < eventInterval {
		return
	}
	m.measure(now)
	m.emit()
}

// measure updates the rate: an exponential moving average, divided by the
// weight that its start at zero has cost it.
func (m *meter) measure(now time.Time) {
	elapsed := now.Sub(m.measured)
	if elapsed <= 0 {
		return
	}
	rate := float64(m.event.Received-m.bytes) / elapsed.Seconds()
	decay := math.Exp(-elapsed.Seconds() / rateWindow.Seconds())
	sum := m.event.Rate*m.weight*decay + rate*(1-decay)
	m.weight = m.weight*decay + 1 - decay
	m.event.Rate = max(0, sum/m.weight)
	m.measured, m.bytes = now, m.event.Received
	m.event.ETA = 0
	if left := m.event.Total - m.event.Received; left > 0 && m.event.Rate > 0 {
		seconds := min(float64(left)/m.event.Rate, math.MaxInt64/1e10) // years, not an overflow
		m.event.ETA = time.Duration(seconds * float64(time.Second))
	}
}

func (m *meter) emit() {
	m.told = m.clock()
	if m.tell != nil {
		m.tell(m.event)
	}
}
