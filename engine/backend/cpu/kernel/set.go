package kernel

// Set is all kernels of one level. It is read only, so goroutines may share it.
type Set struct {
	level Level

	quantize func(q *int16, records *byte, x *float32, blocks int)
	gemv     [10]func(out *float32, tiles *byte, x *int16, records *byte, blocks, count, stride int)
	unpack   [10]func(panel *int16, scales *float32, tile *byte, blocks int)
	// gemm is indexed by [group of 16][with minima].
	gemm     [2][2]func(out *float32, outStride int, panel *int16, scales *float32, x *int16, xStride int, records *byte, recordStride, rows, blocks int, ahead *byte)
	gemmRows int

	floatVector [3]func(out *float32, tiles *byte, x *float32, cols, count, stride int)
	floatMatrix [3]func(out *float32, outStride int, tile *byte, x *float32, xStride, rows, cols int)
	floatRows   int

	scores        [3]func(out *float32, outStride int, q *float32, qStride int, keys *byte, groupBytes int, table *int32, groups, dim, rows int, scale float32)
	values        [3]func(out *float32, outStride int, p *float32, pStride int, values *byte, groupBytes int, table *int32, keys, dim, rows int)
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
