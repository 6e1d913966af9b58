package cpu

import "golang.org/x/sys/unix"

// hugePages asks for large pages: with small ones, reading the weights once a
// token misses the translation buffer on every page. A kernel that has none to
// give refuses, which does no harm.
func hugePages(region []byte) { _ = unix.Madvise(region, unix.MADV_HUGEPAGE) }
