//go:build amd64 && !noasm

package machine

import "github.com/klauspost/cpuid/v2"

// Written by hand in peak_amd64.s. Each runs n iterations, n ≥ 1.

//go:noescape
func int8AVX512(n int)

//go:noescape
func float32AVX512(n int)

//go:noescape
func int8AVX2(n int)

//go:noescape
func float32AVX2(n int)

// multipliers are the loops for this processor, the fastest of each sort.
func multipliers() (int8s, float32s multiplier, ok bool) {
	switch {
	case cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VNNI):
		return multiplier{"AVX-512 VNNI", 12 * 64, int8AVX512}, multiplier{"AVX-512", 12 * 16, float32AVX512}, true
	case cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3):
		return multiplier{"AVX2", 6 * 32, int8AVX2}, multiplier{"AVX2 FMA", 12 * 8, float32AVX2}, true
	}
	return multiplier{}, multiplier{}, false
}
