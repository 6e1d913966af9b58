package project

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// gaussian returns n rows of the given width whose columns have the given
// standard deviations, the last one standing for all that follow, mixed by a
// rotation of neighbouring columns so that no axis is a coordinate, plus an offset.
func gaussian(r *rand.Rand, n, width int, deviations ...float64) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		x := make([]float64, width)
		for j := range x {
			x[j] = r.NormFloat64() * deviations[min(j, len(deviations)-1)]
		}
		for range 3 {
			for j := range width - 1 {
				x[j], x[j+1] = 0.8*x[j]-0.6*x[j+1], 0.6*x[j]+0.8*x[j+1]
			}
		}
		rows[i] = make([]float32, width)
		for j := range x {
			rows[i][j] = float32(x[j] + 3)
		}
	}
	return rows
}

// reference computes the principal components by forming the covariance and
// diagonalizing it: classical Jacobi, which turns the largest element off the diagonal away
// until none is left. It is written apart from the code under test.
func reference(rows [][]float32) (values []float64, axes [][]float64) {
	n, w := len(rows), len(rows[0])
	mean := make([]float64, w)
	for _, row := range rows {
		for j, v := range row {
			mean[j] += float64(v) / float64(n)
		}
	}
	c := make([][]float64, w)
	axes = make([][]float64, w)
	for i := range c {
		c[i], axes[i] = make([]float64, w), make([]float64, w)
		axes[i][i] = 1
		for j := range w {
			for _, row := range rows {
				c[i][j] += (float64(row[i]) - mean[i]) * (float64(row[j]) - mean[j]) / float64(n-1)
			}
		}
	}
	for range 200 * w * (w - 1) {
		p, q := 0, 1
		for i := range w {
			for j := i + 1; j < w; j++ {
				if math.Abs(c[i][j]) > math.Abs(c[p][q]) {
					p, q = i, j
				}
			}
		}
		if math.Abs(c[p][q]) < 1e-14*(c[p][p]+c[q][q]) || c[p][q] == 0 {
			break
		}
		angle := math.Atan2(2*c[p][q], c[q][q]-c[p][p]) / 2
		sin, cos := math.Sincos(angle)
		for i := range w {
			c[i][p], c[i][q] = cos*c[i][p]-sin*c[i][q], sin*c[i][p]+cos*c[i][q]
		}
		for i := range w {
			c[p][i], c[q][i] = cos*c[p][i]-sin*c[q][i], sin*c[p][i]+cos*c[q][i]
			axes[p][i], axes[q][i] = cos*axes[p][i]-sin*axes[q][i], sin*axes[p][i]+cos*axes[q][i]
		}
	}
	for i := range w {
		values = append(values, c[i][i])
	}
	for i := range w {
		for j := i + 1; j < w; j++ {
			if values[j] > values[i] {
				values[i], values[j] = values[j], values[i]
				axes[i], axes[j] = axes[j], axes[i]
			}
		}
	}
	return values, axes
}

func TestPCA2AgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	tests := []struct {
		name       string
		rows       int
		width      int
		deviations []float64
	}{
		{"more rows than columns", 200, 24, []float64{5, 3, 1}},
		{"more columns than rows", 12, 40, []float64{5, 3, 1}},
		{"close eigenvalues", 300, 30, []float64{3, 2, 1.9, 1.8, 1}},
		{"one huge direction", 100, 32, []float64{1000, 1, 0.5}},
		{"flat spectrum", 60, 32, []float64{1}},
		{"three rows", 3, 20, []float64{2, 1}},
		{"two columns", 50, 2, []float64{2, 1}},
		{"one column", 50, 1, []float64{2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := gaussian(r, tt.rows, tt.width, tt.deviations...)
			values, axes := reference(rows)
			basis, explained, err := PCA2(rows)
			if err != nil {
				t.Fatal(err)
			}
			var trace float64
			for _, v := range values {
				trace += v
			}
			top := min(2, tt.width)
			var want float64
			for i := range top {
				want += values[i] / trace
				if diff := math.Abs(basis.Variance[i] - values[i]); diff > 1e-9*values[0] {
					t.Errorf("variance %d is %g, want %g", i, basis.Variance[i], values[i])
				}
				if c := math.Abs(dot(basis.Axes[i], axes[i])); c < 1-1e-6 {
					t.Errorf("axis %d has cosine %.9f with the reference", i, c)
				}
			}
			if math.Abs(float64(explained)-want) > 1e-6 {
				t.Errorf("explained %g, want %g", explained, want)
			}
		})
	}
}

// TestPCA2Exact has points whose axes are known without computing.
func TestPCA2Exact(t *testing.T) {
	tests := []struct {
		name      string
		rows      [][]float32
		axes      [2][]float64
		variance  [2]float64
		explained float32
	}{
		{"no rows", nil, [2][]float64{nil, nil}, [2]float64{}, 1},
		{"no columns", [][]float32{{}, {}}, [2][]float64{{}, {}}, [2]float64{}, 1},
		{"one row", [][]float32{{1, 2, 3}}, [2][]float64{{0, 0, 0}, {0, 0, 0}}, [2]float64{}, 1},
		{"equal rows", [][]float32{{.1, .2}, {.1, .2}, {.1, .2}}, [2][]float64{{0, 0}, {0, 0}}, [2]float64{}, 1},
		{"two rows", [][]float32{{0, 0, 0}, {0, 3, 4}}, [2][]float64{{0, .6, .8}, {0, 0, 0}}, [2]float64{12.5, 0}, 1},
		{"a line", [][]float32{{-1, 1}, {0, 0}, {2, -2}, {3, -3}}, [2][]float64{{math.Sqrt2 / 2, -math.Sqrt2 / 2}, {0, 0}}, [2]float64{20. / 3, 0}, 1},
		{"a cross in space", [][]float32{{2, 0, 0}, {-2, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, .5}, {0, 0, -.5}},
			[2][]float64{{1, 0, 0}, {0, 1, 0}}, [2]float64{1.6, .4}, 20. / 21},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			basis, explained, err := PCA2(tt.rows)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(float64(explained-tt.explained)) > 1e-6 {
				t.Errorf("explained %g, want %g", explained, tt.explained)
			}
			for i := range 2 {
				if math.Abs(basis.Variance[i]-tt.variance[i]) > 1e-9 {
					t.Errorf("variance %d is %g, want %g", i, basis.Variance[i], tt.variance[i])
				}
				if len(basis.Axes[i]) != len(tt.axes[i]) {
					t.Fatalf("axis %d has %d components, want %d", i, len(basis.Axes[i]), len(tt.axes[i]))
				}
				for j, v := range basis.Axes[i] {
					if math.Abs(v-tt.axes[i][j]) > 1e-6 {
						t.Errorf("axis %d is %v, want %v", i, basis.Axes[i], tt.axes[i])
						break
					}
				}
			}
		})
	}
}

// TestPCA2Square has two equal eigenvalues: the axes are any orthonormal pair
// of the plane, and both must be found.
func TestPCA2Square(t *testing.T) {
	rows := [][]float32{{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}}
	basis, explained, err := PCA2(rows)
	if err != nil || explained != 1 {
		t.Fatalf("explained %g, %v; want 1", explained, err)
	}
	for i, row := range rows {
		p := basis.Project(row)
		if r := math.Hypot(float64(p[0]), float64(p[1])); math.Abs(r-1) > 1e-6 {
			t.Errorf("corner %d lies at %v, %g from the centre, want 1", i, p, r)
		}
	}
	if d := dot(basis.Axes[0], basis.Axes[1]); math.Abs(d) > 1e-12 {
		t.Errorf("axes have scalar product %g", d)
	}
}

func TestPCA2Deterministic(t *testing.T) {
	rows := gaussian(rand.New(rand.NewPCG(2, 2)), 80, 48, 3, 2, 1)
	a, shareA, _ := PCA2(rows)
	b, shareB, _ := PCA2(rows)
	if shareA != shareB {
		t.Errorf("explained %v and %v", shareA, shareB)
	}
	for i := range rows {
		if a.Project(rows[i]) != b.Project(rows[i]) {
			t.Fatalf("row %d lies at %v and %v", i, a.Project(rows[i]), b.Project(rows[i]))
		}
	}
}

func TestPCA2Errors(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	tests := []struct {
		name string
		rows [][]float32
		want error
	}{
		{"ragged", [][]float32{{1, 2}, {1}}, ErrRagged},
		{"NaN", [][]float32{{1, 2}, {1, nan}}, ErrNaN},
		{"infinite", [][]float32{{inf, 2}, {1, 2}}, ErrNaN},
		{"too many rows", make([][]float32, MaxRows+1), ErrSize},
		{"too wide", [][]float32{make([]float32, MaxWidth+1)}, ErrSize},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := PCA2(tt.rows); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if _, _, err := Layers(func(int) [][]float32 { return tt.rows }, 2); !errors.Is(err, tt.want) {
				t.Errorf("Layers: error %v, want %v", err, tt.want)
			}
		})
	}
	if p := new(Basis).Project([]float32{1}); p[0] == p[0] {
		t.Errorf("a vector of the wrong width lies at %v, want NaN", p)
	}
}

func TestJacobi(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, n := range []int{1, 2, 3, 8, 20} {
		a := make([]float64, n*n)
		for i := range n {
			for j := i; j < n; j++ {
				a[i*n+j] = r.NormFloat64()
				a[j*n+i] = a[i*n+j]
			}
		}
		values, vectors := jacobi(append([]float64(nil), a...), n)
		for k := range n {
			if k > 0 && values[k] > values[k-1] {
				t.Errorf("n %d: value %d is larger than the one before", n, k)
			}
			for i := range n {
				var av float64
				for j := range n {
					av += a[i*n+j] * vectors[j*n+k]
				}
				if math.Abs(av-values[k]*vectors[i*n+k]) > 1e-12*float64(n) {
					t.Errorf("n %d: A·v and λ·v differ at %d, %d", n, i, k)
				}
			}
		}
	}
}

// BenchmarkLayers has the shape of SmolLM2-135M after 512 tokens: 31 sets of
// 512 vectors of 576, each layer a little further on than the one before.
func BenchmarkLayers(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 3))
	sets := [][][]float32{gaussian(r, 512, 576, 4, 3, 2.5, 2, 1.5, 1)}
	for range 30 {
		next := gaussian(r, 512, 576, 1, 1, .5)
		for i, row := range sets[len(sets)-1] {
			for j, v := range row {
				next[i][j] = v + 0.3*next[i][j]
			}
		}
		sets = append(sets, next)
	}
	for b.Loop() {
		if _, _, err := Layers(func(i int) [][]float32 { return sets[i] }, len(sets)); err != nil {
			b.Fatal(err)
		}
	}
}
