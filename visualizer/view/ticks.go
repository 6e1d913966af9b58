package view

import "slices"

// Ticks appends to dst, in ascending order, which of the positions from …
// to-1 get a label on an axis on which they are pitch pixels apart, so that no
// two labels are less than least pixels apart. Those in marked, the most
// important first, go before the others, which are every one, every second, every fifth and so on
// from position 0.
func Ticks(dst []int, from, to int, pitch, least float64, marked ...int) []int {
	if !(pitch > 0) || !(least > 0) || from >= to {
		return dst
	}
	base := len(dst)
	add := func(p int) {
		at, taken := slices.BinarySearch(dst[base:], p)
		near := func(i int) bool {
			if i < 0 || i >= len(dst)-base {
				return false
			}
			return float64(max(dst[base+i]-p, p-dst[base+i]))*pitch < least
		}
		if !taken && !near(at-1) && !near(at) {
			dst = append(dst, 0)
			copy(dst[base+at+1:], dst[base+at:])
			dst[base+at] = p
		}
	}
	for _, p := range marked {
		if from <= p && p < to {
			add(p)
		}
	}
	step := stride(least / pitch)
	for p := (max(from, 0) + step - 1) / step * step; p < to; p += step {
		add(p)
	}
	return dst
}

// stride is the least of 1, 2, 5, 10, 20, 50, … that is not less than x.
func stride(x float64) int {
	for unit := 1; unit < 1<<30; unit *= 10 {
		for _, n := range [...]int{1, 2, 5} {
			if float64(n*unit) >= x {
				return n * unit
			}
		}
	}
	return 1 << 30
}
