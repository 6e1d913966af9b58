package kernel

import (
	"fmt"
	"unsafe"
)

// PanelRows is the number of outputs of a panel: two tiles.
const PanelRows = 2 * Lanes

// Panel is room for a tile expanded to 16-bit numbers and float32 scales, which
// several rows of activations share where the kernels need that. A tile is
// expanded anew for every product, so it is small enough for the first-level
// cache.
type Panel struct {
	numbers []int16
	scales  []float32
	blocks  []byte    // for AMX: some blocks of both tiles, in lines
	sums    []float32 // for AMX: tiles of sums, in lines
	partial []float32 // for AMX: totals of some of the blocks
}

// reserve makes room for the tiles of a matrix.
func (p *Panel) reserve(w *Packed) {
	p.numbers = grow(p.numbers, Lanes*w.Cols)
	p.scales = grow(p.scales, w.scales())
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

// MatMul computes the 32 outputs of panel i of w for rows 0 … n-1 of x: row r
// goes to out[r·stride:]. p is room for the panel, which needs no content. The
// memory of the next panel is read ahead meanwhile.
func (s *Set) MatMul(out []float32, stride int, p *Panel, w *Packed, i int, x *Rows, n int) {
	_ = out[(n-1)*stride+PanelRows-1]
	w.check(x)
	bunched := min(n, x.bunched) / bunchRows * bunchRows
	if bunched > 0 {
		s.bunches(out, stride, p, w, i, x, bunched/bunchRows)
		if bunched == n {
			return
		}
		out = out[bunched*stride:]
	}
	for t := 2 * i; t < min(2*i+2, w.Tiles()); t++ {
		out := out[t%2*Lanes:]
		if s.gemmTile[w.Layout.index] != nil {
			s.tile(out, stride, w, t, x, bunched, n)
		} else {
			s.expanded(out, stride, p, w, t, x, n)
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

// panelBlocks is how many blocks of a panel are expanded at once: they, and as
// much of a bunch, stay in the first-level cache.
const panelBlocks = 6

// bunches expands panel i, some blocks at a time, and multiplies with that, for
// the first bunches of x.
func (s *Set) bunches(out []float32, stride int, p *Panel, w *Packed, i int, x *Rows, bunches int) {
	l, blocks := w.Layout, w.blocks()
	p.blocks = aligned(p.blocks, 2*panelBlocks*l.expandedBytes())
	p.sums = aligned(p.sums, sumTiles*bunchRows*Lanes)
	p.partial = aligned(p.partial, 2*bunches*bunchRows*Lanes)
	f := s.gemmBunch[index(l.Group == 16)][index(l.Minima)][index(l.apart())]
	tiles := min(2, w.Tiles()-2*i)
	next := min(2*i+tiles, w.Tiles()-1)
	parts := (blocks + panelBlocks - 1) / panelBlocks
	for part := range parts {
		from, to := part*blocks/parts, (part+1)*blocks/parts
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

// expanded expands tile t and multiplies with that.
func (s *Set) expanded(out []float32, stride int, p *Panel, w *Packed, t int, x *Rows, n int) {
	p.reserve(w)
	blocks := w.blocks()
	s.unpack[w.Layout.index](&p.numbers[0], &p.scales[0], &w.tile(t)[0], blocks)
	f := s.gemm[index(w.Layout.Group == 16)][index(w.Layout.Minima)]
	next, end := min(t+1, w.Tiles()-1)*w.stride, min(t+2, w.Tiles())*w.stride
	for r := 0; r < n; r += gemmRows {
		rows := min(gemmRows, n-r)
		f(&out[r*stride], 4*stride, &p.numbers[0], &p.scales[0], pointer(x.rows(r, r+rows)), blockBytes*blocks, rows, blocks, &w.data[next])
		next = min(next+aheadBytes*blocks, end-1)
	}
}

const (
	// gemmRows is how many rows gemm takes at most.
	gemmRows = 6
	// aheadBytes is what a product asks for ahead in each block.
	aheadBytes = 256
)
