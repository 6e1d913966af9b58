package view

import "slices"

// KeyWeight is a key position and the weight that a query gives to it.
type KeyWeight struct {
	Key    int
	Weight float32
}

// TopKeys appends to dst the n keys of a row that weigh most, the heaviest
// first and of equals the earlier one, and returns with them the sum of the
// weights of all other keys. weights[k] is the weight of key k; a NaN counts as
// no weight.
func TopKeys(dst []KeyWeight, weights []float32, n int) (top []KeyWeight, rest float32) {
	base := len(dst)
	n = min(max(n, 0), len(weights))
	dst = slices.Grow(dst, n)
	var others float64
	for k, w := range weights {
		if w != w {
			w = 0
		}
		best := dst[base:]
		at := len(best)
		for at > 0 && best[at-1].Weight < w {
			at--
		}
		switch {
		case at == n:
			others += float64(w)
			continue
		case len(best) == n:
			others += float64(best[n-1].Weight)
			dst = dst[:len(dst)-1]
		}
		dst = append(dst, KeyWeight{})
		copy(dst[base+at+1:], dst[base+at:])
		dst[base+at] = KeyWeight{k, w}
	}
	return dst, float32(others)
}
