package cpu

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// pool is a fixed set of goroutines that share the parts of one operation
// after another. They sleep on a channel in between. The caller is worker 0
// and works too.
type pool struct {
	workers int
	wake    []chan struct{} // for each worker but the caller
	pending sync.WaitGroup

	// The operation at hand, written by the caller before it wakes the others.
	f     func(worker, lo, hi int)
	n     int
	chunk int
	next  atomic.Int64 // the first part that nobody has taken
}

// chunksPerWorker is how finely an operation is cut. Workers take the next
// chunk when they are done with one, so that a core that is slowed down, or
// that met the longer rows of a causal attention, does not hold up the others.
const chunksPerWorker = 8

func newPool(workers int) *pool {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := &pool{workers: workers, wake: make([]chan struct{}, workers)}
	for w := 1; w < workers; w++ {
		wake := make(chan struct{})
		p.wake[w] = wake
		go func() {
			for range wake {
				p.take(w)
				p.pending.Done()
			}
		}()
	}
	return p
}

// run cuts 0 … n-1 into contiguous chunks, has f called for each, and returns
// when all are done.
func (p *pool) run(n int, f func(worker, lo, hi int)) {
	chunks := min(n, p.workers*chunksPerWorker)
	if chunks == 0 {
		return
	}
	p.f, p.n, p.chunk = f, n, (n+chunks-1)/chunks
	p.next.Store(0)
	helpers := min(p.workers, chunks) - 1
	p.pending.Add(helpers)
	for w := 1; w <= helpers; w++ {
		p.wake[w] <- struct{}{}
	}
	p.take(0)
	p.pending.Wait()
	p.f = nil
}

// take works off chunks until none is left.
func (p *pool) take(worker int) {
	for {
		hi := int(p.next.Add(int64(p.chunk)))
		lo := hi - p.chunk
		if lo >= p.n {
			return
		}
		p.f(worker, lo, min(hi, p.n))
	}
}

// close ends the goroutines. The pool is dead after it.
func (p *pool) close() {
	for _, c := range p.wake[1:] {
		close(c)
	}
	p.wake, p.workers = p.wake[:1], 1
}
