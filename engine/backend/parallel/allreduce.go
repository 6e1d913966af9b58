package parallel

import "vitrine/engine/backend/host"

// allReduce is what a rank needs for the operation of that name.
type allReduce struct {
	// given is what the rank gives to a sum of few numbers, in turn in one of two
	// places: while others still read the last sum's, it writes the next one's.
	given     [2][]float32
	turn      int
	sum, part host.Matrix
}

const (
	// few is the number of numbers up to which every rank adds up all of them: to
	// wait once more takes longer than that. A step of some tokens has no more.
	few = 1 << 13
	// line is what parts of a sum are aligned to, in numbers: two ranks do not
	// write to one cache line.
	line = 16
)

// reduce is the operation AllReduce.
func (r *rank) reduce(o *op) {
	if o.n*o.x.cols <= few {
		r.reduceFew(o)
		return
	}
	r.reduceMany(o)
}

// reduceFew has every rank give its numbers to all and add up what all have
// given: an all-gather, and the same sum in every rank. It waits once.
func (r *rank) reduceFew(o *op) {
	a, n := &r.allReduce, o.n*o.x.cols
	at := a.turn
	a.turn ^= 1
	r.give(o, at)
	r.of.barrier.wait() // all have given, and are done with the sum before the last
	if r.of.failed.Load() != nil {
		return
	}
	a.sum = host.Vector(o.x.parts[r.id].Data[:n])
	copy(a.sum.Data, r.of.ranks[0].allReduce.given[at])
	for _, other := range r.of.ranks[1:] {
		a.part = host.Vector(other.allReduce.given[at])
		r.Add(&a.sum, &a.part, 1)
	}
}

// give copies the rank's numbers to where the others read them. A panic is kept here: the
// others wait for the rank all the same.
func (r *rank) give(o *op, at int) {
	defer r.catch()
	given := &r.allReduce.given[at]
	*given = append((*given)[:0], o.x.parts[r.id].Data[:o.n*o.x.cols]...)
}

// reduceMany has each rank add up a part of the numbers, in the memory of rank 0,
// and copy the sum to the others: what on a ring of devices is a reduce-scatter
// and an all-gather. It waits twice.
func (r *rank) reduceMany(o *op) {
	a, n, ranks := &r.allReduce, o.n*o.x.cols, len(r.of.ranks)
	lines := (n + line - 1) / line
	from, to := lines*r.id/ranks*line, min(lines*(r.id+1)/ranks*line, n)
	r.of.barrier.wait() // what all have is there
	if r.of.failed.Load() != nil {
		r.of.barrier.wait()
		return
	}
	defer r.of.barrier.wait() // the sum is everywhere, or will never be
	defer r.catch()
	a.sum = host.Vector(o.x.parts[0].Data[from:to])
	for _, p := range o.x.parts[1:] {
		a.part = host.Vector(p.Data[from:to])
		r.Add(&a.sum, &a.part, 1)
	}
	for _, p := range o.x.parts[1:] {
		copy(p.Data[from:to], a.sum.Data)
	}
}
