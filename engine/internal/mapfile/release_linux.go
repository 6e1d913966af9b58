package mapfile

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Release tells the operating system that a part of a mapped file will not be
// read soon, so that its pages no longer count as the program's memory. They
// stay readable. Only whole pages inside of data are given back.
//
// data must lie in a mapping that [Map] made: other memory would lose its content.
func Release(data []byte) {
	if len(data) == 0 {
		return
	}
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	from := (page - start%page) % page
	to := uintptr(len(data)) - (start+uintptr(len(data)))%page
	if from < to && to <= uintptr(len(data)) {
		_ = unix.Madvise(data[from:to], unix.MADV_DONTNEED) // advice: without it, only the figure is larger
	}
}
