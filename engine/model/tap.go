package model

// Point names a place in the model where a number can be looked at.
type Point uint8

// The points in the order in which a token's numbers pass them. Those from
// AttnNorm to ResidOut exist in every layer.
const (
	Embed        Point = iota // the token's embedding, width
	AttnNorm                  // RMS norm of the residual stream, width
	Q                         // query, heads × head dim
	K                         // key, KV heads × head dim
	V                         // value, KV heads × head dim
	QRope                     // query turned by its position
	KRope                     // key turned by its position: what the KV cache holds
	Probs                     // attention weights, heads × keys
	AttnOut                   // weighted sums of the values, heads × head dim
	OProj                     // output projection, width
	AttnPostNorm              // RMS norm of it, width; in models with PostNorms
	ResidMid                  // residual stream after attention, width
	FFNNorm                   // RMS norm of it, width
	Gate                      // gate projection, FFN
	Up                        // up projection, FFN
	SiLUMul                   // SiLU(gate) ⊙ up, FFN (GELU in models that gate with it)
	Down                      // down projection, width
	FFNPostNorm               // RMS norm of it, width; in models with PostNorms
	ResidOut                  // residual stream after the layer, width
	FinalNorm                 // norm before the vocabulary projection, width
	Logits                    // a number for each token of the vocabulary
	numPoints
)

var pointNames = [numPoints]string{
	"embed", "attn_norm", "q", "k", "v", "q_rope", "k_rope", "probs", "attn_out", "o_proj", "attn_post_norm",
	"resid_mid", "ffn_norm", "gate", "up", "silu_mul", "down", "ffn_post_norm", "resid_out", "final_norm", "logits",
}

// String is the point's name in frames and files.
func (p Point) String() string {
	if p < numPoints {
		return pointNames[p]
	}
	return "unknown point"
}

// InLayer says whether every layer has such a point.
func (p Point) InLayer() bool { return p >= AttnNorm && p <= ResidOut }

// Cols is the number of columns of a row at p; for Probs it is the number of
// heads, each of which has a number a key.
func (c *Config) Cols(p Point) int {
	switch p {
	case Q, QRope, AttnOut:
		return c.Heads * c.HeadDim
	case K, V, KRope:
		return c.KVHeads * c.HeadDim
	case Gate, Up, SiLUMul:
		return c.FFN
	case Probs:
		return c.Heads
	case Logits:
		return c.Vocab
	}
	return c.Width
}

// Tap asks for the numbers at one point of some rows of a batch. What nobody
// taps is not copied, and attention weights that nobody taps are not kept.
type Tap struct {
	Point Point
	Layer int // for the points inside a layer
	Row   int // first row of the batch
	Count int // rows; 1 for Probs
	// Dst gets Count × Cols(Point) numbers; for Probs, heads × keys, where
	// keys is the row's position plus one. It is filled when Forward returns.
	Dst []float32
}
