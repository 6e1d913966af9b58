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
	scales  []float32
	blocks  []byte    // for AMX: some blocks of both tiles, in lines
	sums    []float32 // for AMX: tiles of sums, in lines
	partial []float32 // for AMX: totals of some of the blocks
	room    []byte    // for the fused kernels
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
// in passing, by the next products. What these do not come to is not read.
func (p *Panel) ReadLater(memory []byte) { p.later = append(p.later, aheadOf(memory)) }

// ReadsLater is how many pieces of size bytes the products of some panels of w with n rows
// of x can read besides: of products that expand tiles, for these are bound by their
// computing.
func (s *Set) ReadsLater(w *Packed, panels int, x *Rows, n, size int) int {
	switch tiles := 2 * panels; {
	case s.fusedRows(w, x, n) > 0:
		return tiles * w.blocks() * fusedAheadBytes / size
	case s.gemmTile[w.Layout.index] == nil:
		return tiles * (len(Panel{}.aheads) - 1)
	}
	return 0
}

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
	last := min(2*hi, w.Tiles())
	if fused := s.fusedRows(w, x, n); fused > 0 {
		s.fusedTiles(out, stride, p, w, 2*lo, last, x, fused)
		for t := 2 * lo; fused < n && t < last; t++ {
			s.tile(out[fused*stride+(t-2*lo)*Lanes:], stride, w, t, x, fused, n)
		}
		return
	}
	bunched := min(n, x.bunched) / bunchRows * bunchRows
	if bunched < n && s.gemmTile[w.Layout.index] == nil {
		s.expanded(out, stride, p, w, 2*lo, last, x, n)
		return
	}
	for i := lo; i < hi; i++ {
		out := out[(i-lo)*PanelRows:]
		if bunched > 0 {
			s.bunches(out, stride, p, w, i, x, bunched/bunchRows)
		}
		for t := 2 * i; bunched < n && t < min(2*i+2, last); t++ {
			s.tile(out[bunched*stride+t%2*Lanes:], stride, w, t, x, bunched, n)
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

// bunches expands panel i, some blocks at a time, and multiplies with that, for
// the first bunches of x.
func (s *Set) bunches(out []float32, stride int, p *Panel, w *Packed, i int, x *Rows, bunches int) {
	l, blocks := w.Layout, w.blocks()
	most := s.caches.panelBlocks(l)
	p.blocks = aligned(p.blocks, 2*most*l.expandedBytes())
	p.sums = aligned(p.sums, sumTiles*bunchRows*Lanes)
	p.partial = aligned(p.partial, 2*bunches*bunchRows*Lanes)
	f := s.gemmBunch[index(l.Group == 16)][index(l.Minima)][index(l.apart())]
	tiles := min(2, w.Tiles()-2*i)
	next := min(2*i+tiles, w.Tiles()-1)
	parts := (blocks + most - 1) / most
	for part := range parts {
		from, to := l.cut(blocks, part, parts), l.cut(blocks, part+1, parts)
		n := to - from
		for t := range tiles {
			s.expand[l.index](&p.blocks[t*n*l.expandedBytes()], &w.tile(2*i + t)[from*l.blockBytes()], n)
		}
		ahead := &w.tile(next)[from*l.blockBytes()]
		bits := index(part > 0)<<partLater | index(part < parts-1)<<partMore
		f(&out[0], 4*stride, &p.blocks[0], &x.bunches[from*bunchBytes], blocks*bunchBytes, bunches, tiles, n, &p.sums[0], &p.partial[0], bits, ahead)
	}
}

// The bits that tell a kernel of blocks before and after those at hand.
const (
	partLater = 0
	partMore  = 1
)

// sumTiles are the tiles of sums that the kernels take room for.
const sumTiles = 6

// expandedBytes is what a block of 32 columns takes when it is expanded for AMX:
// bfloat16, and scales in float32.
func (l *Layout) expandedBytes() int {
	return 2*BlockColumns*Lanes + l.groups()*l.kinds()*4*Lanes
}

// apart says whether float32's 24 bits are too few for the sum of a group of 16-bit
// activations times numbers of the format.
func (l *Layout) apart() bool {
	most := max(l.Offset, 1<<l.Bits-1-l.Offset)
	return most<<15*l.Group > 1<<24
}

// expanded expands tiles first … last-1 and multiplies with that, some columns
// after others: so few that what is expanded stays in the first-level cache.
func (s *Set) expanded(out []float32, stride int, p *Panel, w *Packed, first, last int, x *Rows, n int) {
	blocks := w.blocks()
	most := s.caches.expandedBlocks(w.Layout)
	parts := (blocks + most - 1) / most
	p.reserve(w, min(most, blocks))
	f := s.gemm[index(w.Layout.Group == 16)][index(w.Layout.Minima)]
	rows := x.rows(0, n)
	for t := first; t < last; t++ {
		for i := range parts {
			next, part := t, i+1
			if part == parts {
				next, part = min(t+1, w.Tiles()-1), 0
			}
			ahead, aheads := p.nextAheads(w.part(next, part, parts))
			lo, hi := w.Layout.cut(blocks, i, parts), w.Layout.cut(blocks, i+1, parts)
			s.unpack[w.Layout.index](&p.numbers[0], &p.scales[0], &w.part(t, i, parts)[0], hi-lo)
			f(&out[(t-first)*Lanes], 4*stride, &p.numbers[0], &p.scales[0], pointer(rows[lo:]), blockBytes*blocks, n, hi-lo, index(i == 0), ahead, aheads)
		}
	}
}

// part is the memory of part i of parts of a tile's columns.
func (p *Packed) part(t, i, parts int) []byte {
	blocks, size := p.blocks(), p.Layout.blockBytes()
	return p.tile(t)[p.Layout.cut(blocks, i, parts)*size : p.Layout.cut(blocks, i+1, parts)*size]
}
