package parallel

import "vitrine/engine/backend"

// op is an operation that is noted, with its arguments. Slices stay the caller's
// until Sync, except those that the model uses again for its next layer.
type op struct {
	run        func(r *rank, o *op)
	waits      bool // all ranks have to call it, come what may
	dst, x, y  *tensor
	w          *weight
	kv         *kvCache
	n          int // rows
	row        int // first row of a tensor in the host's memory
	layer      int
	head       int // numbers of a head
	to, from   int // blocks
	number     float32
	activation backend.Activation
	rope       *backend.RoPE
	ids        []int32 // tokens, positions, slots or rows
	host       []float32
	products   []product
	attention  *backend.Attention
	probs      []backend.ProbTap
}

// product is a [backend.Product].
type product struct {
	dst     *tensor
	w, bias *weight
}

func (b *Backend) note(o op) { b.ops = append(b.ops, o) }

// Embed sets rows of dst to those of the embedding. If its vocabulary is divided,
// AllReduce has to follow.
func (b *Backend) Embed(dst backend.Tensor, w backend.Weight, ids []int32) {
	b.note(op{run: (*rank).embed, dst: tensorOf(dst), w: weightOf(w), ids: ids})
}

// MatMul computes each product, the columns of a column-parallel weight and
// the sums of a row-parallel one in the rank that has them.
func (b *Backend) MatMul(x backend.Tensor, n int, products ...backend.Product) {
	first := len(b.products)
	for _, p := range products {
		b.products = append(b.products, product{tensorOf(p.Dst), weightOf(p.W), weightOf(p.Bias)})
	}
	b.note(op{run: (*rank).matMul, x: tensorOf(x), n: n, products: b.products[first:]})
}

// MatMulGLU computes the columns of a gated linear unit, each in the rank that has them.
func (b *Backend) MatMulGLU(x backend.Tensor, n int, gate, up backend.Product, a backend.Activation) {
	first := len(b.products)
	for _, p := range [...]backend.Product{gate, up} {
		b.products = append(b.products, product{tensorOf(p.Dst), weightOf(p.W), weightOf(p.Bias)})
	}
	b.note(op{run: (*rank).matMulGLU, x: tensorOf(x), n: n, products: b.products[first:], activation: a})
}

// AllReduce adds up what the ranks have.
func (b *Backend) AllReduce(x backend.Tensor, n int) {
	b.note(op{run: (*rank).reduce, waits: true, x: tensorOf(x), n: n})
}

// RMSNorm normalizes rows, in every rank.
func (b *Backend) RMSNorm(dst, x backend.Tensor, w backend.Weight, eps float32, n int) {
	b.note(op{run: func(r *rank, o *op) {
		r.RMSNorm(r.tensor(o.dst), r.tensor(o.x), r.weight(o.w), o.number, o.n)
	}, dst: tensorOf(dst), x: tensorOf(x), w: weightOf(w), number: eps, n: n})
}

// RMSNormHeads normalizes heads, each in the rank that has it.
func (b *Backend) RMSNormHeads(x backend.Tensor, headDim int, w backend.Weight, eps float32, n int) {
	b.note(op{run: func(r *rank, o *op) {
		r.RMSNormHeads(r.tensor(o.x), o.head, r.weight(o.w), o.number, o.n)
	}, x: tensorOf(x), head: headDim, w: weightOf(w), number: eps, n: n})
}

// RoPE rotates heads, each in the rank that has it.
func (b *Backend) RoPE(dst, x backend.Tensor, headDim int, positions []int32, rope *backend.RoPE) {
	b.note(op{run: func(r *rank, o *op) {
		r.RoPE(r.tensor(o.dst), r.tensor(o.x), o.head, o.ids, o.rope)
	}, dst: tensorOf(dst), x: tensorOf(x), head: headDim, ids: positions, rope: rope})
}

// StoreKV writes keys and values, each in the rank that has the head.
func (b *Backend) StoreKV(c backend.KVCache, layer int, k, v backend.Tensor, slots []int32) {
	b.note(op{run: func(r *rank, o *op) {
		r.StoreKV(r.kv(o.kv), o.layer, r.tensor(o.x), r.tensor(o.y), o.ids)
	}, kv: kvOf(c), layer: layer, x: tensorOf(k), y: tensorOf(v), ids: slots})
}

// CopyKV copies a block in every rank.
func (b *Backend) CopyKV(c backend.KVCache, dst, src int) {
	b.note(op{run: func(r *rank, o *op) { r.CopyKV(r.kv(o.kv), o.to, o.from) }, kv: kvOf(c), to: dst, from: src})
}

// Attention computes heads, each in the rank that has it.
func (b *Backend) Attention(dst, q backend.Tensor, c backend.KVCache, a *backend.Attention) {
	first := len(b.probs)
	b.probs = append(b.probs, a.Probs...)
	b.attentions = append(b.attentions, *a)
	b.note(op{
		run: (*rank).attend, dst: tensorOf(dst), x: tensorOf(q), kv: kvOf(c),
		attention: &b.attentions[len(b.attentions)-1], probs: b.probs[first:],
	})
}

// GLU gates columns, each in the rank that has it.
func (b *Backend) GLU(dst, gate, up backend.Tensor, n int, a backend.Activation) {
	b.note(op{run: func(r *rank, o *op) {
		r.GLU(r.tensor(o.dst), r.tensor(o.x), r.tensor(o.y), o.n, o.activation)
	}, dst: tensorOf(dst), x: tensorOf(gate), y: tensorOf(up), n: n, activation: a})
}

// Scale multiplies rows, in every rank.
func (b *Backend) Scale(x backend.Tensor, factor float32, n int) {
	b.note(op{run: func(r *rank, o *op) { r.Scale(r.tensor(o.x), o.number, o.n) }, x: tensorOf(x), number: factor, n: n})
}

// Add adds rows, in every rank.
func (b *Backend) Add(dst, x backend.Tensor, n int) {
	b.note(op{run: func(r *rank, o *op) { r.Add(r.tensor(o.dst), r.tensor(o.x), o.n) }, dst: tensorOf(dst), x: tensorOf(x), n: n})
}

// Gather copies rows, in every rank.
func (b *Backend) Gather(dst, src backend.Tensor, rows []int32) {
	b.note(op{run: func(r *rank, o *op) { r.Gather(r.tensor(o.dst), r.tensor(o.x), o.ids) }, dst: tensorOf(dst), x: tensorOf(src), ids: rows})
}

// Read copies numbers to the host: of a replicated tensor rank 0's, of a divided
// one each rank's columns.
func (b *Backend) Read(dst []float32, t backend.Tensor, row int) {
	b.note(op{run: (*rank).read, host: dst, x: tensorOf(t), row: row})
}

// Write copies numbers of the host to every rank that has their columns, at once.
func (b *Backend) Write(t backend.Tensor, row int, src []float32) {
	b.settle()
	x := tensorOf(t)
	for i, r := range b.ranks {
		if x.at == nil {
			r.Write(x.parts[i], row, src)
			continue
		}
		from, to := x.at.Of(i)
		for at, rest := row, src; len(rest) >= x.cols; at, rest = at+1, rest[x.cols:] {
			r.Write(x.parts[i], at, rest[from:to])
		}
	}
}

// ReadKV copies slots out of the cache of the rank that has the head.
func (b *Backend) ReadKV(k, v []float32, c backend.KVCache, layer, kvHead, slot int) {
	b.settle()
	cache, id := kvOf(c), 0
	if cache.at != nil {
		for cache.at[id+1] <= kvHead {
			id++
		}
		kvHead -= cache.at[id]
	}
	b.ranks[id].ReadKV(k, v, cache.parts[id], layer, kvHead, slot)
}
