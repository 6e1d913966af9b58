package project

import "math"

// covariance is the matrix C = XᵀX/(T−1) of centred rows X, held as the rows
// themselves and their mean. Multiplying by it takes 2·T·W multiplications, where
// forming it would take T·W²/2.
type covariance struct {
	rows  [][]float32
	mean  []float64
	trace float64 // the variance in all
}

// newCovariance needs at least one row.
func newCovariance(rows [][]float32) *covariance {
	c := &covariance{rows: rows, mean: make([]float64, len(rows[0]))}
	for _, row := range rows {
		for i, v := range row {
			c.mean[i] += float64(v)
		}
	}
	for i := range c.mean {
		c.mean[i] /= float64(len(rows))
	}
	if len(rows) < 2 {
		return c
	}
	var sum, size float64
	for _, row := range rows {
		for i, v := range row {
			d := float64(v) - c.mean[i]
			sum += d * d
			size += float64(v) * float64(v)
		}
	}
	// Equal rows differ from their mean by the rounding of the mean alone.
	if sum > 1e-28*size {
		c.trace = sum / float64(len(rows)-1)
	}
	return c
}

// times sets y = C·v, in one pass over the rows.
func (c *covariance) times(y, v []float64) {
	clear(y)
	offset := dot(c.mean, v)
	var sum float64
	for _, row := range c.rows {
		a := -offset
		for i, x := range row {
			a += float64(x) * v[i]
		}
		sum += a
		for i, x := range row {
			y[i] += a * float64(x)
		}
	}
	n := float64(len(c.rows) - 1)
	for i := range y {
		y[i] = (y[i] - sum*c.mean[i]) / n
	}
}

// Sizes of the iteration in leading.
const (
	blockSize  = 2    // vectors a block: as many as axes are sought, so that equal eigenvalues are both found
	blocks     = 10   // blocks before a Rayleigh–Ritz step
	restarts   = 30   // Rayleigh–Ritz steps at most
	tolerance  = 1e-7 // ‖Cy−θy‖ that ends it, as a share of the largest θ
	dependence = 1e-9 // what is left of a vector's length that counts as nothing new
)

// leading returns the two largest eigenvalues of C, descending, with their
// eigenvectors, by block Krylov iteration with restarts (G. Golub and
// R. Underwood 1977, "The block Lanczos method for computing eigenvalues";
// C. Musco and C. Musco 2015, "Randomized block Krylov methods"): the space
// spanned by S, CS, C²S, … is kept as an orthonormal basis Q, the small
// matrix QᵀCQ is diagonalized, its two leading vectors become the next S.
//
// start gives vectors to begin with; where there are too few of them or they
// are dependent, fixed pseudo-random ones take their place. When eigenvalues agree
// to many digits their vectors are any two of the plane they share, and the iteration
// may end at its bound with ones that are not quite the leading ones: the
// share of the variance that they show is then right all the same to more digits
// than are drawn. C must not be zero.
func (c *covariance) leading(start [][]float64) (values [2]float64, vectors [2][]float64) {
	width := len(c.mean)
	s := make([][]float64, 0, blockSize)
	for _, v := range start {
		if len(v) == width && len(s) < blockSize {
			s = append(s, append([]float64(nil), v...))
		}
	}
	noise := noise(1)
	for range restarts {
		var q, cq [][]float64
		add := func(v []float64) {
			if len(q) < width && orthonormalize(v, q) {
				q = append(q, v)
			}
		}
		for _, v := range s {
			add(v)
		}
		for tries := 0; len(q) < min(blockSize, width) && tries < 8; tries++ {
			v := make([]float64, width)
			for i := range v {
				v[i] = noise.next()
			}
			add(v)
		}
		for len(cq) < len(q) {
			from := len(cq)
			for _, v := range q[from:] {
				y := make([]float64, width)
				c.times(y, v)
				cq = append(cq, y)
			}
			if len(cq) >= blockSize*blocks {
				break
			}
			for _, y := range cq[from:] {
				add(append([]float64(nil), y...))
			}
		}
		var residual float64
		values, vectors, residual = ritz(q, cq)
		if residual <= tolerance*values[0] {
			break
		}
		s = vectors[:]
	}
	return values, vectors
}

// ritz returns the two leading Ritz values and vectors of C in the space that
// the orthonormal q spans, cq being C·q, and the larger ‖Cy−θy‖ of the two.
// If q has one vector the second value and vector are zero.
func ritz(q, cq [][]float64) (values [2]float64, vectors [2][]float64, residual float64) {
	n, width := len(q), len(q[0])
	h := make([]float64, n*n)
	for i := range n {
		for j := i; j < n; j++ {
			h[i*n+j] = (dot(q[i], cq[j]) + dot(q[j], cq[i])) / 2
			h[j*n+i] = h[i*n+j]
		}
	}
	theta, u := jacobi(h, n)
	for axis := range vectors {
		y := make([]float64, width)
		vectors[axis] = y
		if axis >= n {
			continue
		}
		values[axis] = theta[axis]
		cy := make([]float64, width)
		for j := range n {
			axpy(y, u[j*n+axis], q[j])
			axpy(cy, u[j*n+axis], cq[j])
		}
		axpy(cy, -theta[axis], y)
		residual = max(residual, math.Sqrt(dot(cy, cy)))
	}
	return values, vectors, residual
}

// orthonormalize makes v orthogonal to the orthonormal vectors of q and gives
// it length 1. It is false, and v useless, if v depends on them. Twice is
// enough (W. Kahan, in B. Parlett 1980, The Symmetric Eigenvalue Problem).
func orthonormalize(v []float64, q [][]float64) bool {
	length := math.Sqrt(dot(v, v))
	if !(length > 0) {
		return false
	}
	for range 2 {
		for _, u := range q {
			axpy(v, -dot(u, v), u)
		}
	}
	left := math.Sqrt(dot(v, v))
	if !(left > dependence*length) {
		return false
	}
	for i := range v {
		v[i] /= left
	}
	return true
}

// dot is the scalar product of two vectors of equal length.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s float64
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// axpy adds a·x to y.
func axpy(y []float64, a float64, x []float64) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}

// noise is a sequence of pseudo-random numbers (splitmix64; G. Steele, D. Lea and
// C. Flood 2014, "Fast splittable pseudorandom number generators").
type noise uint64

// next returns the next number, in [-1, 1).
func (n *noise) next() float64 {
	*n += 0x9e3779b97f4a7c15
	z := uint64(*n)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(int64(z)>>11) / (1 << 52)
}
