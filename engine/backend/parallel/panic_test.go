package parallel_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/backend/ref"
)

// faulty is a backend whose Scale and Add panic when it is told to.
type faulty struct {
	*ref.Backend
	scale, add bool
}

func (f *faulty) Scale(x backend.Tensor, factor float32, n int) {
	if f.scale {
		panic("a faulty Scale")
	}
	f.Backend.Scale(x, factor, n)
}

func (f *faulty) Add(dst, x backend.Tensor, n int) {
	if f.add {
		panic("a faulty Add")
	}
	f.Backend.Add(dst, x, n)
}

// A rank that panics, between all-reduces or in the midst of one, keeps nobody waiting.
// Sync tells it with the stack, nothing that was to follow is done, and the next
// operations are right.
func TestARankPanics(t *testing.T) {
	for _, width := range []int{100, 9000} { // few numbers, and many
		for rank := range 3 {
			for _, at := range []string{"Scale", "Add"} {
				t.Run(fmt.Sprintf("%d numbers, rank %d, %s", width, rank, at), func(t *testing.T) { rankPanics(t, width, rank, at) })
			}
		}
	}
}

func rankPanics(t *testing.T, width, rank int, at string) {
	ranks := []*faulty{{Backend: ref.New()}, {Backend: ref.New()}, {Backend: ref.New()}}
	b := must[*parallel.Backend](t)(parallel.New(ranks[0], ranks[1], ranks[2]))
	defer b.Close()
	x := must[backend.Tensor](t)(b.NewTensor(1, width))
	numbers, want, got := make([]float32, width), make([]float32, width), make([]float32, width)
	for i := range numbers {
		numbers[i] = float32(i)
		want[i] = 2 * 3 * 5 * 3 * numbers[i]
	}
	run := func() error {
		b.Write(x, 0, numbers)
		b.Scale(x, 2, 1)
		b.AllReduce(x, 1)
		b.Scale(x, 5, 1)
		b.AllReduce(x, 1)
		clear(got)
		b.Read(got, x, 0)
		return b.Sync()
	}
	for range 10 {
		ranks[rank].scale, ranks[rank].add = at == "Scale", at == "Add"
		var failed *backend.Panic
		if err := run(); !errors.As(err, &failed) || failed.Value != "a faulty "+at || !strings.Contains(string(failed.Stack), "(*faulty)."+at) {
			t.Fatalf("a rank that panics: %v", err)
		}
		if !slices.Equal(got, make([]float32, width)) {
			t.Error("what followed the panic was done")
		}
		ranks[rank].scale, ranks[rank].add = false, false
		if err := run(); err != nil || !slices.Equal(got, want) {
			t.Fatalf("after a panic: %v, the sum is %v", err, slices.Equal(got, want))
		}
	}
}

// short is a backend whose tensors have a row less than was asked for.
type short struct{ *ref.Backend }

func (s short) NewTensor(rows, cols int) (backend.Tensor, error) { return host.NewMatrix(rows-1, cols) }

// A rank that panics in an all-reduce before it has given its numbers keeps the others
// waiting no more than one that panics later.
func TestARankPanicsBeforeItGives(t *testing.T) {
	for _, width := range []int{100, 9000} { // few numbers, and many
		for bad := range 3 {
			list := []backend.Backend{ref.New(), ref.New(), ref.New()}
			list[bad] = short{ref.New()}
			b := must[*parallel.Backend](t)(parallel.New(list...))
			x := must[backend.Tensor](t)(b.NewTensor(2, width))
			for range 3 {
				b.AllReduce(x, 2)
				b.AllReduce(x, 2)
				done := make(chan error, 1)
				go func() { done <- b.Sync() }()
				select {
				case err := <-done:
					var failed *backend.Panic
					if !errors.As(err, &failed) || !strings.Contains(err.Error(), "out of range") {
						t.Errorf("%d numbers, rank %d: %v", 2*width, bad, err)
					}
				case <-time.After(20 * time.Second):
					t.Fatalf("%d numbers: the ranks wait for rank %d for ever", 2*width, bad)
				}
			}
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
