//go:build !unix

package cpu

// pages takes n bytes of zeros from Go's heap.
func pages(n int) ([]byte, error) { return make([]byte, n), nil }

// freePages leaves them to the garbage collector.
func freePages([]byte) error { return nil }
