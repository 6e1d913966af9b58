package kernel

import "fmt"

// Level is a set of processor features that there are kernels for.
type Level uint8

const (
	// Go is plain Go; it runs everywhere.
	Go Level = iota
	// AVX2 needs AVX2, FMA and F16C (Intel Haswell of 2013, AMD Zen).
	AVX2
	// AVX512 needs AVX-512 F, BW, DQ, VL and VNNI besides (Intel Cascade Lake
	// and Ice Lake, AMD Zen 4).
	AVX512
	// AMX needs AMX-TILE, AMX-INT8, AMX-BF16 and AVX-512 VBMI2 besides (Intel Sapphire
	// Rapids), and Linux.
	AMX
)

var levelNames = [...]string{Go: "go", AVX2: "avx2", AVX512: "avx512", AMX: "amx"}

// String is the level's name in options.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// ParseLevel reads the name of a level.
func ParseLevel(name string) (Level, error) {
	for l, n := range levelNames {
		if n == name {
			return Level(l), nil
		}
	}
	return Go, fmt.Errorf("kernel: no level is called %q, want go, avx2, avx512 or amx", name)
}

// Levels lists what this processor can run, the slowest first.
func Levels() []Level {
	var out []Level
	for l := Go; l <= Best(); l++ {
		out = append(out, l)
	}
	return out
}
