package kernel

import "fmt"

// PanelRows is the number of outputs of a panel: two tiles.
const PanelRows = 2 * Lanes

// Panel is two tiles of a matrix expanded to 16-bit numbers and float32
// scales, for several rows of activations to share where the kernels need that.
// It is made anew for every product, so it is small enough for the second-level
// cache.
type Panel struct {
	q      []int16
	scales []float32
}

// reserve makes room for the panels of a matrix.
func (p *Panel) reserve(w *Packed) {
	p.q = grow(p.q, PanelRows*w.Cols)
	p.scales = grow(p.scales, PanelRows*w.Cols/w.Layout.Group*w.Layout.kinds())
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

// MatMul computes the 32 outputs of panel i of w for rows 0 … n-1 of x: row r
// goes to out[r·stride:]. p is room for the panel, which needs no content. The
// memory of the next panel is read ahead meanwhile.
func (s *Set) MatMul(out []float32, stride int, p *Panel, w *Packed, i int, x *Rows, n int) {
	_ = out[(n-1)*stride+PanelRows-1]
	w.check(x)
	if s.gemmTile[w.Layout.index] != nil {
		s.tiles(out, stride, w, i, x, n)
	} else {
		s.panel(out, stride, p, w, i, x, n)
	}
}

// check panics if rows of x do not fit the matrix: the kernels would read on.
func (p *Packed) check(x *Rows) {
	if x.cols != p.Cols {
		panic(fmt.Sprintf("kernel: rows of %d activations for a matrix of %d columns", x.cols, p.Cols))
	}
}

// tiles multiplies with the panel's two tiles one after the other.
func (s *Set) tiles(out []float32, stride int, w *Packed, i int, x *Rows, n int) {
	for t := 2 * i; t < min(2*i+2, w.Tiles()); t++ {
		next := min(t+1, w.Tiles()-1)
		s.gemmTile[w.Layout.index](&out[t%2*Lanes], 4*stride, &w.tile(t)[0], pointer(x.rows(0, n)), blockBytes*w.blocks(), n, w.blocks(), &w.tile(next)[0])
	}
}

// panel expands the two tiles and multiplies with them together.
func (s *Set) panel(out []float32, stride int, p *Panel, w *Packed, i int, x *Rows, n int) {
	p.reserve(w)
	for half := range 2 {
		tile := min(2*i+half, w.Tiles()-1) // the second half of a last odd tile is computed and not looked at
		s.unpack[w.Layout.index](&p.q[half*2*Lanes], &p.scales[half*Lanes], &w.tile(tile)[0], w.blocks())
	}
	f := s.gemm[index(w.Layout.Group == 16)][index(w.Layout.Minima)]
	blocks := w.blocks()
	next, end := min(2*(i+1), w.Tiles()-1)*w.stride, min(2*(i+2), w.Tiles())*w.stride
	for r := 0; r < n; r += gemmRows {
		rows := min(gemmRows, n-r)
		f(&out[r*stride], 4*stride, &p.q[0], &p.scales[0], pointer(x.rows(r, r+rows)), blockBytes*blocks, rows, blocks, &w.data[next])
		next = min(next+aheadBytes*blocks, end-1)
	}
}

const (
	// gemmRows is how many rows gemm takes at most.
	gemmRows = 4
	// aheadBytes is what a product asks for ahead in each block.
	aheadBytes = 256
)
