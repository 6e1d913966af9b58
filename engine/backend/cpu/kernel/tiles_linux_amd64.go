//go:build !noasm

package kernel

import "golang.org/x/sys/unix"

// permitTiles asks Linux for the use of AMX's tiles, which a process has to do
// once (Documentation/arch/x86/xstate.rst, ARCH_REQ_XCOMP_PERM of XTILEDATA).
func permitTiles() bool {
	const reqXCompPerm, xTileData = 0x1023, 18
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, reqXCompPerm, xTileData, 0)
	return errno == 0
}
