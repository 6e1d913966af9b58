//go:build !linux && !noasm

package kernel

// permitTiles says no: how other systems are asked is not known here.
func permitTiles() bool { return false }
