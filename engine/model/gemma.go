package model

import "math"

// Gemma 3 (Gemma Team 2025, "Gemma 3 Technical Report"): five layers with a
// sliding window to one that sees everything, norms on both sides of each
// part, normalized queries and keys, GELU, and embeddings scaled by √width.
const (
	gemma3Pattern    = 6
	gemma3LocalTheta = 10000
)

// setGemma3 sets what all models of the family share.
func (c *Config) setGemma3() {
	c.GELU, c.PostNorms, c.QKNorm = true, true, true
	c.WindowPattern = gemma3Pattern
}

// embedScale is √width.
func embedScale(width int) float32 { return float32(math.Sqrt(float64(width))) }
