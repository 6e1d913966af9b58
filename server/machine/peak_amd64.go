//go:build amd64 && !noasm

package machine

import "vitrine/engine/backend/cpu/kernel"

// Written by hand in peak_amd64.s. Each runs n iterations, n ≥ 1.

//go:noescape
func int8AVX512(n int)

//go:noescape
func float32AVX512(n int)

//go:noescape
func int8AVX2(n int)

//go:noescape
func float32AVX2(n int)

//go:noescape
func int8AMX(n int)

// vectorIterations take some ten milliseconds.
const vectorIterations = 1 << 22

// tileMultiplier is the loop with the tiles of a level, where it has any.
func tileMultiplier(level kernel.Level) (tiles multiplier, ok bool) {
	return multiplier{AMXInt8With, 6 * 16 * 16 * 64, 1 << 18, int8AMX}, level == kernel.AMX
}

// multipliers are the loops with the vectors of a level.
func multipliers(level kernel.Level) (int8s, float32s multiplier, ok bool) {
	switch level {
	case kernel.AVX512, kernel.AMX:
		return multiplier{"AVX-512 VNNI", 12 * 64, vectorIterations, int8AVX512}, multiplier{"AVX-512", 12 * 16, vectorIterations, float32AVX512}, true
	case kernel.AVX2:
		return multiplier{"AVX2", 6 * 32, vectorIterations, int8AVX2}, multiplier{"AVX2 FMA", 12 * 8, vectorIterations, float32AVX2}, true
	}
	return multiplier{}, multiplier{}, false
}
