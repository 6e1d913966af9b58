// Package cpu computes on all cores of the host.
//
// Weights are expanded to float32 when they are loaded. An operation is cut
// into parts that a [pool] of goroutines works off; each number of the result
// is a sum that runs from left to right in one accumulator, whatever tile it
// falls in and whichever goroutine computes it, so a token's result is the
// same to the bit alone, in a batch, and with any number of threads.
package cpu

import (
	"math"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
)

// Backend computes on a number of goroutines. It is used by one goroutine at
// a time.
type Backend struct {
	host.Memory
	pool *pool
	// scores has room for one row of attention scores, a worker each.
	scores [][]float32
	angles []float32 // sine and cosine of one position, reused by RoPE
}

// New returns a backend with the given number of threads; 0 means one for
// every core that Go may use.
func New(threads int) *Backend {
	p := newPool(threads)
	return &Backend{pool: p, scores: make([][]float32, p.workers)}
}

var _ backend.Backend = (*Backend)(nil)

// Name is "cpu".
func (*Backend) Name() string { return "cpu" }

// Threads is the number of goroutines that compute.
func (b *Backend) Threads() int { return b.pool.workers }

// Close ends the goroutines.
func (b *Backend) Close() error { b.pool.close(); return nil }

// small is the number of multiplications below which waking the other workers
// costs more than it saves (about 5 µs against 1 ns each).
const small = 1 << 14

// run calls f for parts of 0 … n-1, on all workers if the work is worth it.
func (b *Backend) run(n, cost int, f func(worker, lo, hi int)) {
	if cost < small || b.pool.workers == 1 {
		f(0, 0, n)
		return
	}
	b.pool.run(n, f)
}

// MatMul computes dst = x·wᵀ (+ bias).
func (b *Backend) MatMul(dst, x backend.Tensor, w, bias backend.Weight, n int) {
	d, xm, wm := host.Of(dst), host.Of(x), host.Of(w)
	outputs := wm.Rows()
	b.run(outputs, n*outputs*wm.Cols(), func(_, lo, hi int) {
		matMul(d, xm, wm, n, lo, hi)
		if bias == nil {
			return
		}
		add := host.Of(bias).Data
		for i := range n {
			row := d.Row(i)
			for j := lo; j < hi; j++ {
				row[j] += add[j]
			}
		}
	})
}

// RMSNorm computes dst = x / √(mean(x²)+eps) ⊙ w.
func (b *Backend) RMSNorm(dst, x backend.Tensor, w backend.Weight, eps float32, n int) {
	d, xm, wm := host.Of(dst), host.Of(x), host.Of(w)
	b.run(n, n*xm.Cols(), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			rmsNorm(d.Row(i), xm.Row(i), wm.Data, eps)
		}
	})
}

// RMSNormHeads normalizes each head of headDim columns.
func (b *Backend) RMSNormHeads(x backend.Tensor, headDim int, w backend.Weight, eps float32, n int) {
	xm, wm := host.Of(x), host.Of(w)
	b.run(n, n*xm.Cols(), func(_, lo, hi int) {
		for i := lo; i < hi; i++ {
			row := xm.Row(i)
			for h := 0; h < len(row); h += headDim {
				rmsNorm(row[h:h+headDim], row[h:h+headDim], wm.Data, eps)
			}
		}
	})
}

// RoPE turns pair i of every head by the angle position·InvFreq[i]. Sine and
// cosine are computed once a position and shared by its heads.
func (b *Backend) RoPE(dst, x backend.Tensor, headDim int, positions []int32, r *backend.RoPE) {
	d, xm := host.Of(dst), host.Of(x)
	pairs := len(r.InvFreq)
	if len(b.angles) < 2*pairs {
		b.angles = make([]float32, 2*pairs)
	}
	sines, cosines := b.angles[:pairs], b.angles[pairs:2*pairs]
	for i, p := range positions {
		for pair, f := range r.InvFreq {
			sin, cos := math.Sincos(float64(p) * f)
			sines[pair], cosines[pair] = float32(sin*r.Scale), float32(cos*r.Scale)
		}
		in, out := xm.Row(i), d.Row(i)
		for h := 0; h < len(in); h += headDim {
			rotate(out[h:h+headDim], in[h:h+headDim], sines, cosines, r.Style)
		}
	}
}

// Attention computes a part for each row and group of heads that share keys,
// so that a key is read once for the group.
func (b *Backend) Attention(dst, q backend.Tensor, c backend.KVCache, a *backend.Attention) {
	d, qm, kv := host.Of(dst), host.Of(q), host.KVOf(c)
	config := kv.Config()
	rows, keys := 0, 0
	for _, s := range a.Sequences {
		rows += s.Count
		keys += s.Count * (s.First + s.Count)
	}
	b.run(rows*config.KVHeads, keys*a.Heads*config.HeadDim, func(worker, lo, hi int) {
		for part := lo; part < hi; part++ {
			i, kvHead := part/config.KVHeads, part%config.KVHeads
			for s := range a.Sequences {
				if seq := &a.Sequences[s]; i >= seq.Count {
					i -= seq.Count
				} else {
					b.attend(worker, d, qm, kv, a, seq, i, kvHead)
					break
				}
			}
		}
	})
}

// GLU computes dst = a(gate) ⊙ up.
func (b *Backend) GLU(dst, gate, up backend.Tensor, n int, a backend.Activation) {
	d, g, u := host.Of(dst), host.Of(gate), host.Of(up)
	const expCost = 16 // an exponential takes about as long as this many multiplications
	total := n * d.Cols()
	b.run(total, total*expCost, func(_, lo, hi int) {
		glu(d.Data[lo:hi], g.Data[lo:hi], u.Data[lo:hi], a)
	})
}

// Scale computes x = x·factor.
func (*Backend) Scale(x backend.Tensor, factor float32, n int) {
	m := host.Of(x)
	for i := range m.Data[:n*m.Cols()] {
		m.Data[i] *= factor
	}
}

// Add computes dst = dst + x.
func (b *Backend) Add(dst, x backend.Tensor, n int) {
	d, xm := host.Of(dst), host.Of(x)
	total := n * d.Cols()
	b.run(total, total, func(_, lo, hi int) {
		out := d.Data[lo:hi]
		for i, v := range xm.Data[lo:hi] {
			out[i] += v
		}
	})
}

// scratch is the worker's room for n scores a head of the group.
func (b *Backend) scratch(worker, n int) []float32 {
	if cap(b.scores[worker]) < n {
		b.scores[worker] = make([]float32, 2*n)
	}
	return b.scores[worker][:n]
}
