package sampler

import "unsafe"

// What the Go in the comments of the stubs names besides the package's own. Tests compile
// this with it (TestStubsAreGo).

// from is the memory from so many bytes behind p on.
func from[T any](p *T, bytes int) []T {
	return unsafe.Slice((*T)(unsafe.Add(unsafe.Pointer(p), bytes)), 1<<26)
}

// scaleOf is the scale that the passes' arguments describe.
func scaleOf(top, steps, magic float64) scale {
	return scale{top: float32(top), steps: steps, shift: int64(magic-1.5*(1<<mantissaBits)) / stepsPerOctave}
}
