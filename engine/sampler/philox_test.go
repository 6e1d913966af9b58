package sampler

import "testing"

// TestPhilox holds the known-answer vectors of the authors' library (Random123, file kat_vectors, philox4x32 10).
func TestPhilox(t *testing.T) {
	const f = 0xffffffff
	tests := []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	}
	for _, test := range tests {
		if got := philox4x32(test.ctr, test.key); got != test.want {
			t.Errorf("philox(%x, %x) = %x, want %x", test.ctr, test.key, got, test.want)
		}
	}
	// Words 0 and 1 are the low and the high half; seed and position fill key and counter from the low end.
	if got := Uniform(0, 0); got != 0xe169c58d6627e8d5 {
		t.Errorf("Uniform(0, 0) = %x", got)
	}
	r := philox4x32([4]uint32{7, 1}, [2]uint32{9, 2})
	if got, want := Uniform(2<<32|9, 1<<32|7), uint64(r[1])<<32|uint64(r[0]); got != want {
		t.Errorf("Uniform = %x, want %x", got, want)
	}
}
