//go:build unix

package cpu

import "golang.org/x/sys/unix"

// pages asks the operating system for n bytes of zeros.
func pages(n int) ([]byte, error) {
	region, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	hugePages(region)
	return region, nil
}

func freePages(region []byte) error { return unix.Munmap(region) }
