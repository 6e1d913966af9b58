package parallel

import (
	"fmt"

	"vitrine/engine/backend"
	"vitrine/engine/backend/host"
	"vitrine/engine/quant"
)

// tensor is a tensor's part in each rank.
type tensor struct {
	rows, cols int
	at         backend.Borders // of the columns; nil if every rank has all
	parts      []*host.Matrix
}

// Rows is the number of rows that there is room for.
func (t *tensor) Rows() int { return t.rows }

// Cols is the number of columns of all ranks.
func (t *tensor) Cols() int { return t.cols }

// weight is a weight's part in each rank.
type weight struct {
	rows, cols int
	at         backend.Borders // nil if every rank has all
	parts      []backend.Weight
}

// Shape is the number of rows and columns of all ranks.
func (w *weight) Shape() (rows, cols int) { return w.rows, w.cols }

// Bytes implements [backend.Sized].
func (w *weight) Bytes() int {
	n := 0
	for _, p := range w.parts {
		if p, ok := p.(backend.Sized); ok {
			n += p.Bytes()
		}
	}
	return n
}

// kvCache is a cache's heads in each rank.
type kvCache struct {
	config backend.KVConfig
	at     backend.Borders // of the heads; nil if every rank has all
	parts  []backend.KVCache
}

// Config is that of the whole cache.
func (c *kvCache) Config() backend.KVConfig { return c.config }

// SlotBytes is what a token takes in all ranks together.
func (c *kvCache) SlotBytes() int {
	n := 0
	for _, p := range c.parts {
		n += p.SlotBytes()
	}
	return n
}

// own returns what is behind a handle. A handle of another backend is a
// mistake of the program, so it panics.
func own[T any](handle any) T {
	h, ok := handle.(T)
	if !ok {
		panic(fmt.Sprintf("parallel: a handle of type %T belongs to another backend", handle))
	}
	return h
}

func tensorOf(t backend.Tensor) *tensor { return own[*tensor](t) }
func kvOf(c backend.KVCache) *kvCache   { return own[*kvCache](c) }

// weightOf is nil for a bias that is not there.
func weightOf(w backend.Weight) *weight {
	if w == nil {
		return nil
	}
	return own[*weight](w)
}

func (b *Backend) newTensor(rows, cols int, at backend.Borders) (backend.Tensor, error) {
	t := &tensor{rows: rows, cols: cols, at: at, parts: make([]*host.Matrix, len(b.ranks))}
	for i, r := range b.ranks {
		width := cols
		if at != nil {
			width = at[i+1] - at[i]
		}
		part, err := r.NewTensor(rows, width)
		if err != nil {
			return nil, err
		}
		m, ok := part.(*host.Matrix)
		if !ok {
			return nil, fmt.Errorf("parallel: rank %d keeps tensors as %T, want them in the host's memory", i, part)
		}
		t.parts[i] = m
	}
	return t, nil
}

// NewDivided makes room for activations whose columns are divided.
func (b *Backend) NewDivided(rows int, at backend.Borders) (backend.Tensor, error) {
	if len(at) == 0 {
		return nil, fmt.Errorf("parallel: no borders, want %d", len(b.ranks)+1)
	}
	cols := at[len(at)-1]
	if err := at.Check(cols, len(b.ranks)); err != nil {
		return nil, err
	}
	return b.newTensor(rows, cols, at)
}

func (b *Backend) newKV(c backend.KVConfig, at backend.Borders) (backend.KVCache, error) {
	kv := &kvCache{config: c, at: at}
	for i, r := range b.ranks {
		part := c
		if at != nil {
			part.KVHeads = at[i+1] - at[i]
		}
		cache, err := r.NewKVCache(part)
		if err != nil {
			return nil, err
		}
		kv.parts = append(kv.parts, cache)
	}
	return kv, nil
}

// NewDividedKV makes a cache whose heads are divided.
func (b *Backend) NewDividedKV(c backend.KVConfig, at backend.Borders) (backend.KVCache, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := at.Check(c.KVHeads, len(b.ranks)); err != nil {
		return nil, err
	}
	return b.newKV(c, at)
}

// NewColumnParallel gives each rank its rows of a matrix, or its numbers of a
// vector.
func (b *Backend) NewColumnParallel(name string, t quant.Type, rows, cols int, data []byte, at backend.Borders) (backend.Weight, error) {
	if rows == 1 {
		return b.divideColumns(name, t, rows, cols, data, at)
	}
	rowBytes, err := b.checkWeight(name, t, rows, cols, data, rows, at)
	if err != nil {
		return nil, err
	}
	w := &weight{rows: rows, cols: cols, at: at, parts: make([]backend.Weight, len(b.ranks))}
	err = b.each(func(r *rank) (err error) {
		from, to := at.Of(r.id)
		w.parts[r.id], err = r.NewWeight(name, t, to-from, cols, data[from*rowBytes:to*rowBytes])
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// NewRowParallel gives each rank its columns of a matrix.
func (b *Backend) NewRowParallel(name string, t quant.Type, rows, cols int, data []byte, at backend.Borders) (backend.Weight, error) {
	return b.divideColumns(name, t, rows, cols, data, at)
}

// divideColumns copies each rank's columns together.
func (b *Backend) divideColumns(name string, t quant.Type, rows, cols int, data []byte, at backend.Borders) (backend.Weight, error) {
	rowBytes, err := b.checkWeight(name, t, rows, cols, data, cols, at)
	if err != nil {
		return nil, err
	}
	byteAt := make(backend.Borders, len(at))
	for i, col := range at {
		if byteAt[i], err = t.RowBytes(col); err != nil {
			return nil, fmt.Errorf("weight %s: border at column %d: %w", name, col, err)
		}
	}
	w := &weight{rows: rows, cols: cols, at: at, parts: make([]backend.Weight, len(b.ranks))}
	err = b.each(func(r *rank) (err error) {
		from, to := byteAt.Of(r.id)
		part := make([]byte, 0, rows*(to-from))
		for row := range rows {
			part = append(part, data[row*rowBytes+from:row*rowBytes+to]...)
		}
		w.parts[r.id], err = r.NewWeight(name, t, rows, at[r.id+1]-at[r.id], part)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// checkWeight checks a parameter that is to be divided into parts of n rows or
// columns and returns the bytes of a row.
func (b *Backend) checkWeight(name string, t quant.Type, rows, cols int, data []byte, n int, at backend.Borders) (rowBytes int, err error) {
	if err := at.Check(n, len(b.ranks)); err != nil {
		return 0, fmt.Errorf("weight %s: %w", name, err)
	}
	if rowBytes, err = t.RowBytes(cols); err != nil {
		return 0, fmt.Errorf("weight %s: %w", name, err)
	}
	if len(data) != rows*rowBytes {
		return 0, fmt.Errorf("weight %s: %d bytes of data, want %d for %d × %d numbers in %v", name, len(data), rows*rowBytes, rows, cols, t)
	}
	return rowBytes, nil
}
