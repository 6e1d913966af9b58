//go:build !linux

package cpu

// canNap says that there is no nap here: whoever waits goes to sleep at once.
const canNap = false

func nap() {}
