package hub

import "golang.org/x/sys/windows"

// fullErrors are what the system says where there is no room left on the disk.
var fullErrors = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL}
