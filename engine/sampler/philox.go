package sampler

import "math/bits"

// Philox4x32-10 turns a counter and a key into 128 random bits: ten rounds of
// two 32×32-bit products (Salmon, Moraes, Dror and Shaw, "Parallel Random
// Numbers: As Easy as 1, 2, 3", SC 2011). It has no state, so the draw at a
// position needs nothing from the draws before it.

const (
	philoxM0, philoxM1 = 0xD2511F53, 0xCD9E8D57 // multipliers
	philoxW0, philoxW1 = 0x9E3779B9, 0xBB67AE85 // Weyl increments of the key
	philoxRounds       = 10
)

func philox4x32(ctr [4]uint32, key [2]uint32) [4]uint32 {
	for range philoxRounds {
		hi0, lo0 := bits.Mul32(philoxM0, ctr[0])
		hi1, lo1 := bits.Mul32(philoxM1, ctr[2])
		ctr = [4]uint32{hi1 ^ ctr[1] ^ key[0], lo1, hi0 ^ ctr[3] ^ key[1], lo0}
		key[0] += philoxW0
		key[1] += philoxW1
	}
	return ctr
}

// Uniform returns the 64 random bits that decide the draw at a position: the
// first two words of Philox4x32-10 with the seed as key and the position as
// counter. u/2^64 is uniform in [0, 1).
func Uniform(seed uint64, pos int) (u uint64) {
	r := philox4x32(
		[4]uint32{uint32(pos), uint32(uint64(pos) >> 32)},
		[2]uint32{uint32(seed), uint32(seed >> 32)},
	)
	return uint64(r[1])<<32 | uint64(r[0])
}
