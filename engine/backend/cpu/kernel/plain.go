package kernel

// plain is the set that runs everywhere.
var plain = func() *Set {
	s := &Set{level: Go, caches: machineCaches, quantize: quantizeGo, floatRows: 8, attentionRows: 8,
		widenGroups: widenGroupsGo,
		greatest:    greatestGo, sumSquares: sumSquaresGo, expSum: expSumGo, toHalf: toHalfGo, scale: scaleGo, add: addGo, normalize: normalizeGo,
		silu: siluGo, gelu: geluGo, rotatePairs: rotatePairsGo, rotateHalves: rotateHalvesGo,
	}
	for i, l := range layouts {
		s.gemv[i], s.unpack[i] = gemvGo(l), unpackGo(l)
	}
	for g, group := range []int{32, 16} {
		for m, minima := range []bool{false, true} {
			s.gemm[g][m] = gemmGo(group, minima)
		}
	}
	for i, f := range []Float{F32, F16, BF16} {
		s.floatVector[i], s.floatMatrix[i] = floatVectorGo(f), floatMatrixGo(f)
	}
	for i, k := range []KV{KVF32, KVF16, KVI8} {
		s.scores[i], s.values[i] = scoresGo(k), valuesGo(k)
	}
	return s
}()
