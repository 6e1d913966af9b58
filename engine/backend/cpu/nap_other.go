//go:build !linux

package cpu

// naps says that there is no nap here: whoever finds nothing to do goes to sleep.
const naps = 0

func nap() {}
