package kernel

import (
	"fmt"
	"unsafe"
)

// PanelRows is the number of outputs of a panel: two tiles.
const PanelRows = 2 * Lanes

// Panel is room for a tile, or some columns of it, expanded to 16-bit numbers
// and float32 scales, which several rows of activations share where the kernels
// need that. A tile is expanded anew for every product, so it is small enough
// for the first-level cache.
type Panel struct {
	numbers []int16
	bytes   []int8 // the numbers, where they are multiplied as bytes
	scales  []float32
	sums    []int32 // tiles of sums, aligned
	later   []ahead
	aheads  [3]ahead
}

// ahead is memory that a product has read, while it computes, for who comes after.
// The kernels know its layout. It holds no pointers: the memory may be gone meanwhile,
// which does no harm to who merely asks for it.
type ahead struct{ from, to uintptr }

func aheadOf(memory []byte) ahead {
	from := uintptr(unsafe.Pointer(&memory[0]))
	return ahead{from, from + uintptr(len(memory))}
}

// ReadLater has memory read into the second-level cache that will be wanted soon,
// in passing, by products that expand tiles: these are bound by their computing.
func (p *Panel) ReadLater(memory []byte) { p.later = append(p.later, aheadOf(memory)) }

// Full says whether that is as much as the products of some panels can read.
func (p *Panel) Full(panels int) bool { return len(p.later) >= 2*panels*(len(p.aheads)-1) }

// nextAheads are what one product has read: the tile that comes next, and what is
// wanted later.
func (p *Panel) nextAheads(tile []byte) (first *byte, n int) {
	p.aheads[0] = aheadOf(tile)
	for n = 1; n < len(p.aheads) && len(p.later) > 0; n++ {
		last := len(p.later) - 1
		p.aheads[n], p.later = p.later[last], p.later[:last]
	}
	return (*byte)(unsafe.Pointer(&p.aheads[0])), n
}

// reserve makes room for some blocks of columns of a matrix's tile.
func (p *Panel) reserve(w *Packed, blocks int) {
	p.numbers = aligned(p.numbers, Lanes*BlockColumns*blocks)
	p.scales = aligned(p.scales, Lanes*w.Layout.groups()*w.Layout.kinds()*blocks)
}

// reserveBytes makes room for them as bytes.
func (p *Panel) reserveBytes(w *Packed) {
	p.bytes = aligned(p.bytes, Lanes*w.Cols)
	p.scales = grow(p.scales, w.scales())
	p.sums = aligned(p.sums, 4*bunchRows*Lanes)
}

// aligned is grow for memory that begins with a cache line: AMX stores whole
// lines, and one that lies in two of them costs it many times as much.
func aligned[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	var one T
	const line = vectorBytes
	size := int(unsafe.Sizeof(one))
	s = make([]T, n+line/size)
	skip := -uintptr(unsafe.Pointer(&s[0])) % line
	return s[int(skip)/size:][:n]
}

// scales is the number of scales and minima of a tile.
func (p *Packed) scales() int { return Lanes * p.Cols / p.Layout.Group * p.Layout.kinds() }

// Panels is the number of panels of a matrix.
func (p *Packed) Panels() int { return (p.Tiles() + 1) / 2 }

// MatVec computes the outputs of tiles lo … hi-1 from row i of x. out has room
// for 16 numbers a tile.
func (s *Set) MatVec(out []float32, w *Packed, x *Rows, i, lo, hi int) {
	if lo >= hi {
		return
	}
	_ = out[(hi-lo)*Lanes-1]
	_ = w.tile(hi - 1)
	w.check(x)
	s.gemv[w.Layout.index](&out[0], &w.tile(lo)[0], pointer(x.rows(i, i+1)), w.blocks(), hi-lo, w.stride)
}

// MatMul computes the 32 outputs of each of panels lo … hi-1 of w for rows 0 …
// n-1 of x: row r goes to out[r·stride:]. p is room for a panel, which needs no
// content. The memory of the next tile is read ahead meanwhile.
func (s *Set) MatMul(out []float32, stride int, p *Panel, w *Packed, lo, hi int, x *Rows, n int) {
	if lo >= hi {
		return
	}
	_ = out[(n-1)*stride+(hi-lo)*PanelRows-1]
	w.check(x)
	bunched := min(n, x.bunched) / bunchRows * bunchRows
	first, last := 2*lo, min(2*hi, w.Tiles())
	expand := bunched < n && s.gemmTile[w.Layout.index] == nil
	if expand {
		s.expanded(out, stride, p, w, first, last, x, n)
		return
	}
	for t := first; t < last; t++ {
		out := out[(t-first)*Lanes:]
		if bunched > 0 {
			s.bunches(out, stride, p, w, t, x, bunched/bunchRows)
		}
		if bunched < n {
			s.tile(out[bunched*stride:], stride, w, t, x, bunched, n)
		}
	}
}

// check panics if rows of x do not fit the matrix: the kernels would read on.
func (p *Packed) check(x *Rows) {
	if x.cols != p.Cols {
		panic(fmt.Sprintf("kernel: rows of %d activations for a matrix of %d columns", x.cols, p.Cols))
	}
}

// tile multiplies with tile t as it lies in memory, for rows lo … hi-1.
func (s *Set) tile(out []float32, stride int, w *Packed, t int, x *Rows, lo, hi int) {
	next := min(t+1, w.Tiles()-1)
	s.gemmTile[w.Layout.index](&out[0], 4*stride, &w.tile(t)[0], pointer(x.rows(lo, hi)), blockBytes*w.blocks(), hi-lo, w.blocks(), &w.tile(next)[0])
}

// bunches expands tile t to bytes and multiplies with that, for the first
// bunches of rows.
func (s *Set) bunches(out []float32, stride int, p *Panel, w *Packed, t int, x *Rows, bunches int) {
	p.reserveBytes(w)
	next := min(t+1, w.Tiles()-1)
	s.expand[w.Layout.index](&p.bytes[0], &p.scales[0], &w.tile(t)[0], w.blocks())
	f := s.gemmBunch[index(w.Layout.Group == 16)][index(w.Layout.Minima)]
	f(&out[0], 4*stride, &p.bytes[0], &p.scales[0], &x.bunches[0], bunches, w.blocks(), &p.sums[0], &w.tile(next)[0])
}

// expanded expands tiles first … last-1 and multiplies with that, some columns
// after others: so few that what is expanded stays in the first-level cache.
func (s *Set) expanded(out []float32, stride int, p *Panel, w *Packed, first, last int, x *Rows, n int) {
	blocks := w.blocks()
	parts := (blocks + expandedBlocks - 1) / expandedBlocks
	p.reserve(w, (blocks+parts-1)/parts)
	f := s.gemm[index(w.Layout.Group == 16)][index(w.Layout.Minima)]
	rows := x.rows(0, n)
	for t := first; t < last; t++ {
		for i := range parts {
			next, part := t, i+1
			if part == parts {
				next, part = min(t+1, w.Tiles()-1), 0
			}
			ahead, aheads := p.nextAheads(w.part(next, part, parts))
			lo, hi := i*blocks/parts, (i+1)*blocks/parts
			s.unpack[w.Layout.index](&p.numbers[0], &p.scales[0], &w.part(t, i, parts)[0], hi-lo)
			f(&out[(t-first)*Lanes], 4*stride, &p.numbers[0], &p.scales[0], pointer(rows[lo:]), blockBytes*blocks, n, hi-lo, index(i == 0), ahead, aheads)
		}
	}
}

// part is the memory of part i of parts of a tile's columns.
func (p *Packed) part(t, i, parts int) []byte {
	blocks, size := p.blocks(), p.Layout.blockBytes()
	return p.tile(t)[i*blocks/parts*size : (i+1)*blocks/parts*size]
}

// expandedBlocks is the most blocks of columns that are expanded at once: with
// the scales 20 KiB.
const expandedBlocks = 18
