// Package cpu computes on all cores of the host, with the vector instructions
// that they have (package kernel).
//
// Quantized weights stay quantized, interleaved for the kernels; an operation is
// cut into parts that a [pool] of goroutines works off. Each number of a result
// is computed in the same order of additions whatever else is in the batch,
// however a prompt is cut into chunks, and whichever goroutine computes it, so
// a token's result is the same to the bit alone, in a batch, and with any number
// of threads. [Options] can give that up for speed.
package cpu

import (
	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/host"
)

// Options say how a backend computes.
type Options struct {
	// Threads is the number of goroutines that compute; 0 means one for every
	// core that Go may use.
	Threads int
	// Level is the highest level of processor features to use. One that the
	// processor has not means the best that it has.
	Level kernel.Level
	// KV is the format of keys and values in the cache.
	KV kernel.KV
	// BatchVariant gives up batch invariance for speed where there is AMX: many
	// rows at once are computed with other kernels than few. A product is off by some
	// 10⁻⁴ of its norm then.
	BatchVariant bool
	// Caches are what the work is cut to; a size of 0 means the machine's. No result
	// depends on them while batch invariance is not given up.
	Caches kernel.Caches
}

// Backend computes on a number of goroutines. It is used by one goroutine at
// a time.
type Backend struct {
	host.Memory
	host.Clock // every operation returns when all workers are done
	kernels    *kernel.Set
	kv         kernel.KV
	pool       *pool
	memory     memory
	packers    []kernel.Packer // one a worker
	// batchVariant is that of [Options].
	batchVariant bool

	matMul  matMul
	attend  attend
	store   storeKV
	rows    rowTask
	rope    ropeTables
	lent    lentTask
	scratch []scratch // one a worker
}

// scratch is what a worker needs for itself. It grows to what the largest
// operation needs and is used again.
type scratch struct {
	panel  kernel.Panel
	quants kernel.Rows // of a slab, or of all rows
	// quantized is the product whose rows quants are, if it is of all rows.
	quantized uint64
	fixed     kernel.FixedRows
	partial   []float32 // outputs of a tile or panel that the result has not all rows of
	gate, up  []float32 // outputs of both products of a gated linear unit
	query     []float32 // queries of a tile of rows
	scores    []float32
	widened   kernel.Widened
	tiles     kernel.AttentionTiles
	halves    []uint16  // a key or value in float16
	out       []float32 // weighted sums
	// next is the part of an attention that comes next, and asked that whose first
	// keys and values were asked for.
	next, asked *unit
	// keys and values of blocks that are no whole groups, put together
	keys, values []byte
	table        []int32
}

// New returns a backend with the best kernels of the processor, keys and values
// in float16, and the given number of threads; 0 means one for every core that
// Go may use.
func New(threads int) *Backend {
	return With(Options{Threads: threads, Level: kernel.Best(), KV: kernel.KVF16})
}

// With returns a backend with options. Their zero value is the most exact and
// the slowest: plain Go, with keys and values in float32.
func With(o Options) *Backend {
	p := newPool(o.Threads)
	b := &Backend{
		kernels: kernel.For(o.Level).WithCaches(o.Caches), kv: o.KV, pool: p,
		packers: make([]kernel.Packer, p.workers), scratch: make([]scratch, p.workers), batchVariant: o.BatchVariant,
	}
	b.matMul.b, b.attend.b, b.store.b, b.rows.b = b, b, b, b
	return b
}

var (
	_ backend.Backend = (*Backend)(nil)
	_ backend.Timer   = (*Backend)(nil)
	_ backend.Viewer  = (*Backend)(nil)
	_ backend.Sharer  = (*Backend)(nil)
	_ backend.Gater   = (*Backend)(nil)
)

// Name is "cpu".
func (*Backend) Name() string { return "cpu" }

// Threads is the number of goroutines that compute.
func (b *Backend) Threads() int { return b.pool.workers }

// Level is the level of processor features in use.
func (b *Backend) Level() kernel.Level { return b.kernels.Level() }

// lentTask is work of somebody else's that the workers do.
type lentTask struct{ f func(worker, i int) }

func (t *lentTask) run(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(worker, i)
	}
}

// Share lends the workers for n calls of f.
func (b *Backend) Share(n int, f func(worker, i int)) {
	b.lent.f = f
	defer func() { b.lent.f = nil }()
	b.pool.run(n, &b.lent)
}

// Close ends the goroutines and frees the weights.
func (b *Backend) Close() error {
	b.pool.close()
	return b.memory.free()
}

// Embed copies rows of the embedding matrix.
func (b *Backend) Embed(dst backend.Tensor, w backend.Weight, ids []int32) {
	b.rows.embed(host.Of(dst), of(w), ids)
}

// RMSNorm computes dst = x / √(mean(x²)+eps) ⊙ w.
func (b *Backend) RMSNorm(dst, x backend.Tensor, w backend.Weight, eps float32, n int) {
	b.rows.normHeads(host.Of(dst), host.Of(x), of(w).vector, eps, host.Of(x).Cols(), n)
}

// RMSNormHeads normalizes each head of headDim columns.
func (b *Backend) RMSNormHeads(x backend.Tensor, headDim int, w backend.Weight, eps float32, n int) {
	b.rows.normHeads(host.Of(x), host.Of(x), of(w).vector, eps, headDim, n)
}

// RoPE turns pair i of every head by the angle position·InvFreq[i].
func (b *Backend) RoPE(dst, x backend.Tensor, headDim int, positions []int32, r *backend.RoPE) {
	b.rows.rotate(host.Of(dst), host.Of(x), headDim, b.rope.prepare(r, positions), len(positions))
}

// GLU computes dst = a(gate) ⊙ up.
func (b *Backend) GLU(dst, gate, up backend.Tensor, n int, a backend.Activation) {
	b.rows.glu(host.Of(dst), host.Of(gate), host.Of(up), a, n)
}

// Scale computes x = x·factor.
func (b *Backend) Scale(x backend.Tensor, factor float32, n int) {
	b.rows.scale(host.Of(x), factor, n)
}

// Add computes dst = dst + x.
func (b *Backend) Add(dst, x backend.Tensor, n int) {
	b.rows.add(host.Of(dst), host.Of(x), n)
}
