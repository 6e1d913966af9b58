package hall

import (
	"vitrine/visualizer/paint"
	"vitrine/visualizer/wire"
)

// Ratios are what a race comes down to: the first side against each of the
// others, by what the race is about. They are nil until all sides are through.
func Ratios(r *wire.HallRace) []float64 {
	var ratios []float64
	for i := range r.Runs {
		if !r.Runs[i].Done {
			return nil
		}
		if i == 0 {
			continue
		}
		var v float64
		var ok bool
		a, b := &r.Runs[0], &r.Runs[i]
		switch r.Race {
		case wire.HallRaceMemory:
			v, ok = ratio(float64(a.AtOnce), float64(b.AtOnce))
		case wire.HallRaceBatch, wire.HallRaceLookup:
			v, ok = ratio(Rate(a), Rate(b))
		case wire.HallRacePrefix:
			v, ok = ratio(float64(b.Computed), float64(a.Computed))
		case wire.HallRaceKV:
			v, ok = ratio(float64(b.Micros), float64(a.Micros))
		}
		if !ok {
			return nil
		}
		ratios = append(ratios, v)
	}
	return ratios
}

// Rate is the tokens that a side drew a second.
func Rate(r *wire.HallRun) float64 {
	v, _ := ratio(float64(r.Drawn), float64(r.Micros)/1e6)
	return v
}

// Curves are the lines of a race and the ends of their scales.
func Curves(r *wire.HallRace) (lines [][]paint.XY, maxX, maxY float64) {
	for i := range r.Runs {
		points := make([]paint.XY, 0, len(r.Runs[i].Curve)+1)
		points = append(points, paint.XY{})
		for _, p := range r.Runs[i].Curve {
			points = append(points, paint.XY{X: float64(p.X), Y: float64(p.Y)})
			maxX, maxY = max(maxX, float64(p.X)), max(maxY, float64(p.Y))
		}
		lines = append(lines, points)
	}
	return lines, maxX, maxY
}
