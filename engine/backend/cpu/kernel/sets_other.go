//go:build !amd64 || noasm

package kernel

import "runtime"

var sets = [...]*Set{Go: plain, AVX2: plain, AVX512: plain, AMX: plain}

// Best is Go: there is no assembly in this build.
func Best() Level { return Go }

// Missing names what this build lacks for a level.
func Missing(l Level) []string {
	if l == Go {
		return nil
	}
	return []string{"assembly: this build has none"}
}

// Pause gives other goroutines a chance between two looks of a waiting loop.
func Pause() { runtime.Gosched() }

// prefetch does nothing: Go has no such thing.
func prefetch(*byte, int) {}
