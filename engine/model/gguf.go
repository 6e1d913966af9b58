package model

import (
	"errors"
	"fmt"

	"vitrine/engine/backend"
	"vitrine/engine/gguf"
)

// ggufSource reads a GGUF file. Its metadata keys are those of the
// specification, "llama.block_count" and so on.
type ggufSource struct{ file *gguf.File }

func openGGUF(path string) (source, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	return ggufSource{f}, nil
}

func (s ggufSource) close() error { return s.file.Close() }

func (s ggufSource) tensor(name string) (parameter, bool) {
	t, ok := s.file.Tensor(name)
	if !ok {
		return parameter{}, false
	}
	p := parameter{format: t.Type, rows: 1, cols: 1, data: t.Data, mapped: true}
	switch n := len(t.Shape); n {
	case 0:
	case 1:
		p.cols = t.Shape[0]
	default:
		p.cols = t.Shape[n-1]
		for _, d := range t.Shape[:n-1] {
			p.rows *= d
		}
	}
	return p, true
}

// ropeStyle: files of the Llama family have Q and K rows reordered so that
// pairs lie side by side; the others keep Hugging Face's order.
func (s ggufSource) ropeStyle(architecture string) backend.RoPEStyle {
	if architecture == "llama" {
		return backend.Interleaved
	}
	return backend.Halves
}

func (s ggufSource) config() (Config, error) {
	f := s.file
	arch, err := f.String("general.architecture")
	if err != nil {
		return Config{}, err
	}
	switch arch {
	case "llama", "qwen2", "qwen3", "gemma3":
	default:
		return Config{}, fmt.Errorf("general.architecture is %q, want llama, qwen2, qwen3 or gemma3", arch)
	}
	r := ggufReader{file: f, prefix: arch + "."}
	c := Config{
		Architecture: arch,
		Layers:       r.int("block_count"),
		Width:        r.int("embedding_length"),
		Heads:        r.int("attention.head_count"),
		FFN:          r.int("feed_forward_length"),
		Context:      r.int("context_length"),
		NormEps:      float32(r.float("attention.layer_norm_rms_epsilon", -1)),
		RopeTheta:    float32(r.float("rope.freq_base", 10000)),
		QKVBias:      arch == "qwen2",
		QKNorm:       arch == "qwen3" || arch == "gemma3",
	}
	if arch == "gemma3" {
		c.setGemma3()
		c.Window = r.int("attention.sliding_window")
		c.LocalRopeTheta = float32(r.float("rope.freq_base_swa", gemma3LocalTheta))
	}
	c.Name = r.stringOr("general.name", "")
	c.Licence = r.stringOr("general.license", "")
	c.KVHeads = r.intOr("attention.head_count_kv", c.Heads)
	if c.Heads > 0 {
		c.HeadDim = r.intOr("attention.key_length", c.Width/c.Heads)
	}
	if c.GELU && r.err == nil {
		c.EmbedScale = embedScale(c.Width)
	}
	if n := r.intOr("rope.dimension_count", c.HeadDim); n != c.HeadDim {
		r.fail("rope.dimension_count", fmt.Errorf("is %d, want the head's %d (partial rotation is not supported)", n, c.HeadDim))
	}
	if n := r.intOr("attention.value_length", c.HeadDim); n != c.HeadDim {
		r.fail("attention.value_length", fmt.Errorf("is %d, want the key's %d", n, c.HeadDim))
	}
	if n := r.intOr("expert_count", 0); n != 0 {
		r.fail("expert_count", fmt.Errorf("is %d, want 0 (mixtures of experts are not supported)", n))
	}
	switch scaling := r.stringOr(arch+".rope.scaling.type", "none"); scaling {
	case "none":
	case "linear":
		c.RopeScaling = RopeScaling{Type: scaling, Factor: r.float("rope.scaling.factor", 1)}
	default:
		r.fail("rope.scaling.type", fmt.Errorf("is %q, want none or linear", scaling))
	}
	if r.err != nil {
		return Config{}, r.err
	}
	embedding, ok := s.tensor("token_embd.weight")
	if !ok {
		return Config{}, errors.New("tensor token_embd.weight is missing")
	}
	c.Vocab = embedding.rows
	_, separate := s.tensor("output.weight")
	c.TieEmbeddings = !separate
	return c, nil
}

// ggufReader reads keys of one architecture and keeps the first error.
type ggufReader struct {
	file   *gguf.File
	prefix string
	err    error
}

func (r *ggufReader) fail(key string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s%s: %w", r.prefix, key, err)
	}
}

// stringOr reads a key, named whole, that may be missing.
func (r *ggufReader) stringOr(key, missing string) string {
	v, err := r.file.StringOr(key, missing)
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}

// int reads a key that must be there.
func (r *ggufReader) int(key string) int {
	v, err := r.file.Uint(r.prefix + key)
	if err != nil {
		r.fail(key, err)
	}
	return r.narrow(key, v)
}

// intOr reads a key that may be missing.
func (r *ggufReader) intOr(key string, missing int) int {
	v, err := r.file.Uint(r.prefix + key)
	if errors.Is(err, gguf.ErrMissing) {
		return missing
	}
	if err != nil {
		r.fail(key, err)
	}
	return r.narrow(key, v)
}

func (r *ggufReader) narrow(key string, v uint64) int {
	if v > maxContext {
		r.fail(key, fmt.Errorf("is %d, want at most %d", v, maxContext))
		return 0
	}
	return int(v)
}

// float reads a key that may be missing; a negative default makes it required.
func (r *ggufReader) float(key string, missing float64) float64 {
	v, err := r.file.Float(r.prefix + key)
	if errors.Is(err, gguf.ErrMissing) && missing >= 0 {
		return missing
	}
	if err != nil {
		r.fail(key, err)
	}
	return v
}
