//go:build !amd64 || noasm

package machine

// multipliers are not written for this processor.
func multipliers() (int8s, float32s multiplier, ok bool) { return multiplier{}, multiplier{}, false }

// tileMultiplier is not either.
func tileMultiplier() (tiles multiplier, ok bool) { return multiplier{}, false }
