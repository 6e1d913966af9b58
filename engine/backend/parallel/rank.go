package parallel

import (
	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
)

// rank is one of those that divide the work, with its own backend.
type rank struct {
	backend.Backend
	id    int
	of    *Backend
	start chan struct{} // an element lets it work off the notes; closed at the end
	err   error         // of its last Sync

	// The arguments of the operation at hand, kept so that a step allocates nothing.
	products  []backend.Product
	attention backend.Attention
	view      host.Matrix
	token     [1]int32
	allReduce allReduce
}

// live is the life of every rank but the first, which lives on the caller's goroutine.
func (r *rank) live() {
	for range r.start {
		r.work()
	}
}

// work does what is noted, and returns when all ranks have.
func (r *rank) work() {
	ops := r.of.ops
	for i := range ops {
		r.do(&ops[i])
	}
	r.sync()
	r.of.barrier.wait()
}

// do carries an operation out. Once one has panicked in any rank, nothing more is
// computed: only all-reduces still wait, for all ranks have to.
func (r *rank) do(o *op) {
	defer r.catch()
	if r.of.failed.Load() == nil || o.waits {
		o.run(r, o)
	}
}

// sync lets the rank's backend come to its end.
func (r *rank) sync() {
	defer r.catch()
	r.err = r.Sync()
}

// catch, deferred, keeps a panic for [Backend.Sync] to return.
func (r *rank) catch() {
	if value := recover(); value != nil {
		r.of.failed.CompareAndSwap(nil, backend.Recovered(value))
	}
}

// tensor is the rank's part of a tensor, and so on.
func (r *rank) tensor(t *tensor) backend.Tensor { return t.parts[r.id] }
func (r *rank) weight(w *weight) backend.Weight {
	if w == nil {
		return nil
	}
	return w.parts[r.id]
}
func (r *rank) kv(c *kvCache) backend.KVCache { return c.parts[r.id] }

// embed sets the rows of tokens that the rank has, and zeros for the others.
func (r *rank) embed(o *op) {
	if o.w.at == nil {
		r.Embed(r.tensor(o.dst), r.weight(o.w), o.ids)
		return
	}
	from, to := o.w.at.Of(r.id)
	for i, id := range o.ids {
		row := o.dst.parts[r.id].Row(i)
		if int(id) < from || int(id) >= to {
			clear(row)
			continue
		}
		r.view, r.token[0] = host.Vector(row), id-int32(from)
		r.Embed(&r.view, r.weight(o.w), r.token[:])
	}
}

// ownProducts are the rank's parts of an operation's products.
func (r *rank) ownProducts(o *op) []backend.Product {
	r.products = r.products[:0]
	for _, p := range o.products {
		q := backend.Product{Dst: r.tensor(p.dst), W: r.weight(p.w)}
		if p.bias != nil {
			q.Bias = r.weight(p.bias)
		}
		r.products = append(r.products, q)
	}
	return r.products
}

// matMul computes the rank's part of the products.
func (r *rank) matMul(o *op) { r.MatMul(r.tensor(o.x), o.n, r.ownProducts(o)...) }

// matMulGLU computes the rank's part of a gated linear unit.
func (r *rank) matMulGLU(o *op) {
	x, p := r.tensor(o.x), r.ownProducts(o)
	if g, ok := r.Backend.(backend.Gater); ok {
		g.MatMulGLU(x, o.n, p[0], p[1], o.activation)
		return
	}
	r.MatMul(x, o.n, p...)
	r.GLU(p[0].Dst, p[0].Dst, p[1].Dst, o.n, o.activation)
}

// attend computes the attention of the rank's heads.
func (r *rank) attend(o *op) {
	a := &r.attention
	probs := a.Probs[:0]
	*a = *o.attention
	from, to, tapped := 0, a.Heads, o.probs
	if at := o.kv.at; at != nil {
		group := a.Heads / o.kv.config.KVHeads
		from, to = at[r.id]*group, at[r.id+1]*group
	} else if r.id > 0 {
		tapped = nil // every rank has the same
	}
	for _, p := range tapped {
		keys := len(p.Dst) / o.attention.Heads
		probs = append(probs, backend.ProbTap{Row: p.Row, Dst: p.Dst[from*keys : to*keys]})
	}
	a.Heads, a.Probs = to-from, probs
	r.Attention(r.tensor(o.dst), r.tensor(o.x), r.kv(o.kv), a)
	clear(a.Probs) // lets go of what the caller gave
}

// read copies the rank's columns to where they belong.
func (r *rank) read(o *op) {
	if o.x.at == nil {
		if r.id == 0 {
			r.Read(o.host, r.tensor(o.x), o.row)
		}
		return
	}
	from, to := o.x.at.Of(r.id)
	for row, rest := o.row, o.host; len(rest) > 0; row++ {
		n := min(len(rest), o.x.cols)
		if from < n {
			copy(rest[from:min(to, n)], o.x.parts[r.id].Row(row))
		}
		rest = rest[n:]
	}
}
