package kernel

// Set is all kernels of one level. It is read only, so goroutines may share it.
type Set struct {
	level  Level
	caches Caches

	quantize func(q *byte, x *float32, blocks int)
	gemv     [10]gemvFunc
	// gemmTile is the product of several rows with a tile as it lies in memory;
	// a level that has too few registers for that expands it (unpack, gemm).
	gemmTile [10]gemmTileFunc
	unpack   [10]unpackFunc
	// gemm is indexed by [group of 16][with minima].
	gemm [2][2]gemmFunc

	// bunch, expand and gemmBunch are there with AMX only: for whole bunches of
	// rows. gemmBunch is indexed by [group of 16][with minima][sums kept apart].
	bunch     func(bunch *byte, row int, x *byte, blocks int)
	expand    [10]expandFunc
	gemmBunch [2][2][2]gemmBunchFunc

	// fused and bunchBytes are there with AMX only: for a few rows.
	fused      [10]fusedFunc
	bunchBytes func(bunch *byte, row int, x *byte, blocks int)

	// These are there with AMX only: products in fixed point, which are not those of
	// the others to the bit.
	magnitude func(x *float32, vectors int) uint32
	fixedRow  func(line *byte, x *float32, inverse float32, steps int)
	fixedTile [10]fixedTileFunc
	fixedGemm fixedGemmFunc
	siluPanel gatedPanelFunc
	geluPanel gatedPanelFunc

	// These too: attention of split numbers.
	splitRow    func(line *byte, x *float32, factor float32, steps int)
	splitPairs  func(lines, rows *byte, stride, pairs int)
	splitGemm   func(out *float32, outStride int, x, w *byte, tiles, steps, add int)
	softmaxTile func(p *byte, scores *float32, stride, steps int, state *float32)
	scaleTile   func(x *float32, vectors int, factors *float32)

	floatVector [3]floatVectorFunc
	floatMatrix [3]floatMatrixFunc
	floatRows   int

	widenGroups   widenFunc
	scores        [3]scoresFunc
	values        [3]valuesFunc
	attentionRows int

	greatest                  func(x *float32, n int) float32
	sumSquares                func(x *float32, n int) float32
	expSum                    func(x *float32, n int, shift float32) float32
	toHalf                    func(dst *uint16, x *float32, n int)
	scale                     func(x *float32, n int, factor float32)
	add                       func(dst, x *float32, n int)
	normalize                 func(dst, x, w *float32, n int, factor float32)
	silu, gelu                func(dst, gate, up *float32, n int)
	rotatePairs, rotateHalves func(dst, x, cos, sin *float32, n int)
}

// The kernels as assembly takes them, bare of lengths; strides in bytes.
type (
	gemvFunc        = func(out *float32, tiles *byte, x *byte, blocks, count, stride int)
	gemmTileFunc    = func(out *float32, outStride int, tile *byte, x *byte, xStride, rows, blocks int, ahead *byte)
	unpackFunc      = func(numbers *int16, scales *float32, tile *byte, blocks int)
	gemmFunc        = func(out *float32, outStride int, numbers *int16, scales *float32, x *byte, xStride, rows, blocks, first int, ahead *byte, aheads int)
	expandFunc      = func(panel *byte, tile *byte, blocks int)
	gemmBunchFunc   = func(out *float32, outStride int, panel *byte, x *byte, xStride, bunches, tiles, blocks int, sums, partial *float32, part int, ahead *byte)
	fusedFunc       = func(out *float32, outStride int, tiles *byte, stride, count int, x *byte, blocks, rows int, room, ahead *byte, aheads int)
	fixedTileFunc   = func(panel *byte, tile *byte, steps int, inverse *float32)
	fixedGemmFunc   = func(out *float32, outStride int, panel *byte, x *byte, xStride, bands, steps int, scales, factors, sums *float32, later int)
	gatedPanelFunc  = func(dst *float32, dstStride int, gate, up *float32, rows int)
	floatVectorFunc = func(out *float32, tiles *byte, x *float32, cols, count, stride int)
	floatMatrixFunc = func(out *float32, outStride int, tile *byte, x *float32, xStride, rows, cols int)
	scoresFunc      = func(out *float32, outStride int, q *float32, qStride int, keys *byte, groupBytes int, table *int32, groups, dim, rows int, scale float32)
	widenFunc       = func(dst *float32, memory *byte, groupBytes int, table *int32, groups, n int)
	valuesFunc      = func(out *float32, outStride int, p *float32, pStride int, values *byte, groupBytes int, table *int32, keys, dim, rows int)
)

// For returns the kernels of a level. A level that this processor has not is
// answered with the best that it has.
func For(l Level) *Set { return sets[min(l, Best())] }

// Level is the level that the kernels are for.
func (s *Set) Level() Level { return s.level }

// index turns a condition into 0 or 1.
func index(b bool) int {
	if b {
		return 1
	}
	return 0
}
