package cpu

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/quant"
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

// fails panics in one of its parts.
type fails struct {
	marks
	part int
}

func (f fails) run(worker, lo, hi int) {
	if lo <= f.part && f.part < hi {
		panic(f.part)
	}
	f.marks.run(worker, lo, hi)
}

// A part that panics, whichever worker has it, is told to the caller when all others
// are done, and the pool is as good as before.
func TestPoolPanics(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		p := newPool(workers)
		for part := range 200 {
			f := fails{make(marks, 200), part}
			func() {
				defer func() {
					value := recover()
					if got, ok := value.(*backend.Panic); ok {
						if value = got.Value; !strings.Contains(string(got.Stack), "fails.run") {
							t.Errorf("the stack is %s", got.Stack)
						}
					}
					if value != part {
						t.Errorf("%d workers: part %d panics with %v", workers, part, value)
					}
				}()
				p.run(len(f.marks), f)
			}()
			if n := p.left.Load(); n != 0 {
				t.Fatalf("%d workers: %d parts are left after a panic", workers, n)
			}
			m := make(marks, 50)
			p.run(len(m), m)
			for i := range m {
				if n := m[i].Load(); n != 1 {
					t.Fatalf("%d workers: part %d was run %d times after a panic", workers, i, n)
				}
			}
		}
		p.close()
	}
}

// A worker that panics over a row that it quantizes keeps nobody waiting who would
// multiply with it, and the next operation is computed as ever.
func TestPanicWhileQuantizing(t *testing.T) {
	const rows, cols, out = 70, 576, 320
	b := New(3)
	defer b.Close()
	tensor := func(rows, cols int) backend.Tensor {
		x, err := b.NewTensor(rows, cols)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	r := rand.New(rand.NewPCG(3, 4))
	raw := make([]byte, out*cols/32*34) // a float16 and 32 bytes a block
	for i := range raw {
		raw[i] = byte(r.IntN(64))
	}
	w, err := b.NewWeight("w", quant.Q8_0, out, cols, raw)
	if err != nil {
		t.Fatal(err)
	}
	short, x, dst, alone := tensor(rows/2, cols), tensor(rows, cols), tensor(rows, out), tensor(1, out)
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	b.Write(x, 0, values)
	for range 50 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("rows that are not there were multiplied")
				}
			}()
			b.MatMul(short, rows, backend.Product{Dst: dst, W: w})
		}()
		b.MatMul(x, rows, backend.Product{Dst: dst, W: w})
		b.MatMul(x, 1, backend.Product{Dst: alone, W: w})
		got, want := make([]float32, out), make([]float32, out)
		b.Read(got, dst, 0)
		b.Read(want, alone, 0)
		if !slices.Equal(got, want) {
			t.Fatal("after a panic a row of several is not what it is alone")
		}
	}
}
