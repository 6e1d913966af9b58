package cpu

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// marks counts how often each part is run.
type marks []atomic.Int32

func (m marks) run(_, lo, hi int) {
	for i := lo; i < hi; i++ {
		m[i].Add(1)
	}
}

// Every part of every operation is run once, whether the workers are awake,
// asleep or late.
func TestPoolRunsEveryPartOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, workers := range []int{1, 2, 3, 7} {
		p := newPool(workers)
		for range 20_000 {
			m := make(marks, r.IntN(100))
			p.run(len(m), m)
			for i := range m {
				if n := m[i].Load(); n != 1 {
					t.Fatalf("%d workers: part %d of %d was run %d times", workers, i, len(m), n)
				}
			}
			if r.IntN(2000) == 0 {
				time.Sleep(time.Millisecond) // the workers go to sleep
			}
		}
		p.close()
	}
}

// Lent workers do every part of somebody else's work once, no two of them as the same
// worker at once, and no memory is taken for it.
func TestShare(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		b := New(threads)
		defer b.Close()
		done := make([]atomic.Int32, 200)
		busy := make([]atomic.Int32, threads)
		f := func(worker, i int) {
			if busy[worker].Add(1) != 1 {
				t.Errorf("%d threads: worker %d does two things at once", threads, worker)
			}
			done[i].Add(1)
			busy[worker].Add(-1)
		}
		if n := testing.AllocsPerRun(10, func() { b.Share(len(done), f) }); n != 0 {
			t.Errorf("%d threads: %v allocations", threads, n)
		}
		for i := range done {
			if n := done[i].Load(); n != 11 { // AllocsPerRun runs it once more
				t.Fatalf("%d threads: part %d was done %d times in 11 runs", threads, i, n)
			}
		}
	}
}
