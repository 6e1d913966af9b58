// Package host is the memory of the backends that compute on the host: float32
// matrices in Go slices. It holds what package ref and package cpu do not
// differ in; how numbers are combined is theirs alone.
package host

import (
	"fmt"
	"runtime"
	"sync"

	"vitrine/engine/backend"
	"vitrine/engine/quant"
)

// Matrix is a float32 matrix, row-major. It is a [backend.Tensor] and, with
// the numbers of the model in it, a [backend.Weight].
type Matrix struct {
	rows, cols int
	Data       []float32 // rows × cols
}

// NewMatrix makes a zero matrix of rows × cols.
func NewMatrix(rows, cols int) (*Matrix, error) {
	if rows <= 0 || cols <= 0 {
		return nil, fmt.Errorf("host: matrix of %d × %d, want at least 1 × 1", rows, cols)
	}
	return &Matrix{rows: rows, cols: cols, Data: make([]float32, rows*cols)}, nil
}

// Vector is a matrix of one row that shares memory with data.
func Vector(data []float32) Matrix { return Matrix{rows: 1, cols: len(data), Data: data} }

// Rows is the number of rows.
func (m *Matrix) Rows() int { return m.rows }

// Cols is the number of columns.
func (m *Matrix) Cols() int { return m.cols }

// Shape is [Matrix.Rows] and [Matrix.Cols].
func (m *Matrix) Shape() (rows, cols int) { return m.rows, m.cols }

// Bytes implements Sized of package backend: of all numbers.
func (m *Matrix) Bytes() int { return 4 * len(m.Data) }

// Row is row i, sharing memory with the matrix.
func (m *Matrix) Row(i int) []float32 { return m.Data[i*m.cols : (i+1)*m.cols : (i+1)*m.cols] }

// Of returns the matrix behind a handle. A handle of another backend is a
// mistake of the program, so it panics.
func Of[H any](handle H) *Matrix {
	m, ok := any(handle).(*Matrix)
	if !ok {
		panic(fmt.Sprintf("host: a handle of type %T belongs to another backend", handle))
	}
	return m
}

// Dequantize makes a matrix of rows × cols out of a parameter in format t,
// on all cores.
func Dequantize(name string, t quant.Type, rows, cols int, data []byte) (*Matrix, error) {
	m, err := NewMatrix(rows, cols)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	rowBytes, err := t.RowBytes(cols)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	if len(data) != rows*rowBytes {
		return nil, fmt.Errorf("weight %s: %d bytes of data, want %d for %d × %d numbers in %v", name, len(data), rows*rowBytes, rows, cols, t)
	}
	workers := min(runtime.GOMAXPROCS(0), rows)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			lo, hi := rows*w/workers, rows*(w+1)/workers
			errs[w] = quant.Dequantize(m.Data[lo*cols:hi*cols], t, data[lo*rowBytes:hi*rowBytes])
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("weight %s: %w", name, err)
		}
	}
	return m, nil
}

// KVCache keeps keys and values as float32. A layer is one slice; slot s
// holds KVHeads × HeadDim numbers from s·KVHeads·HeadDim on.
type KVCache struct {
	config backend.KVConfig
	k, v   [][]float32 // a layer
}

// NewKVCache makes an empty cache. The memory is taken from the operating
// system when it is first written to.
func NewKVCache(c backend.KVConfig) (*KVCache, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	kv := &KVCache{config: c, k: make([][]float32, c.Layers), v: make([][]float32, c.Layers)}
	n := c.Blocks * c.BlockSize * c.KVHeads * c.HeadDim
	for l := range c.Layers {
		kv.k[l], kv.v[l] = make([]float32, n), make([]float32, n)
	}
	return kv, nil
}

// Config is what the cache was made with.
func (kv *KVCache) Config() backend.KVConfig { return kv.config }

// SlotBytes is what one token's keys and values take over all layers.
func (kv *KVCache) SlotBytes() int {
	c := &kv.config
	return 2 * c.Layers * c.KVHeads * c.HeadDim * 4
}

// Key is the key of one head in one slot; it shares the cache's memory.
func (kv *KVCache) Key(layer, head, slot int) []float32 { return kv.at(kv.k[layer], head, slot) }

// Value is the value of one head in one slot; it shares the cache's memory.
func (kv *KVCache) Value(layer, head, slot int) []float32 { return kv.at(kv.v[layer], head, slot) }

func (kv *KVCache) at(s []float32, head, slot int) []float32 {
	d := kv.config.HeadDim
	i := (slot*kv.config.KVHeads + head) * d
	return s[i : i+d : i+d]
}

// KVOf returns the cache behind a handle; like [Of], it panics for a stranger's.
func KVOf(c backend.KVCache) *KVCache {
	kv, ok := c.(*KVCache)
	if !ok {
		panic(fmt.Sprintf("host: a KV cache of type %T belongs to another backend", c))
	}
	return kv
}

// Memory implements the part of [backend.Backend] that only moves numbers.
// Nothing is ever pending on the host, so Sync has nothing to wait for.
type Memory struct{}

// NewWeight dequantizes the parameter to float32.
func (Memory) NewWeight(name string, t quant.Type, rows, cols int, data []byte) (backend.Weight, error) {
	m, err := Dequantize(name, t, rows, cols, data)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// NewTensor makes a zero matrix.
func (Memory) NewTensor(rows, cols int) (backend.Tensor, error) {
	m, err := NewMatrix(rows, cols)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// NewKVCache makes an empty cache in float32.
func (Memory) NewKVCache(c backend.KVConfig) (backend.KVCache, error) {
	kv, err := NewKVCache(c)
	if err != nil {
		return nil, err
	}
	return kv, nil
}

// Embed copies rows of the embedding matrix.
func (Memory) Embed(dst backend.Tensor, w backend.Weight, ids []int32) {
	d, m := Of(dst), Of(w)
	for i, id := range ids {
		copy(d.Row(i), m.Row(int(id)))
	}
}

// StoreKV copies keys and values into their slots.
func (Memory) StoreKV(c backend.KVCache, layer int, k, v backend.Tensor, slots []int32) {
	kv, km, vm := KVOf(c), Of(k), Of(v)
	width := kv.config.KVHeads * kv.config.HeadDim
	for i, slot := range slots {
		copy(kv.k[layer][int(slot)*width:][:width], km.Row(i))
		copy(kv.v[layer][int(slot)*width:][:width], vm.Row(i))
	}
}

// CopyKV copies a block: in every layer, BlockSize slots of keys and of values.
func (Memory) CopyKV(c backend.KVCache, dst, src int) {
	kv := KVOf(c)
	n := kv.config.BlockSize * kv.config.KVHeads * kv.config.HeadDim
	for l := range kv.k {
		copy(kv.k[l][dst*n:(dst+1)*n], kv.k[l][src*n:(src+1)*n])
		copy(kv.v[l][dst*n:(dst+1)*n], kv.v[l][src*n:(src+1)*n])
	}
}

// Gather copies rows.
func (Memory) Gather(dst, src backend.Tensor, rows []int32) {
	d, s := Of(dst), Of(src)
	for i, r := range rows {
		copy(d.Row(i), s.Row(int(r)))
	}
}

// Write copies numbers into the tensor.
func (Memory) Write(t backend.Tensor, row int, src []float32) {
	m := Of(t)
	copy(m.Data[row*m.cols:], src)
}

// View makes a matrix that shares memory with data, in t if it is not nil.
func (Memory) View(t backend.Tensor, data []float32, cols int) backend.Tensor {
	if t == nil {
		t = new(Matrix)
	}
	m := Of(t)
	m.rows, m.cols, m.Data = len(data)/cols, cols, data
	return m
}

// Read copies numbers out of the tensor.
func (Memory) Read(dst []float32, t backend.Tensor, row int) {
	m := Of(t)
	copy(dst, m.Data[row*m.cols:])
}

// ReadKV copies whole slots of one layer and head.
func (Memory) ReadKV(k, v []float32, c backend.KVCache, layer, kvHead, slot int) {
	kv := KVOf(c)
	d := kv.config.HeadDim
	for i := 0; (i+1)*d <= len(k); i++ {
		copy(k[i*d:(i+1)*d], kv.Key(layer, kvHead, slot+i))
		copy(v[i*d:(i+1)*d], kv.Value(layer, kvHead, slot+i))
	}
}

// Sync returns at once: every operation is done when its call returns.
func (Memory) Sync() error { return nil }
