//go:build !noasm

package kernel

var sets = func() [4]*Set {
	amx := *assembly[AVX512]
	amx.level, amx.bunch = AMX, bunchAMX
	amx.expand = [...]expandFunc{expandQ40AMX, expandQ41AMX, expandQ50AMX, expandQ51AMX, expandQ80AMX, expandQ2KAMX, expandQ3KAMX, expandQ4KAMX, expandQ5KAMX, expandQ6KAMX}
	amx.gemmBunch = [2][2][2]gemmBunchFunc{
		{{gemm32AMX, gemm32ApartAMX}, {gemm32MinAMX, gemm32MinApartAMX}},
		{{gemm16AMX, nil}, {gemm16MinAMX, nil}},
	}
	amx.bunchBytes = bunchBytesAMX
	amx.fused = [...]fusedFunc{fusedQ40AMX, fusedQ41AMX, fusedQ50AMX, fusedQ51AMX, fusedQ80AMX, fusedQ2KAMX, fusedQ3KAMX, fusedQ4KAMX, fusedQ5KAMX, fusedQ6KAMX}
	amx.magnitude, amx.fixedRow, amx.fixedGemm = magnitudeAMX, fixedRowAMX, fixedGemmAMX
	amx.fixedTile = [...]fixedTileFunc{fixedTileQ40AMX, fixedTileQ41AMX, fixedTileQ50AMX, fixedTileQ51AMX, fixedTileQ80AMX, fixedTileQ2KAMX, fixedTileQ3KAMX, fixedTileQ4KAMX, fixedTileQ5KAMX, fixedTileQ6KAMX}
	amx.siluPanel, amx.geluPanel = siluPanelAMX, geluPanelAMX
	amx.splitRow, amx.splitPairs, amx.splitGemm = splitRowAMX, splitPairsAMX, splitGemmAMX
	amx.softmaxTile, amx.scaleTile = softmaxTileAMX, scaleTileAMX
	return [...]*Set{Go: plain, AVX2: assembly[AVX2], AVX512: assembly[AVX512], AMX: &amx}
}()

// assembly are the sets in assembly that stand for themselves.
var assembly = [...]*Set{
	AVX2: {
		level: AVX2, caches: machineCaches, quantize: quantizeAVX2,
		gemv:        [...]gemvFunc{gemvQ40AVX2, gemvQ41AVX2, gemvQ50AVX2, gemvQ51AVX2, gemvQ80AVX2, gemvQ2KAVX2, gemvQ3KAVX2, gemvQ4KAVX2, gemvQ5KAVX2, gemvQ6KAVX2},
		unpack:      [...]unpackFunc{unpackQ40AVX2, unpackQ41AVX2, unpackQ50AVX2, unpackQ51AVX2, unpackQ80AVX2, unpackQ2KAVX2, unpackQ3KAVX2, unpackQ4KAVX2, unpackQ5KAVX2, unpackQ6KAVX2},
		gemm:        [2][2]gemmFunc{{gemm32AVX2, gemm32MinAVX2}, {gemm16AVX2, gemm16MinAVX2}},
		floatVector: [...]floatVectorFunc{gemvF32AVX2, gemvF16AVX2, gemvBF16AVX2},
		floatMatrix: [...]floatMatrixFunc{gemmF32AVX2, gemmF16AVX2, gemmBF16AVX2}, floatRows: 4,
		widenGroups: widenGroupsAVX2,
		scores:      [...]scoresFunc{scoresF32AVX2, scoresF16AVX2, scoresI8AVX2},
		values:      [...]valuesFunc{valuesF32AVX2, valuesF16AVX2, valuesI8AVX2}, attentionRows: 3,
		greatest: greatestAVX2, sumSquares: sumSquaresAVX2, expSum: expSumAVX2, toHalf: toHalfAVX2,
		scale: scaleAVX2, add: addAVX2, normalize: normalizeAVX2, silu: siluAVX2, gelu: geluAVX2,
		rotatePairs: rotatePairsAVX2, rotateHalves: rotateHalvesAVX2,
	},
	AVX512: {
		level: AVX512, caches: machineCaches, quantize: quantizeAVX512,
		gemv:        [...]gemvFunc{gemvQ40AVX512, gemvQ41AVX512, gemvQ50AVX512, gemvQ51AVX512, gemvQ80AVX512, gemvQ2KAVX512, gemvQ3KAVX512, gemvQ4KAVX512, gemvQ5KAVX512, gemvQ6KAVX512},
		gemmTile:    [...]gemmTileFunc{gemmQ40AVX512, gemmQ41AVX512, gemmQ50AVX512, gemmQ51AVX512, gemmQ80AVX512, gemmQ2KAVX512, gemmQ3KAVX512, gemmQ4KAVX512, gemmQ5KAVX512, gemmQ6KAVX512},
		floatVector: [...]floatVectorFunc{gemvF32AVX512, gemvF16AVX512, gemvBF16AVX512},
		floatMatrix: [...]floatMatrixFunc{gemmF32AVX512, gemmF16AVX512, gemmBF16AVX512}, floatRows: 8,
		widenGroups: widenGroupsAVX512,
		scores:      [...]scoresFunc{scoresF32AVX512, scoresF16AVX512, scoresI8AVX512},
		values:      [...]valuesFunc{valuesF32AVX512, valuesF16AVX512, valuesI8AVX512}, attentionRows: 6,
		greatest: greatestAVX512, sumSquares: sumSquaresAVX512, expSum: expSumAVX512, toHalf: toHalfAVX512,
		scale: scaleAVX512, add: addAVX512, normalize: normalizeAVX512, silu: siluAVX512, gelu: geluAVX512,
		rotatePairs: rotatePairsAVX512, rotateHalves: rotateHalvesAVX512,
	},
}
