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
