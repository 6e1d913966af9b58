// Package parallel makes one backend of several, its ranks, that divide a model
// among themselves: tensor parallelism (Shoeybi et al. 2019, "Megatron-LM").
//
// Each rank has its heads of the query, key and value projections, the columns
// of the output projection that belong to them, its columns of the feed-forward
// layer, its part of the vocabulary, and the KV cache of its heads. It runs on a
// goroutine of its own, with a backend and threads of its own. Twice a layer,
// and once after the embedding, the ranks add up what they have (AllReduce); the
// residual stream and its norms every rank computes for itself.
//
// Nothing runs while a step is put together: operations are noted, and
// [Backend.Sync] lets every rank work off the notes, so that ranks wait for one
// another in AllReduce alone. Sums are made in the order of the ranks, whichever
// is first, so a result is the same to the bit every time. It differs from that of
// a single rank by the rounding of a sum of parts.
//
// The ranks compute in the memory of one machine. This package is the place to
// see what ranks on several machines or devices do; it is not faster than a
// single backend with as many threads.
package parallel

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
	"vitrine/engine/quant"
)

// Backend is a number of ranks. It is used by one goroutine at a time.
type Backend struct {
	ranks   []*rank
	barrier *barrier
	clock   host.Clock                    // of rank 0
	err     error                         // of a Sync that had to come before its time
	failed  atomic.Pointer[backend.Panic] // the first one of the operations at hand

	// What is noted until Sync, and what it refers to.
	ops        []op
	products   []product
	attentions []backend.Attention
	probs      []backend.ProbTap
}

var (
	_ backend.Parallel = (*Backend)(nil)
	_ backend.Timer    = (*Backend)(nil)
	_ backend.Gater    = (*Backend)(nil)
)

// New makes a backend of ranks, at least one, which belong to it until Close.
// They are of one kind and compute in the host's memory, as those of packages
// ref and cpu do.
func New(ranks ...backend.Backend) (*Backend, error) {
	if len(ranks) == 0 {
		return nil, errors.New("parallel: no ranks, want at least one")
	}
	b := &Backend{barrier: newBarrier(len(ranks))}
	for i, r := range ranks {
		if r.Name() != ranks[0].Name() {
			return nil, fmt.Errorf("parallel: rank %d is %s, want %s as rank 0", i, r.Name(), ranks[0].Name())
		}
		b.ranks = append(b.ranks, &rank{Backend: r, id: i, of: b, start: make(chan struct{}, 1)})
	}
	for _, r := range b.ranks[1:] {
		go r.live()
	}
	return b, nil
}

// Name is that of the ranks.
func (b *Backend) Name() string { return b.ranks[0].Name() }

// Threads is the number of threads of all ranks together.
func (b *Backend) Threads() int {
	n := 0
	for _, r := range b.ranks {
		n += r.Threads()
	}
	return n
}

// Ranks is the number of ranks.
func (b *Backend) Ranks() int { return len(b.ranks) }

// Close ends the ranks.
func (b *Backend) Close() error {
	var errs []error
	for _, r := range b.ranks {
		close(r.start)
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// each has do called for all ranks at once and returns the first error.
func (b *Backend) each(do func(r *rank) error) error {
	errs := make([]error, len(b.ranks))
	var wg sync.WaitGroup
	for i, r := range b.ranks {
		wg.Go(func() {
			defer func() {
				if value := recover(); value != nil {
					errs[i] = backend.Recovered(value)
				}
			}()
			errs[i] = do(r)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Sync lets the ranks work off what is noted; the caller's goroutine is rank 0. If
// one of them panics, that is the error, a *[backend.Panic], and what was to come after it
// is not computed.
func (b *Backend) Sync() error {
	err := b.err
	b.err = nil
	if len(b.ops) == 0 {
		return err
	}
	for _, r := range b.ranks[1:] {
		r.start <- struct{}{}
	}
	b.ranks[0].work()
	clear(b.ops) // lets go of what the caller gave
	clear(b.attentions)
	clear(b.probs)
	b.ops, b.products, b.attentions, b.probs = b.ops[:0], b.products[:0], b.attentions[:0], b.probs[:0]
	if failed := b.failed.Swap(nil); failed != nil && err == nil {
		err = failed
	}
	for _, r := range b.ranks {
		if r.err != nil && err == nil {
			err = fmt.Errorf("parallel: rank %d: %w", r.id, r.err)
		}
	}
	return err
}

// settle does what is noted before something is done at once. What fails is
// told by the next Sync.
func (b *Backend) settle() {
	if err := b.Sync(); err != nil {
		b.err = err
	}
}

// Mark notes the time at which rank 0 has done what came before it.
func (b *Backend) Mark() {
	b.note(op{run: func(r *rank, _ *op) {
		if r.id == 0 {
			r.of.clock.Mark()
		}
	}})
}

// Marks appends the times of the marks, which are those of rank 0: the time of
// an AllReduce is the time it waits for the others and adds up.
func (b *Backend) Marks(dst []time.Duration) []time.Duration { return b.clock.Marks(dst) }

// NewWeight gives every rank the whole parameter.
func (b *Backend) NewWeight(name string, t quant.Type, rows, cols int, data []byte) (backend.Weight, error) {
	w := &weight{rows: rows, cols: cols, parts: make([]backend.Weight, len(b.ranks))}
	err := b.each(func(r *rank) (err error) {
		w.parts[r.id], err = r.NewWeight(name, t, rows, cols, data)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// NewTensor makes room in every rank.
func (b *Backend) NewTensor(rows, cols int) (backend.Tensor, error) {
	return b.newTensor(rows, cols, nil)
}

// NewKVCache makes a whole cache in every rank.
func (b *Backend) NewKVCache(c backend.KVConfig) (backend.KVCache, error) {
	return b.newKV(c, nil)
}
