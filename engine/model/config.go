package model

import "fmt"

// Config holds the hyperparameters of a model, whatever file they came from.
type Config struct {
	Name         string // as the file calls it, "SmolLM2 135M 8k Lc100K Mix1 Ep2"
	Architecture string // GGUF's general.architecture, "llama"
	Licence      string // as the file gives it; may be empty
	Quantization string // the format that most weights are in, "Q4_1"
	Layers       int    // transformer blocks
	Width        int    // numbers in a token's vector (d_model)
	Heads        int    // query heads
	KVHeads      int    // key and value heads; Heads/KVHeads query heads share one
	HeadDim      int    // numbers in a head's query, key and value
	FFN          int    // width of the feed-forward layer
	Vocab        int    // tokens
	Context      int    // the longest sequence that the model was made for, in tokens
	RopeTheta    float32
	NormEps      float32
	// TieEmbeddings: the matrix that maps tokens to vectors also maps vectors to logits.
	TieEmbeddings bool
	// Parameters is the number of weights in all, a tied matrix counted once.
	Parameters int64
	// RopeScaling stretches the rotary embedding for long contexts.
	RopeScaling RopeScaling
	// QKNorm: queries and keys are RMS-normalized a head before RoPE (Qwen 3).
	QKNorm bool
	// GELU: the feed-forward layer gates with GELU (tanh) instead of SiLU (Gemma).
	GELU bool
	// EmbedScale multiplies the embeddings; 1 unless the model says otherwise (Gemma: √Width).
	EmbedScale float32
	// PostNorms: what attention and feed-forward add to the residual stream
	// is RMS-normalized first (Gemma).
	PostNorms bool
	// Window is how far back the layers with a sliding window see, in tokens;
	// 0 where no layer has one.
	Window int
	// WindowPattern: of so many layers in a row, all but the last have the
	// window (Gemma 3: 6). With LayerWindow it names them.
	WindowPattern int
	// LocalRopeTheta is RopeTheta for the layers with a window.
	LocalRopeTheta float32
	// QueryScale is the number d in the attention's 1/√d; HeadDim unless the model says otherwise.
	QueryScale float32
	// QKVBias: the query, key and value projections have a bias (Qwen 2).
	QKVBias bool
}

// RopeScaling says how the frequencies of the rotary embedding are changed
// for contexts longer than the model was first trained on.
type RopeScaling struct {
	// Type is "" for none, "linear" (positions divided by Factor; Chen et al.
	// 2023) or "llama3" (low frequencies divided by Factor; Llama 3.1).
	Type           string
	Factor         float64
	LowFreqFactor  float64 // llama3
	HighFreqFactor float64 // llama3
	Original       float64 // llama3: the context of the first training
}

// LayerWindow is how far back a layer sees, in tokens; 0 means all the way.
func (c *Config) LayerWindow(layer int) int {
	if c.Window == 0 || (layer+1)%c.WindowPattern == 0 {
		return 0
	}
	return c.Window
}

// setDefaults fills in what most models leave out.
func (c *Config) setDefaults() {
	if c.EmbedScale == 0 {
		c.EmbedScale = 1
	}
	if c.QueryScale == 0 {
		c.QueryScale = float32(c.HeadDim)
	}
}

// Has says whether the model computes anything at p.
func (c *Config) Has(p Point) bool {
	return p < numPoints && (c.PostNorms || p != AttnPostNorm && p != FFNPostNorm)
}

// limits that no real model comes near; a file beyond them is broken or hostile.
const (
	maxLayers  = 1 << 10
	maxWidth   = 1 << 17
	maxHeads   = 1 << 10
	maxVocab   = 1 << 22
	maxContext = 1 << 24
)

// Validate says which field is out of range or does not fit the others.
func (c *Config) Validate() error {
	for _, f := range []struct {
		name      string
		value, to int
	}{
		{"Layers", c.Layers, maxLayers}, {"Width", c.Width, maxWidth}, {"Heads", c.Heads, maxHeads},
		{"KVHeads", c.KVHeads, maxHeads}, {"HeadDim", c.HeadDim, maxWidth}, {"FFN", c.FFN, maxWidth * 8},
		{"Vocab", c.Vocab, maxVocab}, {"Context", c.Context, maxContext},
	} {
		if f.value < 1 || f.value > f.to {
			return fmt.Errorf("model: %s is %d, want 1 to %d", f.name, f.value, f.to)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("model: %d query heads cannot share %d KV heads evenly", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("model: HeadDim is %d, want an even number (RoPE turns pairs)", c.HeadDim)
	case !(c.NormEps > 0 && c.NormEps < 1):
		return fmt.Errorf("model: NormEps is %v, want a small positive number", c.NormEps)
	case !(c.EmbedScale > 0 && c.EmbedScale < 1e6):
		return fmt.Errorf("model: EmbedScale is %v, want a positive number", c.EmbedScale)
	case !(c.QueryScale > 0 && c.QueryScale < 1e6):
		return fmt.Errorf("model: QueryScale is %v, want a positive number", c.QueryScale)
	case c.Window < 0 || c.Window > 0 && (c.WindowPattern < 1 || !(c.LocalRopeTheta > 1 && c.LocalRopeTheta < 1e12)):
		return fmt.Errorf("model: Window %d, WindowPattern %d, LocalRopeTheta %v, want none or all three positive", c.Window, c.WindowPattern, c.LocalRopeTheta)
	case !(c.RopeTheta > 1 && c.RopeTheta < 1e12):
		return fmt.Errorf("model: RopeTheta is %v, want more than 1", c.RopeTheta)
	}
	return c.RopeScaling.validate()
}

func (s RopeScaling) validate() error {
	switch s.Type {
	case "":
		return nil
	case "linear":
		if !(s.Factor >= 1) {
			return fmt.Errorf("model: linear RoPE scaling factor is %v, want at least 1", s.Factor)
		}
		return nil
	case "llama3":
		if !(s.Factor >= 1 && s.LowFreqFactor > 0 && s.HighFreqFactor > s.LowFreqFactor && s.Original > 0) {
			return fmt.Errorf("model: llama3 RoPE scaling %+v, want Factor ≥ 1, 0 < LowFreqFactor < HighFreqFactor and Original > 0", s)
		}
		return nil
	}
	return fmt.Errorf("model: RoPE scaling %q is not supported, want none, linear or llama3", s.Type)
}
