package project

import "math"

// Cosine is the cosine of the angle between a and b, a·b/(‖a‖‖b‖), in [-1, 1].
// It is 0 if one of them is zero, and NaN if their lengths differ or a value is
// not finite.
func Cosine(a, b []float32) float32 {
	if len(a) != len(b) {
		return float32(math.NaN())
	}
	ab, aa, bb := products(a, b)
	return cosine(ab, aa, bb)
}

// products returns a·b, a·a and b·b.
func products(a, b []float32) (ab, aa, bb float64) {
	b = b[:len(a)]
	for i, v := range a {
		x, y := float64(v), float64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	return ab, aa, bb
}

// cosine is ab/√(aa·bb), see Cosine.
func cosine(ab, aa, bb float64) float32 {
	if aa == 0 || bb == 0 {
		return 0
	}
	return float32(min(max(ab/(math.Sqrt(aa)*math.Sqrt(bb)), -1), 1))
}

// Match is a row that lies near a query.
type Match struct {
	Row    int
	Cosine float32
}

// Nearest appends to dst the k rows nearest to query by cosine, nearest first;
// of equals the smaller row number comes first. row(i) gives rows 0 … n−1; a row
// of another length than the query's, or with values that are not finite, is left out,
// so nil means "not this one". A row need only stay as it is until the next call. Nothing
// is allocated beyond dst's growth to k matches.
func Nearest(dst []Match, query []float32, n, k int, row func(i int) []float32) []Match {
	base := len(dst)
	if k <= 0 {
		return dst
	}
	for i := range max(n, 0) {
		r := row(i)
		if len(r) != len(query) {
			continue
		}
		ab, aa, bb := products(query, r)
		m := Match{i, cosine(ab, aa, bb)}
		if m.Cosine != m.Cosine {
			continue
		}
		// The best so far stand in order behind base. k is a dozen, and after
		// the first rows nearly every row ends at this comparison.
		best := dst[base:]
		if len(best) == k {
			if m.Cosine <= best[k-1].Cosine {
				continue
			}
			dst = dst[:len(dst)-1]
		}
		dst = append(dst, m)
		for j := len(dst) - 1; j > base && dst[j].Cosine > dst[j-1].Cosine; j-- {
			dst[j], dst[j-1] = dst[j-1], dst[j]
		}
	}
	return dst
}
