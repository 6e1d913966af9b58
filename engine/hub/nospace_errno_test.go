//go:build unix || js || wasip1

package hub

import "syscall"

const noSpace = syscall.ENOSPC
