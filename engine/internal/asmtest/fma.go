package asmtest

import "math"

// FMA is x·y + z in float32, rounded once, as a processor's fused multiply–add is. math.FMA
// of the same in float64, rounded to float32, would be rounded twice.
func FMA(x, y, z float32) float32 {
	product := float64(x) * float64(y) // exact
	sum := product + float64(z)
	// What the sum lost, exactly (Knuth, The Art of Computer Programming, volume 2, 4.2.2).
	part := sum - product
	lost := (product - (sum - part)) + (float64(z) - part)
	// A sum that is not exact is made odd, so that to round it once more does no harm
	// (Boldo and Melquiond 2008).
	if bits := math.Float64bits(sum); lost != 0 && lost == lost && bits&1 == 0 && !math.IsInf(sum, 0) {
		if (lost > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		sum = math.Float64frombits(bits)
	}
	return float32(sum)
}
