package cpu

import (
	"math"
	"slices"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/host"
)

// rowTask is an operation that works on each row by itself: the part i of it
// is row i. It is kept in the backend, so that nothing is allocated for it.
type rowTask struct {
	b    *Backend
	kind rowKind

	dst, x, up *host.Matrix
	weights    []float32
	eps        float32
	head       int
	rope       *ropeTable
	activation backend.Activation
	factor     float32
	matrix     *weight
	ids        []int32
}

type rowKind uint8

const (
	normRows rowKind = iota
	rotateRows
	gluRows
	addRows
	scaleRows
	embedRows
)

// alone is the number of elements below which an operation is not worth
// waking the other workers for.
const alone = 1 << 13

func (t *rowTask) start(n int) {
	least := alone
	if t.kind >= addRows { // nothing but memory moves
		least *= 4
	}
	if n*t.dst.Cols() < least {
		t.run(0, 0, n)
		return
	}
	t.b.pool.run(n, t)
}

func (t *rowTask) normHeads(dst, x *host.Matrix, w []float32, eps float32, head, n int) {
	t.kind, t.dst, t.x, t.weights, t.eps, t.head = normRows, dst, x, w, eps, head
	t.start(n)
}

func (t *rowTask) rotate(dst, x *host.Matrix, head int, rope *ropeTable, n int) {
	t.kind, t.dst, t.x, t.head, t.rope = rotateRows, dst, x, head, rope
	t.start(n)
}

func (t *rowTask) glu(dst, gate, up *host.Matrix, a backend.Activation, n int) {
	t.kind, t.dst, t.x, t.up, t.activation = gluRows, dst, gate, up, a
	t.start(n)
}

func (t *rowTask) add(dst, x *host.Matrix, n int) {
	t.kind, t.dst, t.x = addRows, dst, x
	t.start(n)
}

func (t *rowTask) scale(x *host.Matrix, factor float32, n int) {
	t.kind, t.dst, t.x, t.factor = scaleRows, x, x, factor
	t.start(n)
}

func (t *rowTask) embed(dst *host.Matrix, w *weight, ids []int32) {
	t.kind, t.dst, t.x, t.matrix, t.ids = embedRows, dst, dst, w, ids
	t.start(len(ids))
}

// run implements task.
func (t *rowTask) run(_, lo, hi int) {
	k := t.b.kernels
	for i := lo; i < hi; i++ {
		dst, x := t.dst.Row(i), t.x.Row(i)
		switch t.kind {
		case addRows:
			k.Add(dst, x)
		case scaleRows:
			k.Scale(x, t.factor)
		case embedRows:
			t.matrix.row(dst, int(t.ids[i]))
		case normRows:
			for h := 0; h < len(x); h += t.head {
				k.RMSNorm(dst[h:h+t.head], x[h:h+t.head], t.weights, t.eps)
			}
		case rotateRows:
			cos, sin := t.rope.row(i)
			for h := 0; h < len(x); h += t.head {
				if t.rope.style == backend.Halves {
					k.RotateHalves(dst[h:h+t.head], x[h:h+t.head], cos, sin)
				} else {
					k.RotatePairs(dst[h:h+t.head], x[h:h+t.head], cos, sin)
				}
			}
		case gluRows:
			gated(k, dst, x, t.up.Row(i), t.activation)
		}
	}
}

// gated sets dst = a(gate) ⊙ up.
func gated(k *kernel.Set, dst, gate, up []float32, a backend.Activation) {
	if a == backend.GELUTanh {
		k.GELU(dst, gate, up)
	} else {
		k.SiLU(dst, gate, up)
	}
}

// ropeTable holds the cosines and sines of a batch's positions, which all
// layers of a step share.
type ropeTable struct {
	style     backend.RoPEStyle
	scale     float64
	invFreq   []float64
	positions []int32
	width     int
	cos, sin  []float32 // positions × width
}

// ropeTables are those of the last two embeddings in use: some models have one
// for layers with a window and one for the others.
type ropeTables struct {
	last, other ropeTable
}

// prepare makes last the table that is asked for.
func (t *ropeTables) prepare(r *backend.RoPE, positions []int32) *ropeTable {
	if !t.last.is(r, positions) {
		t.last, t.other = t.other, t.last
		if !t.last.is(r, positions) {
			t.last.compute(r, positions)
		}
	}
	return &t.last
}

func (t *ropeTable) is(r *backend.RoPE, positions []int32) bool {
	return t.style == r.Style && t.scale == r.Scale && slices.Equal(t.positions, positions) && slices.Equal(t.invFreq, r.InvFreq)
}

func (t *ropeTable) compute(r *backend.RoPE, positions []int32) {
	t.style, t.scale = r.Style, r.Scale
	t.invFreq = append(t.invFreq[:0], r.InvFreq...)
	t.positions = append(t.positions[:0], positions...)
	t.width = len(r.InvFreq)
	if r.Style == backend.Interleaved {
		t.width *= 2 // a number for each element
	}
	t.cos, t.sin = t.cos[:0], t.sin[:0]
	for _, p := range positions {
		for _, f := range r.InvFreq {
			s, c := math.Sincos(float64(p) * f)
			sin, cos := float32(s*r.Scale), float32(c*r.Scale)
			if r.Style == backend.Interleaved {
				t.cos, t.sin = append(t.cos, cos, cos), append(t.sin, -sin, sin)
			} else {
				t.cos, t.sin = append(t.cos, cos), append(t.sin, sin)
			}
		}
	}
}

// row is what position i of the batch is turned by.
func (t *ropeTable) row(i int) (cos, sin []float32) {
	return t.cos[i*t.width : (i+1)*t.width], t.sin[i*t.width : (i+1)*t.width]
}
