package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"

	"vitrine/engine/backend/cpu/kernel"
)

// barrier lets all ranks wait for one another, again and again. Ranks do the
// same work and come within microseconds of each other, so one that waits looks
// for the others for a short while before it sleeps.
type barrier struct {
	ranks   int32
	spins   int
	arrived atomic.Int32
	turn    atomic.Uint32 // how often all have been here
	mu      sync.Mutex
	opened  sync.Cond
}

// spins is how often a rank looks for the others before it sleeps, some 200 µs:
// ranks with an uneven share of the heads wait longer than it takes to be woken.
const spins = 6000

func newBarrier(ranks int) *barrier {
	b := &barrier{ranks: int32(ranks)}
	if ranks <= runtime.GOMAXPROCS(0) { // else those that look would keep the others from coming
		b.spins = spins
	}
	b.opened.L = &b.mu
	return b
}

// wait returns when all ranks have called it. What they wrote before is seen
// by all after it.
func (b *barrier) wait() {
	turn := b.turn.Load()
	if b.arrived.Add(1) == b.ranks {
		b.arrived.Store(0)
		b.mu.Lock() // a rank between its look and its sleep would miss the call
		b.turn.Add(1)
		b.mu.Unlock()
		b.opened.Broadcast()
		return
	}
	for range b.spins {
		if b.turn.Load() != turn {
			return
		}
		kernel.Pause()
	}
	b.mu.Lock()
	for b.turn.Load() == turn {
		b.opened.Wait()
	}
	b.mu.Unlock()
}
