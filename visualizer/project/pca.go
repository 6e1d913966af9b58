package project

import (
	"errors"
	"math"
)

// Limits of what [PCA2] takes: positions and width of a vector.
const (
	MaxRows  = 8192
	MaxWidth = 8192
)

// Errors of [PCA2] and [Layers].
var (
	ErrSize   = errors.New("project: more than 8192 rows or columns: take fewer positions")
	ErrRagged = errors.New("project: rows differ in length: every row needs the width of the first")
	ErrNaN    = errors.New("project: a value is NaN or infinite: projections need finite values")
)

// Basis is a plane through the mean of a set of vectors.
type Basis struct {
	Mean []float64 // width
	// Axes are two orthonormal vectors of width values, that of the larger
	// variance first. An axis along which nothing varies is all zeros.
	Axes [2][]float64
	// Variance along the axes: the sum of squares divided by the rows less one.
	Variance [2]float64
}

// Project returns the coordinates of a vector of the basis's width in the
// plane, (x−mean)·axis. A vector of another width gives NaN.
func (b *Basis) Project(x []float32) [2]float32 {
	if len(x) != len(b.Mean) {
		return [2]float32{float32(math.NaN()), float32(math.NaN())}
	}
	var y [2]float64
	for i, v := range x {
		d := float64(v) - b.Mean[i]
		y[0] += d * b.Axes[0][i]
		y[1] += d * b.Axes[1][i]
	}
	return [2]float32{float32(y[0]), float32(y[1])}
}

// PCA2 finds the plane that shows the largest share of the variance of rows, T
// vectors of equal width W, and that share in [0, 1].
//
// With X the rows less their mean, the axes are the eigenvectors of the
// covariance C = XᵀX/(T−1) for its two largest eigenvalues λ₁ ≥ λ₂, and
// the share is (λ₁+λ₂)/trace C. C itself is never formed; see krylov.go.
//
// The sign of an axis is fixed by making its component of largest magnitude
// positive. No rows, one row and rows that are all equal have no
// variance: both axes are zero and the share is 1, since the plane hides
// nothing. Two rows, or rows on a line, have one axis.
func PCA2(rows [][]float32) (basis Basis, explained float32, err error) {
	return pca2(rows, nil)
}

// pca2 is PCA2 with axes to begin the iteration from, or nil. They change how
// fast it converges, not what to.
func pca2(rows [][]float32, start [][]float64) (basis Basis, explained float32, err error) {
	if err := check(rows); err != nil {
		return Basis{}, 0, err
	}
	if len(rows) == 0 {
		return Basis{}, 1, nil
	}
	c := newCovariance(rows)
	basis.Mean = c.mean
	width := len(c.mean)
	basis.Axes = [2][]float64{make([]float64, width), make([]float64, width)}
	if c.trace == 0 {
		return basis, 1, nil
	}
	values, axes := c.leading(start)
	for i, axis := range axes {
		// What is left of the trace by rounding is not an axis.
		if values[i] <= 1e-12*c.trace {
			continue
		}
		orient(axis)
		basis.Axes[i], basis.Variance[i] = axis, values[i]
	}
	share := (basis.Variance[0] + basis.Variance[1]) / c.trace
	return basis, float32(min(share, 1)), nil
}

// check reports what is wrong with rows.
func check(rows [][]float32) error {
	if len(rows) > MaxRows {
		return ErrSize
	}
	for _, row := range rows {
		if len(row) > MaxWidth {
			return ErrSize
		}
		if len(row) != len(rows[0]) {
			return ErrRagged
		}
		for _, v := range row {
			if v-v != 0 { // NaN for NaN and the infinities
				return ErrNaN
			}
		}
	}
	return nil
}

// orient turns v so that its component of largest magnitude is positive, the
// first of those that agree to nine digits: rounding must not choose the sign.
func orient(v []float64) {
	var largest float64
	for _, x := range v {
		if math.Abs(x) > math.Abs(largest)*(1+1e-9) {
			largest = x
		}
	}
	if largest < 0 {
		for i := range v {
			v[i] = -v[i]
		}
	}
}
