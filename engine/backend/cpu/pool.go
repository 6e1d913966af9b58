package cpu

import (
	"runtime"
	"sync/atomic"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
)

// task is an operation that is cut into parts. run works off the parts lo …
// hi-1; worker is 0 … workers-1, and no two calls have the same at once.
type task interface {
	run(worker, lo, hi int)
}

// pool is a fixed set of goroutines that share the parts of one operation
// after another. The caller is worker 0 and works too.
//
// A model's step is a few hundred operations with microseconds between them,
// too few to go to sleep and be woken up in. So a worker that finds nothing to
// do looks for the next operation for a short while, then between naps, and
// sleeps at last; and so does the caller until the last part is done. Nobody
// spins while the model rests.
//
// A nap is short enough to be at hand when a token is drawn and the next step
// begins, which takes longer than one may spin. And it leaves the processor to
// others: to a worker that has been held back on the other one by a program that
// runs there too, say the browser in which the page is open.
//
// The caller waits for parts, not for workers: a worker that the operating
// system holds back holds nothing up unless it is in the middle of a part.
type pool struct {
	workers int
	sleeper []sleeper // one a worker; the caller's is that of worker 0

	// The operation at hand. Who has taken a part of it may read task: it
	// changes only when all parts are done.
	task   task
	chunk  atomic.Int64  // parts to take at once at least
	left   atomic.Int64  // parts that are not done
	epoch  atomic.Uint64 // number of the operation
	closed atomic.Bool
	// shares are the parts that nobody has taken, a contiguous share for each
	// worker: it finds what it read last time, and what it read ahead, in its
	// own cache. Who is done with his own takes from the others'.
	shares []untaken
	hands  []hand // one a worker
	_      [64]byte
	failed atomic.Pointer[backend.Panic] // the first one of the operation at hand
}

// hand is the chunk that a worker has in hand, for who cleans up behind a panic.
type hand struct {
	lo, hi int
	_      [48]byte // a cache line of its own
}

// share is a worker's share of n parts.
func share(n, worker, workers int) (lo, hi int) {
	return n * worker / workers, n * (worker + 1) / workers
}

// untaken is a range of parts, from the lower half of the number to the upper one.
type untaken struct {
	parts atomic.Uint64
	_     [56]byte // a cache line of its own
}

// give makes the parts lo … hi-1 free to take.
func (s *untaken) give(lo, hi int) { s.parts.Store(uint64(hi)<<32 | uint64(lo)) }

// take takes a part of the rest, but at least so many parts while there
// are that many, from the front or the end. lo = hi if there are none. A range
// that changed meanwhile and is as it was is as good as the one that was seen, even
// if it is the next operation's.
func (s *untaken) take(least int, end bool) (lo, hi int) {
	for {
		parts := s.parts.Load()
		lo, hi := int(uint32(parts)), int(parts>>32)
		n := min(max(least, (hi-lo)/restPerTake), hi-lo)
		if n == 0 {
			return 0, 0
		}
		from, to, rest := lo, lo+n, uint64(hi)<<32|uint64(lo+n)
		if end {
			from, to, rest = hi-n, hi, uint64(hi-n)<<32|uint64(lo)
		}
		if s.parts.CompareAndSwap(parts, rest) {
			return from, to
		}
	}
}

// sleeper is a goroutine that may be asleep.
type sleeper struct {
	asleep atomic.Bool
	wake   chan struct{}
	_      [48]byte // a cache line of its own
}

// sleep blocks until somebody calls rouse, unless ready says that it need not.
func (s *sleeper) sleep(ready func() bool) {
	s.asleep.Store(true)
	if ready() && s.asleep.CompareAndSwap(true, false) {
		return
	}
	<-s.wake
}

// rouse wakes the goroutine if it sleeps.
func (s *sleeper) rouse() {
	if s.asleep.CompareAndSwap(true, false) {
		s.wake <- struct{}{}
	}
}

const (
	// chunksPerWorker is how finely an operation is cut at the end. Workers take the
	// next chunk when they are done with one, so that a core that is slowed down, or
	// that met the longer rows of a causal attention, does not hold up the others.
	chunksPerWorker = 16
	// restPerTake says that a chunk is that part of what is left of a worker's
	// share: large ones first, and small ones at the end, where one worker waits for
	// another ("guided self-scheduling", Polychronopoulos and Kuck 1987).
	restPerTake = 4
	// spins is how often a worker looks for work before it naps, some 30 µs:
	// as long as it would take to be woken.
	spins = 1000
)

func newPool(workers int) *pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := &pool{workers: workers, sleeper: make([]sleeper, workers), shares: make([]untaken, workers), hands: make([]hand, workers)}
	for w := range p.sleeper {
		p.sleeper[w].wake = make(chan struct{}, 1)
		if w > 0 {
			go p.work(w)
		}
	}
	return p
}

// work is the life of a worker.
func (p *pool) work(w int) {
	seen := uint64(0)
	ready := func() bool { return p.epoch.Load() != seen }
	for {
		linger(ready)
		if !ready() {
			p.sleeper[w].sleep(ready)
		}
		seen = p.epoch.Load()
		if p.closed.Load() {
			return
		}
		p.take(w)
	}
}

// linger returns when ready says so, and at the latest after some milliseconds.
func linger(ready func() bool) {
	for range spins {
		if ready() {
			return
		}
		kernel.Pause()
	}
	for i := 0; i < naps && !ready(); i++ {
		nap()
		runtime.Gosched() // what has come up for this thread
	}
}

// run has t.run called for all parts 0 … n-1, in contiguous chunks, and
// returns when all are done. There are less than 2³¹ parts. If a call panics, so does
// run when the others are done, with a *[backend.Panic] if there are several workers.
func (p *pool) run(n int, t task) {
	if n <= 0 {
		return
	}
	if p.workers == 1 || n == 1 {
		t.run(0, 0, n)
		return
	}
	p.task = t
	p.chunk.Store(int64((n + p.workers*chunksPerWorker - 1) / (p.workers * chunksPerWorker)))
	p.left.Store(int64(n))
	for w := range p.shares {
		p.shares[w].give(share(n, w, p.workers))
	}
	p.epoch.Add(1)
	for w := 1; w < p.workers; w++ {
		p.sleeper[w].rouse()
	}
	p.take(0)
	done := p.done
	linger(done)
	for !done() { // a worker of an earlier operation may wake us late
		p.sleeper[0].sleep(done)
	}
	if failed := p.failed.Load(); failed != nil {
		p.failed.Store(nil)
		panic(failed)
	}
}

func (p *pool) done() bool { return p.left.Load() == 0 }

// take works off chunks until none is left, whichever of them panic.
func (p *pool) take(worker int) {
	for !p.takeSome(worker) {
	}
}

// takeSome works off chunks until none is left, which it says, or one panics.
func (p *pool) takeSome(worker int) (all bool) {
	defer func() {
		if !all {
			p.failed.CompareAndSwap(nil, backend.Recovered(recover()))
			p.end(p.hands[worker].lo, p.hands[worker].hi)
		}
	}()
	p.takeAll(worker)
	return true
}

// takeAll works off chunks until none is left: the worker's own from the front,
// and then the others' from the end.
func (p *pool) takeAll(worker int) {
	in := &p.hands[worker]
	for i := range p.shares {
		from := &p.shares[(worker+i)%len(p.shares)]
		for {
			lo, hi := from.take(int(p.chunk.Load()), i > 0)
			if lo == hi {
				break
			}
			in.lo, in.hi = lo, hi
			p.task.run(worker, lo, hi)
			p.end(lo, hi)
		}
	}
}

// end counts the parts lo … hi-1 as done.
func (p *pool) end(lo, hi int) {
	if p.left.Add(int64(lo-hi)) == 0 {
		p.sleeper[0].rouse()
	}
}

// close ends the goroutines. The pool is dead after it.
func (p *pool) close() {
	p.closed.Store(true)
	p.epoch.Add(1)
	for w := 1; w < p.workers; w++ {
		p.sleeper[w].rouse()
	}
	p.workers = 1
}
