package model

import "math"

// inverseFrequencies returns θ^(−2i/d) for each pair i of a head (Su et al.
// 2021, equation 15), changed by the scaling, and divided by factors where
// the file brings such a list (GGUF's rope_freqs.weight).
func inverseFrequencies(c *Config, theta float32, factors []float32) []float64 {
	f := make([]float64, c.HeadDim/2)
	for i := range f {
		f[i] = math.Pow(float64(theta), -2*float64(i)/float64(c.HeadDim))
		switch {
		case factors != nil:
			f[i] /= float64(factors[i])
		case c.RopeScaling.Type == "linear":
			f[i] /= c.RopeScaling.Factor
		case c.RopeScaling.Type == "llama3":
			f[i] = c.RopeScaling.llama3(f[i])
		}
	}
	return f
}

// llama3 leaves high frequencies as they are, divides low ones by the factor,
// and blends in between (Grattafiori et al. 2024, "The Llama 3 Herd of
// Models", with the formula of its reference implementation).
func (s RopeScaling) llama3(f float64) float64 {
	turns := s.Original * f / (2 * math.Pi) // full turns over the first context
	switch {
	case turns < s.LowFreqFactor:
		return f / s.Factor
	case turns > s.HighFreqFactor:
		return f
	}
	smooth := (turns - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
	return (1-smooth)*f/s.Factor + smooth*f
}
