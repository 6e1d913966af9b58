package cpu

import (
	"fmt"
	"sync/atomic"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/host"
)

// matMul is the operation MatMul. Its parts are those of all its products one
// after the other: of a quantized matrix, for one row of x the tiles, for
// several the panels; of a matrix of floats the tiles. Where there are many rows,
// they are divided instead: see slabTask.
type matMul struct {
	b        *Backend
	x        *host.Matrix
	n        int
	products []backend.Product
	matrices []*kernel.Packed // those of the products that are quantized
	quants   kernel.Rows      // of all workers
	apart    bool             // each worker quantizes all rows for itself
	number   uint64           // of the operation
	rows     quantizing
	slabs    slabTask
	unit     bool // the two products are those of a gated linear unit, and it is computed along with them
	gate     backend.Activation
}

// span is some rows of x, lo … hi-1, and what they are quantized to: its first row
// is that of lo.
type span struct {
	lo, hi int
	quants *kernel.Rows
	fixed  *kernel.FixedRows // if not nil, instead of quants
}

// quantizing is how far the workers are that quantize the rows of x together, before
// they multiply: within one hand-over of the work, for to hand it over twice would take as
// long as the rows do. A worker takes some rows at a time until none is left, and
// waits until the others are done with theirs.
type quantizing struct {
	taken atomic.Int64
	_     [56]byte // a cache line of its own
	done  atomic.Int64
	_     [56]byte
}

// rowsAtOnce is how many rows a worker quantizes before it looks for more.
const rowsAtOnce = 4

// all returns once every row of the operation is quantized, and says whether it is: not
// if a worker panicked meanwhile.
func (q *quantizing) all(m *matMul) bool {
	n := int64(m.n)
	if q.done.Load() == n {
		return true
	}
	for {
		hi := q.taken.Add(rowsAtOnce)
		lo := hi - rowsAtOnce
		if lo >= n {
			break
		}
		hi = min(hi, n)
		for i := int(lo); i < int(hi); i++ {
			m.b.kernels.Quantize(&m.quants, i, m.x.Row(i))
		}
		q.done.Add(hi - lo)
	}
	for q.done.Load() != n {
		if m.b.pool.failed.Load() != nil {
			return false
		}
		linger(func() bool { return q.done.Load() == n || m.b.pool.failed.Load() != nil })
	}
	return true
}

// slabTask computes all products for slab i of the rows as its part i: what one
// worker quantizes by itself stays in its caches.
type slabTask struct {
	m     *matMul
	rows  int  // of a slab
	fixed bool // in fixed point
}

func (t *slabTask) run(worker, lo, hi int) {
	m, s := t.m, &t.m.b.scratch[worker]
	for i := lo; i < hi; i++ {
		rows := span{lo: i * t.rows, hi: min((i+1)*t.rows, m.n)}
		n := rows.hi - rows.lo
		if t.fixed {
			rows.fixed = &s.fixed
			m.b.kernels.ReserveFixed(rows.fixed, n, m.x.Cols())
			for r := range n {
				m.b.kernels.Fix(rows.fixed, r, m.x.Row(rows.lo+r))
			}
		} else {
			rows.quants = &s.quants
			m.b.kernels.ReserveSlab(rows.quants, n, m.x.Cols())
			for r := range n {
				m.b.kernels.Quantize(rows.quants, r, m.x.Row(rows.lo+r))
			}
		}
		if m.unit {
			m.gated(worker, rows, 0, m.parts(of(m.products[0].W)))
			continue
		}
		for j := range m.products {
			p := &m.products[j]
			w := of(p.W)
			m.product(worker, p, w, rows, 0, m.parts(w))
		}
	}
}

// parts is the number of parts of a product.
func (m *matMul) parts(w *weight) int {
	if w.packed != nil && m.n > 1 {
		return w.packed.Panels()
	}
	return w.tiles()
}

// MatMul computes dst = x·wᵀ (+ bias) of each product.
func (b *Backend) MatMul(x backend.Tensor, n int, products ...backend.Product) {
	m := &b.matMul
	m.unit = false
	m.products = append(m.products[:0], products...)
	m.start(host.Of(x), n)
}

// MatMulGLU computes a gated linear unit along with its products where these are of
// several rows: of one, the outputs are too few to be worth it.
func (b *Backend) MatMulGLU(x backend.Tensor, n int, gate, up backend.Product, a backend.Activation) {
	m := &b.matMul
	m.products = append(m.products[:0], gate, up)
	g, u := of(gate.W), of(up.W)
	if g.rows != u.rows {
		panic(fmt.Sprintf("cpu: a gated linear unit of %d gates and %d others", g.rows, u.rows))
	}
	m.unit = n > 1 && g.packed != nil && u.packed != nil && gate.Bias == nil && up.Bias == nil
	m.gate = a
	m.start(host.Of(x), n)
	if !m.unit {
		b.GLU(gate.Dst, gate.Dst, up.Dst, n, a)
	}
}

// start computes the products of n rows of x.
func (m *matMul) start(x *host.Matrix, n int) {
	if n == 0 {
		return
	}
	b := m.b
	m.x, m.n = x, n
	parts := 0
	m.matrices = m.matrices[:0]
	for _, p := range m.products {
		w := b.matrix(p.W)
		parts += m.parts(w)
		if w.packed != nil {
			m.matrices = append(m.matrices, w.packed)
		}
	}
	quantized := len(m.matrices) > 0
	if quantized {
		rows, fixed := 0, false
		if b.batchVariant {
			rows = b.kernels.Bands(n, m.x.Cols(), b.pool.workers)
			fixed = rows > 0
		}
		if !fixed {
			rows = b.kernels.Slab(n, m.x.Cols(), b.pool.workers)
		}
		if rows > 0 {
			m.slabs = slabTask{m, rows, fixed}
			b.pool.run((n+rows-1)/rows, &m.slabs)
			return
		}
	}
	m.number++
	m.apart = quantized && n > 1 && n <= mostApart && b.pool.workers <= fewWorkers
	if quantized && !m.apart {
		b.kernels.Reserve(&m.quants, n, m.x.Cols(), m.matrices...)
		m.rows.taken.Store(0)
		m.rows.done.Store(0)
		if n*m.x.Cols() < alone {
			m.rows.all(m)
		}
	}
	if m.unit {
		parts /= 2
	}
	b.pool.run(parts, m)
}

// For a few rows, what takes the time is not to quantize them, but to hand over the
// work and then the memory that the other workers wrote: a line of a cache takes as
// long from core to core as a hundred additions. So each worker quantizes them all;
// one row alone is done before another worker is there.
const (
	mostApart  = 64
	fewWorkers = 4
)

// quantized are all rows for a worker; ok is false if another one has panicked before they
// were.
func (m *matMul) quantized(worker int) (rows span, ok bool) {
	if !m.apart {
		return span{hi: m.n, quants: &m.quants}, len(m.matrices) == 0 || m.rows.all(m)
	}
	s := &m.b.scratch[worker]
	if s.quantized != m.number {
		s.quantized = m.number
		m.b.kernels.Reserve(&s.quants, m.n, m.x.Cols(), m.matrices...)
		for i := range m.n {
			m.b.kernels.Quantize(&s.quants, i, m.x.Row(i))
		}
	}
	return span{hi: m.n, quants: &s.quants}, true
}

// run implements task.
func (m *matMul) run(worker, lo, hi int) {
	rows, ok := m.quantized(worker)
	if !ok {
		return
	}
	if m.unit {
		m.gated(worker, rows, lo, hi)
		return
	}
	for i := range m.products {
		p := &m.products[i]
		w := of(p.W)
		n := m.parts(w)
		if lo < n {
			m.product(worker, p, w, rows, lo, min(hi, n))
		}
		lo, hi = max(lo-n, 0), hi-n
		if hi <= 0 {
			return
		}
	}
}

// gated computes the panels lo … hi-1 of a gated linear unit, some at a time.
func (m *matMul) gated(worker int, rows span, lo, hi int) {
	k, s, n := m.b.kernels, &m.b.scratch[worker], rows.hi-rows.lo
	gate, up, dst := of(m.products[0].W), of(m.products[1].W), host.Of(m.products[0].Dst)
	together := max(k.Caches().GatedOutputs()/(n*kernel.PanelRows), 1)
	if rows.fixed != nil {
		together = 1
	}
	for ; lo < hi; lo += together {
		end := min(lo+together, hi)
		from, to, width := lo*kernel.PanelRows, min(end*kernel.PanelRows, gate.rows), (end-lo)*kernel.PanelRows
		s.gate, s.up = grow(s.gate, n*width), grow(s.up, n*width)
		m.multiply(worker, s.gate, width, gate, rows, lo, end)
		m.multiply(worker, s.up, width, up, rows, lo, end)
		if rows.fixed != nil && to-from == kernel.PanelRows {
			k.GatePanel(dst.Data[rows.lo*dst.Cols()+from:], dst.Cols(), s.gate, s.up, n, m.gate == backend.GELUTanh)
			continue
		}
		for i := range n {
			gated(k, dst.Row(rows.lo + i)[from:to], s.gate[i*width:][:to-from], s.up[i*width:][:to-from], m.gate)
		}
	}
}

// product computes the parts lo … hi-1 of one product for some rows.
func (m *matMul) product(worker int, p *backend.Product, w *weight, rows span, lo, hi int) {
	s, dst := &m.b.scratch[worker], host.Of(p.Dst)
	size := kernel.Lanes
	switch {
	case w.packed != nil && m.n > 1:
		size = kernel.PanelRows
		m.panels(s, dst, w, rows, worker, lo, hi)
	default:
		m.tiles(s, dst, w, rows, lo, hi)
	}
	if p.Bias == nil {
		return
	}
	from, to := lo*size, min(hi*size, w.rows)
	for i := rows.lo; i < rows.hi; i++ {
		m.b.kernels.Add(dst.Row(i)[from:to], of(p.Bias).vector[from:to])
	}
}

// tiles computes tiles of a quantized matrix for one row, or of floats for some.
func (m *matMul) tiles(s *scratch, dst *host.Matrix, w *weight, rows span, lo, hi int) {
	k, n := m.b.kernels, rows.hi-rows.lo
	out, x := dst.Data[rows.lo*dst.Cols():], m.x.Data[rows.lo*m.x.Cols():]
	whole := min(hi, w.rows/kernel.Lanes) // the last tile may stand out
	switch {
	case w.packed != nil:
		k.MatVec(dst.Data[lo*kernel.Lanes:max(whole, lo)*kernel.Lanes], w.packed, rows.quants, 0, lo, whole)
	case m.n == 1:
		k.FloatVec(dst.Data[lo*kernel.Lanes:max(whole, lo)*kernel.Lanes], w.floats, m.x.Data, lo, whole)
	default:
		for t := lo; t < whole; t++ {
			k.FloatMul(out[t*kernel.Lanes:], dst.Cols(), w.floats, t, x, m.x.Cols(), n)
		}
	}
	if whole == hi {
		return
	}
	s.partial = grow(s.partial, n*kernel.Lanes)
	if w.packed != nil {
		k.MatVec(s.partial, w.packed, rows.quants, 0, whole, hi)
	} else {
		k.FloatMul(s.partial, kernel.Lanes, w.floats, whole, x, m.x.Cols(), n)
	}
	copyPartial(s.partial, kernel.Lanes, dst, rows, whole*kernel.Lanes, w.rows)
}

// panels computes panels of a quantized matrix for some rows.
func (m *matMul) panels(s *scratch, dst *host.Matrix, w *weight, rows span, worker, lo, hi int) {
	n := rows.hi - rows.lo
	whole := min(hi, w.rows/kernel.PanelRows) // the last panel may stand out
	if lo < whole {
		m.multiply(worker, dst.Data[rows.lo*dst.Cols()+lo*kernel.PanelRows:], dst.Cols(), w, rows, lo, whole)
	}
	if whole == hi {
		return
	}
	s.partial = grow(s.partial, n*kernel.PanelRows)
	m.multiply(worker, s.partial, kernel.PanelRows, w, rows, whole, hi)
	copyPartial(s.partial, kernel.PanelRows, dst, rows, whole*kernel.PanelRows, w.rows)
}

// multiply computes the panels lo … hi-1 of a matrix for the rows, and has keys and
// values read meanwhile that attention will want.
func (m *matMul) multiply(worker int, out []float32, stride int, w *weight, rows span, lo, hi int) {
	k, p := m.b.kernels, &m.b.scratch[worker].panel
	if rows.fixed != nil {
		k.FixedMul(out, stride, p, w.packed, lo, hi, rows.fixed)
		return
	}
	n := rows.hi - rows.lo
	if kv := m.b.attend.kv; kv != nil {
		m.b.attend.readAhead(worker, p, k.ReadsLater(w.packed, hi-lo, rows.quants, n, kv.keyGroup))
	}
	k.MatMul(out, stride, p, w.packed, lo, hi, rows.quants, n)
}

// copyPartial copies the outputs from … to-1 that a partial tile or panel has.
func copyPartial(partial []float32, width int, dst *host.Matrix, rows span, from, to int) {
	for i := rows.lo; i < rows.hi; i++ {
		copy(dst.Row(i)[from:to], partial[(i-rows.lo)*width:(i-rows.lo+1)*width])
	}
}

// grow returns s with n elements, whose values mean nothing.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
