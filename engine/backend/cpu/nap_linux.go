package cpu

import (
	"syscall"
	"time"
	"unsafe"
)

// nap gives the processor away for a moment, some 50 to 100 µs. It does so
// behind the back of Go's scheduler, for whom the goroutine runs on: no other
// has to be found for its thread, nor the thread to be found again.
func nap() {
	t := syscall.NsecToTimespec(int64(50 * time.Microsecond))
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}

// naps is how often a worker looks for work after a nap before it sleeps, some 3 ms.
const naps = 40
