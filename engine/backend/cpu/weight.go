package cpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/quant"
)

// weight is a parameter of the model: a matrix in tiles, or a vector.
type weight struct {
	rows, cols int
	packed     *kernel.Packed // a quantized matrix
	floats     *kernel.Floats // a matrix of floats
	// vector is the numbers, if there is one row: such a parameter is nearly
	// always a norm's or a bias. It becomes a matrix with its first product,
	// for a tile of it is sixteen times as large.
	vector []float32
}

// Shape is the number of rows and columns.
func (w *weight) Shape() (rows, cols int) { return w.rows, w.cols }

// Bytes implements [backend.Sized]: of its tiles, or of the numbers of a vector.
func (w *weight) Bytes() int {
	switch {
	case w.packed != nil:
		return w.packed.Bytes()
	case w.floats != nil:
		return w.floats.Bytes()
	}
	return 4 * len(w.vector)
}

// of returns the weight behind a handle. A handle of another backend is a
// mistake of the program, so it panics.
func of(handle backend.Weight) *weight {
	w, ok := handle.(*weight)
	if !ok {
		panic(fmt.Sprintf("cpu: a weight of type %T belongs to another backend", handle))
	}
	return w
}

// row sets dst to row i.
func (w *weight) row(dst []float32, i int) {
	switch {
	case w.vector != nil:
		copy(dst, w.vector)
	case w.packed != nil:
		w.packed.Row(dst, i)
	default:
		w.floats.Row(dst, i)
	}
}

// tiles is the number of tiles.
func (w *weight) tiles() int {
	if w.packed != nil {
		return w.packed.Tiles()
	}
	return w.floats.Tiles()
}

// NewWeight interleaves the rows of a parameter for the kernels, on all
// workers. The numbers stay as they are in the file; data is not kept.
func (b *Backend) NewWeight(name string, t quant.Type, rows, cols int, data []byte) (backend.Weight, error) {
	if rows <= 0 || cols <= 0 {
		return nil, fmt.Errorf("weight %s: %d × %d, want at least 1 × 1", name, rows, cols)
	}
	rowBytes, err := t.RowBytes(cols)
	if err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	if len(data) != rows*rowBytes {
		return nil, fmt.Errorf("weight %s: %d bytes of data, want %d for %d × %d numbers in %v", name, len(data), rows*rowBytes, rows, cols, t)
	}
	w := &weight{rows: rows, cols: cols}
	if rows == 1 {
		w.vector = make([]float32, cols)
		if err := quant.Dequantize(w.vector, t, data); err != nil {
			return nil, fmt.Errorf("weight %s: %w", name, err)
		}
		return w, nil
	}
	if err := b.pack(w, t, data); err != nil {
		return nil, fmt.Errorf("weight %s: %w", name, err)
	}
	return w, nil
}

// matrix returns the weight behind a handle with its tiles. It panics where
// the system has no memory for those of a vector.
func (b *Backend) matrix(handle backend.Weight) *weight {
	w := of(handle)
	if w.packed != nil || w.floats != nil {
		return w
	}
	data := make([]byte, 0, 4*w.cols)
	for _, x := range w.vector {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	if err := b.pack(w, quant.F32, data); err != nil {
		panic(fmt.Sprintf("cpu: a vector of %d numbers as a matrix: %v", w.cols, err))
	}
	return w
}

// pack fills the tiles of w.
func (b *Backend) pack(w *weight, t quant.Type, data []byte) (err error) {
	if l, ok := kernel.LayoutOf(t); ok {
		room, err := b.memory.take(l.PackedBytes(w.rows, w.cols))
		if err != nil {
			return err
		}
		if w.packed, err = kernel.NewPacked(l, w.rows, w.cols, room); err != nil {
			return err
		}
		return b.eachWorker(w.packed.Tiles(), func(worker, lo, hi int) error {
			return b.packers[worker].Pack(w.packed, data, lo, hi)
		})
	}
	f, ok := kernel.FloatOf(t)
	if !ok {
		return fmt.Errorf("number format %v has no kernels", t)
	}
	room, err := b.memory.take(f.FloatsBytes(w.rows, w.cols))
	if err != nil {
		return err
	}
	if w.floats, err = kernel.NewFloats(f, w.rows, w.cols, room); err != nil {
		return err
	}
	return b.eachWorker(w.floats.Tiles(), func(_, lo, hi int) error {
		w.floats.Pack(data, lo, hi)
		return nil
	})
}

// eachWorker divides n parts among the workers and returns the first error.
func (b *Backend) eachWorker(n int, f func(worker, lo, hi int) error) error {
	errs := make([]error, b.pool.workers)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() { errs[w] = f(w, n*w/len(errs), n*(w+1)/len(errs)) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
