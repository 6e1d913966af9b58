package model

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vitrine/engine/backend"
	"vitrine/engine/quant"
	"vitrine/engine/safetensors"
)

// folderSource reads Hugging Face's layout: config.json beside *.safetensors.
type folderSource struct {
	name string
	json hfConfig
	set  *safetensors.Set
}

// hfConfig is the part of config.json that package model needs.
type hfConfig struct {
	ModelType           string   `json:"model_type"`
	Layers              int      `json:"num_hidden_layers"`
	Width               int      `json:"hidden_size"`
	Heads               int      `json:"num_attention_heads"`
	KVHeads             *int     `json:"num_key_value_heads"`
	HeadDim             *int     `json:"head_dim"`
	FFN                 int      `json:"intermediate_size"`
	Vocab               int      `json:"vocab_size"`
	Context             int      `json:"max_position_embeddings"`
	NormEps             float32  `json:"rms_norm_eps"`
	RopeTheta           float32  `json:"rope_theta"`
	RopeScaling         *hfRope  `json:"rope_scaling"`
	RopeParameters      *hfRope  `json:"rope_parameters"` // since transformers 5
	TieEmbeddings       bool     `json:"tie_word_embeddings"`
	AttentionBias       bool     `json:"attention_bias"`
	MLPBias             bool     `json:"mlp_bias"`
	HiddenAct           string   `json:"hidden_act"`
	UseSlidingWindow    bool     `json:"use_sliding_window"`
	HiddenActivation    string   `json:"hidden_activation"` // Gemma's name for hidden_act
	SlidingWindow       int      `json:"sliding_window"`
	SlidingPattern      int      `json:"_sliding_window_pattern"`
	LayerTypes          []string `json:"layer_types"`
	LocalRopeTheta      float32  `json:"rope_local_base_freq"`
	QueryScale          float32  `json:"query_pre_attn_scalar"`
	PartialRotaryFactor *float64 `json:"partial_rotary_factor"`
}

type hfRope struct {
	RopeType string  `json:"rope_type"`
	Type     string  `json:"type"` // before transformers 4.45
	Theta    float32 `json:"rope_theta"`
	Factor   float64 `json:"factor"`
	Low      float64 `json:"low_freq_factor"`
	High     float64 `json:"high_freq_factor"`
	Original float64 `json:"original_max_position_embeddings"`
	// Gemma 3 has one for each kind of layer (since transformers 5).
	Full    *hfRope `json:"full_attention"`
	Sliding *hfRope `json:"sliding_attention"`
}

// maxConfigBytes bounds config.json; real ones have a few thousand bytes.
const maxConfigBytes = 1 << 20

func openFolder(path string) (source, error) {
	name := filepath.Join(path, "config.json")
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfigBytes {
		return nil, fmt.Errorf("config.json has %d bytes, want at most %d", info.Size(), maxConfigBytes)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s := &folderSource{name: filepath.Base(path)}
	if err := json.Unmarshal(data, &s.json); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if s.set, err = safetensors.Open(path); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *folderSource) close() error { return s.set.Close() }

func (s *folderSource) ropeStyle(string) backend.RoPEStyle { return backend.Halves }

// hfNames maps GGUF's names to Hugging Face's, for what is outside and inside
// of a layer.
var hfNames = map[string]string{
	"token_embd.weight":  "model.embed_tokens.weight",
	"output_norm.weight": "model.norm.weight",
	"output.weight":      "lm_head.weight",

	"attn_norm":   "input_layernorm",
	"attn_q":      "self_attn.q_proj",
	"attn_k":      "self_attn.k_proj",
	"attn_v":      "self_attn.v_proj",
	"attn_output": "self_attn.o_proj",
	"attn_q_norm": "self_attn.q_norm",
	"attn_k_norm": "self_attn.k_norm",
	"ffn_norm":    "post_attention_layernorm",
	"ffn_gate":    "mlp.gate_proj",
	"ffn_up":      "mlp.up_proj",
	"ffn_down":    "mlp.down_proj",
}

// hfGemmaNames replace and add to them for Gemma 3.
var hfGemmaNames = map[string]string{
	"post_attention_norm": "post_attention_layernorm",
	"ffn_norm":            "pre_feedforward_layernorm",
	"post_ffw_norm":       "post_feedforward_layernorm",
}

func (s *folderSource) tensor(name string) (parameter, bool) {
	hf, ok := hfNames[name]
	if rest, inLayer := strings.CutPrefix(name, "blk."); inLayer {
		// blk.LAYER.PART.weight or .bias
		parts := strings.Split(rest, ".")
		if len(parts) != 3 {
			return parameter{}, false
		}
		hf, ok = hfNames[parts[1]]
		if special, replaced := hfGemmaNames[parts[1]]; replaced && s.gemma() {
			hf, ok = special, true
		}
		if ok {
			hf = "model.layers." + parts[0] + "." + hf + "." + parts[2]
		}
	}
	if !ok {
		return parameter{}, false
	}
	t, ok := s.set.Tensor(hf)
	if !ok {
		return parameter{}, false
	}
	format, ok := t.Type()
	if !ok || len(t.Shape) < 1 || len(t.Shape) > 2 {
		return parameter{}, false
	}
	p := parameter{format: format, rows: 1, cols: t.Shape[len(t.Shape)-1], data: t.Data, mapped: true}
	if len(t.Shape) == 2 {
		p.rows = t.Shape[0]
	} else if s.gemma() {
		return addOne(p)
	}
	return p, true
}

func (s *folderSource) gemma() bool { return s.json.ModelType == "gemma3_text" }

// addOne: Gemma's files hold the weights of norms less one.
func addOne(p parameter) (parameter, bool) {
	values := make([]float32, p.cols)
	if err := quant.Dequantize(values, p.format, p.data); err != nil {
		return parameter{}, false
	}
	p.format, p.data, p.mapped = quant.F32, make([]byte, 4*len(values)), false
	for i, v := range values {
		binary.LittleEndian.PutUint32(p.data[4*i:], math.Float32bits(v+1))
	}
	return p, true
}

func (s *folderSource) config() (Config, error) {
	j := &s.json
	c := Config{
		Name: s.name, Architecture: j.ModelType,
		Layers: j.Layers, Width: j.Width, Heads: j.Heads, KVHeads: j.Heads,
		FFN: j.FFN, Vocab: j.Vocab, Context: j.Context,
		NormEps: j.NormEps, RopeTheta: j.RopeTheta, TieEmbeddings: j.TieEmbeddings,
	}
	switch j.ModelType {
	case "llama":
	case "qwen2":
		c.QKVBias = true
	case "qwen3":
		c.QKNorm = true
	case "gemma3_text":
		if err := s.gemma3(&c); err != nil {
			return Config{}, err
		}
	default:
		return Config{}, fmt.Errorf("config.json: model_type is %q, want llama, qwen2, qwen3 or gemma3_text", j.ModelType)
	}
	switch {
	case j.HiddenAct != "silu" && !c.GELU:
		return Config{}, fmt.Errorf("config.json: hidden_act is %q, want silu", j.HiddenAct)
	case j.AttentionBias && j.ModelType == "llama":
		return Config{}, fmt.Errorf("config.json: attention_bias is true, want false")
	case j.MLPBias:
		return Config{}, fmt.Errorf("config.json: mlp_bias is true, want false")
	case j.UseSlidingWindow:
		return Config{}, fmt.Errorf("config.json: use_sliding_window is true, want false")
	case j.PartialRotaryFactor != nil && *j.PartialRotaryFactor != 1:
		return Config{}, fmt.Errorf("config.json: partial_rotary_factor is %v, want 1", *j.PartialRotaryFactor)
	}
	if j.KVHeads != nil {
		c.KVHeads = *j.KVHeads
	}
	switch {
	case j.HeadDim != nil:
		c.HeadDim = *j.HeadDim
	case j.Heads > 0:
		c.HeadDim = j.Width / j.Heads
	}
	global := j.RopeParameters
	if global != nil && global.Full != nil {
		if global.Sliding != nil {
			c.LocalRopeTheta = global.Sliding.Theta
		}
		global = global.Full
	}
	for _, r := range []*hfRope{j.RopeScaling, global} {
		if r == nil {
			continue
		}
		if r.Theta != 0 {
			c.RopeTheta = r.Theta
		}
		kind := r.RopeType
		if kind == "" {
			kind = r.Type
		}
		if kind != "" && kind != "default" {
			c.RopeScaling = RopeScaling{Type: kind, Factor: r.Factor, LowFreqFactor: r.Low, HighFreqFactor: r.High, Original: r.Original}
		}
	}
	if c.RopeTheta == 0 {
		c.RopeTheta = 10000 // the default of the architecture
	}
	return c, nil
}

// gemma3 reads what only Gemma 3's config.json has.
func (s *folderSource) gemma3(c *Config) error {
	j := &s.json
	if j.HiddenActivation != "gelu_pytorch_tanh" {
		return fmt.Errorf("config.json: hidden_activation is %q, want gelu_pytorch_tanh", j.HiddenActivation)
	}
	c.setGemma3()
	c.Window, c.QueryScale, c.EmbedScale = j.SlidingWindow, j.QueryScale, embedScale(j.Width)
	c.LocalRopeTheta = gemma3LocalTheta
	if j.LocalRopeTheta != 0 {
		c.LocalRopeTheta = j.LocalRopeTheta
	}
	if j.SlidingPattern != 0 {
		c.WindowPattern = j.SlidingPattern
	}
	// The pattern of the layers may be given one by one.
	if first := slices.Index(j.LayerTypes, "full_attention"); first >= 0 {
		c.WindowPattern = first + 1
	}
	for i, kind := range j.LayerTypes {
		if local := c.LayerWindow(i) > 0; local != (kind == "sliding_attention") {
			return fmt.Errorf("config.json: layer_types[%d] is %q, want every %dth layer, and no other, to be full_attention", i, kind, c.WindowPattern)
		}
	}
	return nil
}
