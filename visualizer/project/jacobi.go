package project

import "math"

// jacobi computes the eigenvalues and eigenvectors of the symmetric n×n matrix
// a, row by row, by cyclic Jacobi rotations (G. Golub and C. Van Loan 2013,
// Matrix Computations, section 8.5). Column i of vectors, row by row like a, belongs to values[i];
// the values descend. a is destroyed.
func jacobi(a []float64, n int) (values, vectors []float64) {
	v := make([]float64, n*n)
	for i := range n {
		v[i*n+i] = 1
	}
	// Each sweep at least squares the off-diagonal mass once it is small; ten
	// are enough for any size met here, and the bound ends the loop on NaN.
	for range 40 {
		var off, diag float64
		for i := range n {
			diag += a[i*n+i] * a[i*n+i]
			for j := i + 1; j < n; j++ {
				off += a[i*n+j] * a[i*n+j]
			}
		}
		if off <= 1e-30*diag {
			break
		}
		for p := range n - 1 {
			for q := p + 1; q < n; q++ {
				rotate(a, v, n, p, q)
			}
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	// Insertion sort: n is a few dozen, and equal values keep their order.
	for i := 1; i < n; i++ {
		for j := i; j > 0 && a[order[j]*n+order[j]] > a[order[j-1]*n+order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	values, vectors = make([]float64, n), make([]float64, n*n)
	for to, from := range order {
		values[to] = a[from*n+from]
		for i := range n {
			vectors[i*n+to] = v[i*n+from]
		}
	}
	return values, vectors
}

// rotate makes a[p][q] zero by a rotation in the plane of p and q, and turns
// the columns of v with it.
func rotate(a, v []float64, n, p, q int) {
	if a[p*n+q] == 0 {
		return
	}
	// t is the tangent of the angle: the root of t² + 2τt = 1 of smaller
	// magnitude, which moves the other elements least.
	tau := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
	t := 1 / (math.Abs(tau) + math.Sqrt(1+tau*tau))
	if tau < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(1+t*t)
	s := t * c
	for i := range n {
		x, y := a[i*n+p], a[i*n+q]
		a[i*n+p], a[i*n+q] = c*x-s*y, s*x+c*y
	}
	for i := range n {
		x, y := a[p*n+i], a[q*n+i]
		a[p*n+i], a[q*n+i] = c*x-s*y, s*x+c*y
	}
	for i := range n {
		x, y := v[i*n+p], v[i*n+q]
		v[i*n+p], v[i*n+q] = c*x-s*y, s*x+c*y
	}
}
