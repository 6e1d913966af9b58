//go:build !amd64 || noasm

package machine

import "vitrine/engine/backend/cpu/kernel"

// multipliers are not written for this processor.
func multipliers(kernel.Level) (int8s, float32s multiplier, ok bool) {
	return multiplier{}, multiplier{}, false
}

// tileMultiplier is not either.
func tileMultiplier(kernel.Level) (tiles multiplier, ok bool) { return multiplier{}, false }
