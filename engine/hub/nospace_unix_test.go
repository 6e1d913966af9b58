//go:build unix

package hub

import "syscall"

const noSpace = syscall.ENOSPC
