package project

import (
	"math"
	"math/rand/v2"
	"testing"
)

// turned returns points turned by an angle, and mirrored first if asked.
func turned(points [][2]float32, angle float64, mirror bool) [][2]float32 {
	s, c := math.Sincos(angle)
	out := make([][2]float32, len(points))
	for i, p := range points {
		x, y := float64(p[0]), float64(p[1])
		if mirror {
			y = -y
		}
		out[i] = [2]float32{float32(c*x - s*y), float32(s*x + c*y)}
	}
	return out
}

// apart is the largest distance between points of the same number.
func apart(a, b [][2]float32) float64 {
	var d float64
	for i := range a {
		d = max(d, math.Hypot(float64(a[i][0]-b[i][0]), float64(a[i][1]-b[i][1])))
	}
	return d
}

func TestAlign(t *testing.T) {
	target := [][2]float32{{1, 0}, {0, 2}, {-3, 1}, {0.5, -1}, {2, 2}}
	for _, mirror := range []bool{false, true} {
		for angle := -3.0; angle < 3.2; angle += 0.37 {
			points := turned(target, angle, mirror)
			Align(points, target)
			if d := apart(points, target); d > 1e-5 {
				t.Errorf("angle %.2f, mirrored %v: %g apart after Align", angle, mirror, d)
			}
		}
	}
	for _, points := range [][][2]float32{nil, {{1, 2}}, {{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}}} {
		before := append([][2]float32(nil), points...)
		Align(points, target) // another size, or nothing to turn by
		if apart(points, before) != 0 {
			t.Errorf("%v became %v", before, points)
		}
	}
}

// TestAlignIsBest compares Align with a search over angles and mirrors.
func TestAlignIsBest(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	distance := func(a, b [][2]float32) (sum float64) {
		for i := range a {
			for c := range 2 {
				d := float64(a[i][c] - b[i][c])
				sum += d * d
			}
		}
		return sum
	}
	for range 20 {
		points, target := make([][2]float32, 7), make([][2]float32, 7)
		for i := range points {
			points[i] = [2]float32{float32(r.NormFloat64()), float32(r.NormFloat64())}
			target[i] = [2]float32{float32(r.NormFloat64()), float32(r.NormFloat64())}
		}
		best := math.Inf(1)
		for angle := 0.0; angle < 2*math.Pi; angle += 0.001 {
			best = min(best, distance(turned(points, angle, false), target), distance(turned(points, angle, true), target))
		}
		Align(points, target)
		if got := distance(points, target); got > best+1e-5 {
			t.Errorf("squared distance %g, the search reached %g", got, best)
		}
	}
}

// TestLayersMoveSmoothly has the same points at every layer, in spaces turned
// at random, so that PCA alone would flip their signs: aligned, nothing moves.
func TestLayersMoveSmoothly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	base := gaussian(r, 30, 16, 3, 2, 0.5)
	turn := func(layer int) [][]float32 {
		rows := make([][]float32, len(base))
		signs := rand.New(rand.NewPCG(uint64(layer), 0))
		sign := make([]float32, 16)
		for i := range sign {
			sign[i] = float32(1 - 2*signs.IntN(2))
		}
		shift := layer % 16
		for i, row := range base {
			rows[i] = make([]float32, 16)
			for j, v := range row {
				rows[i][(j+shift)%16] = sign[j] * v
			}
		}
		return rows
	}
	xy, explained, err := Layers(turn, 12)
	if err != nil {
		t.Fatal(err)
	}
	if len(xy) != 12 || len(explained) != 12 {
		t.Fatalf("%d layers, %d shares, want 12", len(xy), len(explained))
	}
	var size float64
	for _, p := range xy[0] {
		size = max(size, math.Hypot(float64(p[0]), float64(p[1])))
	}
	for layer := 1; layer < 12; layer++ {
		if d := apart(xy[layer], xy[layer-1]); d > 1e-4*size {
			t.Errorf("layer %d is %g away from the one before, of a size of %g", layer, d, size)
		}
		if math.Abs(float64(explained[layer]-explained[0])) > 1e-5 {
			t.Errorf("layer %d explains %g, layer 0 %g", layer, explained[layer], explained[0])
		}
	}
}

// TestLayersFirst holds the first layer to PCA2 and the others to its distances.
func TestLayersFirst(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	sets := [][][]float32{gaussian(r, 25, 20, 3, 2, 1), gaussian(r, 25, 20, 4, 1, .5)}
	xy, explained, err := Layers(func(i int) [][]float32 { return sets[i] }, 2)
	if err != nil {
		t.Fatal(err)
	}
	for layer, rows := range sets {
		basis, share, err := PCA2(rows)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(share-explained[layer])) > 1e-6 {
			t.Errorf("layer %d explains %g, PCA2 says %g", layer, explained[layer], share)
		}
		for i := range rows {
			p, q := basis.Project(rows[i]), xy[layer][i]
			if layer == 0 && p != q {
				t.Fatalf("row %d of layer 0 lies at %v, PCA2 says %v", i, q, p)
			}
			if d := math.Hypot(float64(p[0]), float64(p[1])) - math.Hypot(float64(q[0]), float64(q[1])); math.Abs(d) > 1e-4 {
				t.Errorf("row %d of layer %d changed its distance from the mean by %g", i, layer, d)
			}
		}
	}
	if xy, explained, err := Layers(nil, 0); xy != nil || explained != nil || err != nil {
		t.Errorf("no layers give %v, %v, %v", xy, explained, err)
	}
}

func TestNormalize(t *testing.T) {
	rows := [][]float32{{3, 4}, {0, 0}, {-1e30, 1e30}, {}, {1e-30, 0}}
	Normalize(rows)
	want := [][]float32{{3 / 3.5355339, 4 / 3.5355339}, {0, 0}, {-1, 1}, {}, {math.Sqrt2, 0}}
	for i := range rows {
		for j := range rows[i] {
			if math.Abs(float64(rows[i][j]-want[i][j])) > 1e-6 {
				t.Errorf("row %d is %v, want %v", i, rows[i], want[i])
			}
		}
	}
}
