// Package backend defines the operations that a model is written in.
//
// A [Backend] owns the memory: tensors, weights and the KV cache are handles,
// and nothing but the backend knows where their numbers lie. Operations are
// enqueued in the order in which they are called and may run later; [Backend.Sync]
// waits for all of them. Nothing on the host may be read before that, so a
// device such as a GPU can take a whole step at once: the model never looks at
// a number in the middle of a step. What somebody wants to see of it is asked
// for with Read and [Attention.Probs] and lies in the given memory after Sync.
//
// Shapes are given as [rows, columns], row-major. Activations are float32. In a
// batch, a row is one token of one sequence.
//
// Two rules let results be compared: a row's result depends on nothing but the
// row's own operands (not on what else is in the batch, nor on the number of
// threads), and every backend is tested operation by operation against
// package ref, which is the definition of right.
package backend

import (
	"fmt"

	"vitrine/engine/quant"
)

// Tensor is a matrix of float32 activations that a backend owns. A tensor has
// room for a number of rows; how many of them an operation works on follows
// from its operands.
type Tensor interface {
	// Rows is the number of rows that there is room for.
	Rows() int
	// Cols is the number of columns.
	Cols() int
}

// Weight is a parameter of the model in the memory of a backend, in whatever
// layout the backend likes best.
type Weight interface {
	// Shape is [outputs, inputs] for a matrix and [1, width] for a vector.
	Shape() (rows, cols int)
}

// Sized is a [Weight] that knows its size.
type Sized interface {
	// Bytes is the size of the weight in the layout that a product reads, which reads all
	// of it: of all ranks together where it is divided among them.
	Bytes() int
}

// KVCache is the memory of keys and values: Layers × Blocks × BlockSize slots of
// KVHeads × HeadDim numbers each, once for keys and once for values.
type KVCache interface {
	// Config is what the cache was made with.
	Config() KVConfig
	// SlotBytes is the number of bytes that the keys and values of one token
	// take over all layers.
	SlotBytes() int
}

// KVConfig gives the size of a KV cache.
type KVConfig struct {
	Layers    int
	Blocks    int // physical blocks
	BlockSize int // slots a block; a slot holds one token's keys and values of a layer
	KVHeads   int
	HeadDim   int
}

// Validate says what is wrong with the configuration.
func (c KVConfig) Validate() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"Layers", c.Layers}, {"Blocks", c.Blocks}, {"BlockSize", c.BlockSize}, {"KVHeads", c.KVHeads}, {"HeadDim", c.HeadDim}} {
		if f.value <= 0 {
			return fmt.Errorf("backend: KVConfig.%s is %d, want at least 1", f.name, f.value)
		}
	}
	return nil
}

// RoPEStyle says which two elements of a head are rotated together.
type RoPEStyle uint8

const (
	// Interleaved rotates elements 2i and 2i+1, as in the paper (Su et al.
	// 2021, equation 34) and in GGUF files of the Llama family, whose Q and K
	// rows are stored in that order.
	Interleaved RoPEStyle = iota
	// Halves rotates elements i and i+d/2, as in Hugging Face's files.
	Halves
)

// RoPE holds what the rotary position embedding needs (Su et al. 2021,
// "RoFormer"): pair i of a head at position p turns by the angle p·InvFreq[i].
type RoPE struct {
	Style   RoPEStyle
	InvFreq []float64 // θ^(−2i/d) for i < d/2, after any long-context scaling
	Scale   float64   // multiplies sine and cosine; 1 unless the model says otherwise
}

// Sequence is one request's part of a batch: the rows Start … Start+Count-1
// are its tokens at the positions First … First+Count-1.
type Sequence struct {
	Start int // first row in the batch
	Count int // rows
	First int // position of the first row's token
	// Blocks is the block table: the keys and values of position p lie in slot
	// p mod BlockSize of the block Blocks[p/BlockSize].
	Blocks []int32
}

// Attention describes one layer's attention of a batch:
//
//	a = softmax(q·kᵀ·Scale) over the keys at positions ≤ the query's; out = a·v
//
// (Vaswani et al. 2017, equation 1, causal; heads share keys and values in
// groups as in Ainslie et al. 2023).
type Attention struct {
	Layer int
	Heads int
	Scale float32 // usually 1/√HeadDim
	// Window, if not 0, hides the keys that lie Window or more positions
	// behind the query (Beltagy et al. 2020, "Longformer").
	Window    int
	Sequences []Sequence
	Probs     []ProbTap
}

// ProbTap asks for the attention weights of one row of the batch: Dst gets
// heads × keys numbers, head after head, where keys is the row's position
// plus one. Dst holds them after Sync.
type ProbTap struct {
	Row int
	Dst []float32
}

// Product is one of the products that [Backend.MatMul] computes of a matrix of
// activations.
type Product struct {
	Dst  Tensor
	W    Weight // outputs × inputs
	Bias Weight // one row of outputs, or nil
}

// Activation is the function of a gated linear unit.
type Activation uint8

const (
	// SiLU is x·σ(x) = x/(1+e^−x) (Elfwing et al. 2017); with it the unit is SwiGLU.
	SiLU Activation = iota
	// GELUTanh is x/2·(1+tanh(√(2/π)·(x+0.044715·x³))) (Hendrycks and Gimpel
	// 2016, the approximation that Gemma uses).
	GELUTanh
)

// Backend is a device, or a way of using one.
type Backend interface {
	// Name is the backend's name in commands: "ref", "cpu".
	Name() string
	// Threads is the number of threads that compute, 0 where that means nothing.
	Threads() int

	// NewWeight takes a parameter of the model out of the file: rows × cols
	// numbers in format t. The backend may keep data or copy it into another
	// layout; data stays valid until Close.
	NewWeight(name string, t quant.Type, rows, cols int, data []byte) (Weight, error)
	// NewTensor makes room for activations.
	NewTensor(rows, cols int) (Tensor, error)
	// NewKVCache makes room for keys and values.
	NewKVCache(c KVConfig) (KVCache, error)

	// Embed sets row i of dst to row ids[i] of the matrix w.
	Embed(dst Tensor, w Weight, ids []int32)
	// MatMul sets n rows of each product: Dst = x·Wᵀ (+ Bias, if it is not
	// nil). Products of one x are given together, so that a backend may compute
	// them in one go.
	MatMul(x Tensor, n int, products ...Product)
	// RMSNorm sets n rows: dst = x / √(mean(x²)+eps) ⊙ w (Zhang and Sennrich
	// 2019, equation 4). x and dst may be the same.
	RMSNorm(dst, x Tensor, w Weight, eps float32, n int)
	// RMSNormHeads normalizes each head of headDim columns on its own, in
	// place, as Qwen 3 does with queries and keys.
	RMSNormHeads(x Tensor, headDim int, w Weight, eps float32, n int)
	// RoPE rotates the heads of headDim columns in rows 0 … len(positions)-1,
	// writing to dst, which may be x.
	RoPE(dst, x Tensor, headDim int, positions []int32, r *RoPE)
	// StoreKV writes row i of k and v to the cache at slots[i] =
	// block·BlockSize + place in the block.
	StoreKV(c KVCache, layer int, k, v Tensor, slots []int32)
	// CopyKV copies block src to block dst, keys and values of all layers, so
	// that a sequence can write on where others read (copy-on-write; Kwon et
	// al. 2023, section 4.4).
	CopyKV(c KVCache, dst, src int)
	// Attention computes dst [rows, Heads·HeadDim] from the queries q of the
	// same shape and the cache.
	Attention(dst, q Tensor, c KVCache, a *Attention)
	// GLU sets n rows: dst = a(gate) ⊙ up (Shazeer 2020, "GLU Variants
	// Improve Transformer").
	GLU(dst, gate, up Tensor, n int, a Activation)
	// Scale sets n rows: x = x·factor.
	Scale(x Tensor, factor float32, n int)
	// Add sets n rows: dst = dst + x.
	Add(dst, x Tensor, n int)
	// Gather sets row i of dst to row rows[i] of src.
	Gather(dst, src Tensor, rows []int32)

	// Write copies numbers of the host into rows row … of t, at once.
	Write(t Tensor, row int, src []float32)
	// Read enqueues a copy of rows row … of t into dst, whose length decides
	// how many; dst holds them after Sync.
	Read(dst []float32, t Tensor, row int)
	// ReadKV copies slots slot … of one layer and head out of the cache, after
	// all that is enqueued: k and v get whole slots of HeadDim numbers.
	ReadKV(k, v []float32, c KVCache, layer, kvHead, slot int)
	// Sync waits until everything enqueued is done and reports what failed.
	Sync() error
	// Close frees everything. Handles are dead after it.
	Close() error
}

// Viewer is a [Backend] that can compute straight into memory of the host's.
type Viewer interface {
	// View makes a tensor of the rows of cols numbers in data: of t, which it returns,
	// or a new one if t is nil. t is one that View made.
	View(t Tensor, data []float32, cols int) Tensor
}

// Gater is a [Backend] that can compute a gated linear unit part by part along with the
// two products that it is of, so that these need not pass through memory.
type Gater interface {
	// MatMulGLU sets n rows: gate.Dst = a(x·gate.Wᵀ) ⊙ (x·up.Wᵀ), biases included. Both
	// weights have as many outputs. It is the same to the bit as MatMul and then GLU; within
	// some 10⁻⁵ where a backend was told that it need not be batch-invariant. What is in
	// up.Dst afterwards means nothing.
	MatMulGLU(x Tensor, n int, gate, up Product, a Activation)
}

// Sharer is a [Backend] whose threads can be lent for other work between two of
// its operations.
type Sharer interface {
	// Share calls f for all i < n and returns when all calls have; worker is less
	// than Threads, and no two calls have the same one at once.
	Share(n int, f func(worker, i int))
}
