//go:build unix || js || wasip1

package hub

import "syscall"

// fullErrors are what the system says where there is no room left: on the disk, or
// within what this user may fill of it.
var fullErrors = []error{syscall.ENOSPC, syscall.EDQUOT}
