package project

import "math"

// Layers projects the same positions at several layers: x(i) gives the vectors
// at layer i = 0 … layers−1, T rows of equal width, and is asked once for
// each, in order; its result is not kept. xy[i][t] is the place of position t at
// layer i, explained[i] the share of the variance shown there, as in [PCA2].
//
// Within its plane each layer's points are turned, and mirrored if that is
// better, so that the sum of products with the layer before is largest: the
// orthogonal matrix R with the largest tr(Rᵀ·XᵢᵀXᵢ₋₁). So the axes of the picture are not
// the principal axes themselves except at layer 0; distances, and the share
// explained, are not changed by it. Every layer must have the same number of
// rows; where it has not, the layer is left as PCA2 gives it.
func Layers(x func(layer int) [][]float32, layers int) (xy [][][2]float32, explained []float32, err error) {
	var axes [][]float64
	for layer := range max(layers, 0) {
		rows := x(layer)
		basis, share, err := pca2(rows, axes)
		if err != nil {
			return nil, nil, err
		}
		axes = basis.Axes[:]
		points := make([][2]float32, len(rows))
		for t, row := range rows {
			points[t] = basis.Project(row)
		}
		if layer > 0 {
			Align(points, xy[layer-1])
		}
		xy = append(xy, points)
		explained = append(explained, share)
	}
	return xy, explained, nil
}

// Align turns points about the origin, and mirrors them if that is better, so that
// they lie nearest to target, point by point: the orthogonal Procrustes
// problem in the plane. With A = Σ pᵀt, the best rotation reaches
// tr = √((a₁₁+a₂₂)² + (a₁₂−a₂₁)²) and the best reflection
// tr = √((a₁₁−a₂₂)² + (a₁₂+a₂₁)²); the larger one is taken, a rotation if they
// are equal. Sets of different size are left as they are.
func Align(points, target [][2]float32) {
	if len(points) != len(target) {
		return
	}
	var a [2][2]float64
	for i, p := range points {
		for r := range 2 {
			for c := range 2 {
				a[r][c] += float64(p[r]) * float64(target[i][c])
			}
		}
	}
	turnC, turnS := a[0][0]+a[1][1], a[0][1]-a[1][0]
	flipC, flipS := a[0][0]-a[1][1], a[0][1]+a[1][0]
	c, s, mirror := turnC, turnS, 1.0
	// Points on a line fit a rotation and a reflection equally well; the
	// margin keeps rounding from deciding.
	if math.Hypot(flipC, flipS) > math.Hypot(turnC, turnS)*(1+1e-9) {
		c, s, mirror = flipC, flipS, -1
	}
	length := math.Hypot(c, s)
	if !(length > 0) {
		return
	}
	c, s = c/length, s/length
	for i, p := range points {
		x, y := float64(p[0]), float64(p[1])*mirror
		points[i] = [2]float32{float32(x*c - y*s), float32(x*s + y*c)}
	}
}

// Normalize divides each row, in place, by its root mean square, √(Σx²/W): the
// RMS norm without its gain (B. Zhang and R. Sennrich 2019), which is how
// every layer of a Llama reads the residual stream. A few positions, the first
// most of all, have vectors hundreds of times longer than the others; without this
// they alone would decide the principal axes. Rows of zeros stay.
func Normalize(rows [][]float32) {
	for _, row := range rows {
		var sum float64
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		if !(sum > 0) || math.IsInf(sum, 0) {
			continue
		}
		scale := 1 / math.Sqrt(sum/float64(len(row)))
		for i, v := range row {
			row[i] = float32(float64(v) * scale)
		}
	}
}
