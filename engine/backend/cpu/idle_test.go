//go:build unix

package cpu

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pool with nothing to do takes no time of the processor, once its goroutines have
// looked for more for a short while.
func TestIdlePoolSleeps(t *testing.T) {
	p := newPool(4)
	defer p.close()
	used := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	m := make(marks, 1000)
	for range 100 {
		p.run(len(m), m)
	}
	// asleep says whether all goroutines but the caller's are.
	asleep := func() bool {
		for w := 1; w < p.workers; w++ {
			if !p.sleeper[w].asleep.Load() {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(time.Minute); !asleep(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the goroutines do not go to sleep")
		}
	}
	const rest = 200 * time.Millisecond
	least := rest // of a few: the runtime has work of its own now and then
	for range 5 {
		before := used()
		time.Sleep(rest)
		least = min(least, used()-before)
	}
	if least > rest/50 {
		t.Errorf("the idle pool takes %v in %v", least, rest)
	}
	var done atomic.Int32
	p.run(8, countTask{&done})
	if done.Load() != 8 {
		t.Errorf("%d of 8 parts were done after the rest", done.Load())
	}
}

// countTask counts parts.
type countTask struct{ done *atomic.Int32 }

func (c countTask) run(_, lo, hi int) { c.done.Add(int32(hi - lo)) }
