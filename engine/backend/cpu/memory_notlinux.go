//go:build unix && !linux

package cpu

// hugePages does nothing: other systems choose by themselves.
func hugePages([]byte) {}
