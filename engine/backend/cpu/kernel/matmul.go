package kernel

// PanelRows is the number of outputs of a panel: two tiles.
const PanelRows = 2 * Lanes

// Panel is two tiles of a matrix expanded to 16-bit numbers and float32
// scales, for several rows of activations to share. It is made anew for every
// product, so it is small enough for the second-level cache.
type Panel struct {
	q      []int16
	scales []float32
}

// Reserve makes room for the panels of a matrix.
func (p *Panel) Reserve(w *Packed) {
	p.q = grow(p.q, PanelRows*w.Cols)
	p.scales = grow(p.scales, PanelRows*w.Cols/w.Layout.Group*w.Layout.kinds())
}

// Panels is the number of panels of a matrix.
func (p *Packed) Panels() int { return (p.Tiles() + 1) / 2 }

// Unpack expands tiles 2i and 2i+1 of the matrix.
func (s *Set) Unpack(p *Panel, w *Packed, i int) {
	for half := range 2 {
		tile := min(2*i+half, w.Tiles()-1) // the second half of a last odd tile is computed and not stored
		s.unpack[w.Layout.index](&p.q[half*2*Lanes], &p.scales[half*Lanes], &w.tile(tile)[0], w.blocks())
	}
}

// MatVec computes the outputs of tiles lo … hi-1 from row i of x. out has room
// for 16 numbers a tile.
func (s *Set) MatVec(out []float32, w *Packed, x *Rows, i, lo, hi int) {
	if lo >= hi {
		return
	}
	_ = out[(hi-lo)*Lanes-1]
	_ = w.tile(hi - 1)
	q, records := x.q[i*w.Cols:][:w.Cols], x.records[i*w.blocks():][:w.blocks()]
	s.gemv[w.Layout.index](&out[0], &w.tile(lo)[0], &q[0], pointer(records), w.blocks(), hi-lo, w.stride)
}

// MatMul computes the 32 outputs of panel i of w, which p holds, for rows 0 …
// n-1 of x: row r goes to out[r·stride:]. The memory of the next panel is read
// ahead meanwhile.
func (s *Set) MatMul(out []float32, stride int, p *Panel, w *Packed, i int, x *Rows, n int) {
	f := s.gemm[index(w.Layout.Group == 16)][index(w.Layout.Minima)]
	blocks := w.blocks()
	next, end := min(2*(i+1), w.Tiles()-1)*w.stride, min(2*(i+2), w.Tiles())*w.stride
	for r := 0; r < n; r += s.gemmRows {
		rows := min(s.gemmRows, n-r)
		_ = out[(r+rows-1)*stride+PanelRows-1]
		q, records := x.q[r*w.Cols:][:rows*w.Cols], x.records[r*blocks:][:rows*blocks]
		f(&out[r*stride], 4*stride, &p.q[0], &p.scales[0], &q[0], 2*w.Cols, pointer(records), recordBytes*blocks, rows, blocks, &w.data[next])
		next = min(next+aheadBytes*blocks, end-1)
	}
}

// aheadBytes is what a product asks for ahead in each block.
const aheadBytes = 256
