// Package model holds the architectures, written once over the operations of
// package backend, and reads their weights from GGUF files and from folders in
// Hugging Face's layout (config.json and safetensors).
package model

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vitrine/engine/backend"
	"vitrine/engine/internal/mapfile"
	"vitrine/engine/quant"
)

// LoadOptions changes how a model is loaded.
type LoadOptions struct {
	// Progress is told how many of the file's bytes of weights are loaded; may be nil.
	Progress func(done, total int64)
}

// Load reads a model into the memory of b. The path is a .gguf file, or a
// folder with config.json and *.safetensors. The error names the field or the
// tensor that is missing or wrong.
func Load(path string, b backend.Backend, opts LoadOptions) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	var src source
	switch {
	case info.IsDir():
		src, err = openFolder(path)
	case strings.EqualFold(filepath.Ext(path), ".gguf"):
		src, err = openGGUF(path)
	default:
		return nil, fmt.Errorf("model: %s: want a .gguf file or a folder with config.json and *.safetensors", path)
	}
	if err != nil {
		return nil, fmt.Errorf("model: %s: %w", path, err)
	}
	m, err := load(src, b, opts)
	if err != nil {
		_ = src.close() // the first error says more
		return nil, fmt.Errorf("model: %s: %w", path, err)
	}
	m.closers = append(m.closers, src.close)
	return m, nil
}

// A source is an opened model file, whatever its format.
type source interface {
	config() (Config, error)
	ropeStyle(architecture string) backend.RoPEStyle
	// tensor finds a parameter by the GGUF name that package model uses.
	tensor(name string) (parameter, bool)
	close() error
}

// parameter is one tensor of the file.
type parameter struct {
	format     quant.Type
	rows, cols int // 1 row for a vector
	data       []byte
	mapped     bool // data is a part of a mapped file
}

// load takes every weight that the configuration calls for out of the source.
func load(src source, b backend.Backend, opts LoadOptions) (*Model, error) {
	c, err := src.config()
	if err != nil {
		return nil, err
	}
	c.setDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	l := loader{src: src, backend: b, progress: opts.Progress, formats: map[quant.Type]int64{}}
	l.plan(&c)
	m := &Model{backend: b, layers: make([]layer, c.Layers)}
	if p, ok := b.(backend.Parallel); ok {
		if m.division, err = divide(&c, l.borderUnits(&c), p.Ranks()); err != nil {
			return nil, err
		}
		m.parallel, l.parallel = p, p
	}
	d := &m.division

	m.embedding = l.outputs("token_embd.weight", c.Vocab, c.Width, d.vocab)
	embedding, embeddingRead := l.done, l.read
	heads, kvHeads := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	for i := range m.layers {
		name := func(part string) string { return fmt.Sprintf("blk.%d.%s", i, part) }
		m.layers[i] = layer{
			attnNorm: l.vector(name("attn_norm.weight"), c.Width),
			q:        l.outputs(name("attn_q.weight"), heads, c.Width, d.q),
			k:        l.outputs(name("attn_k.weight"), kvHeads, c.Width, d.kv),
			v:        l.outputs(name("attn_v.weight"), kvHeads, c.Width, d.kv),
			o:        l.inputs(name("attn_output.weight"), c.Width, heads, d.q),
			ffnNorm:  l.vector(name("ffn_norm.weight"), c.Width),
			gate:     l.outputs(name("ffn_gate.weight"), c.FFN, c.Width, d.ffn),
			up:       l.outputs(name("ffn_up.weight"), c.FFN, c.Width, d.ffn),
			down:     l.inputs(name("ffn_down.weight"), c.Width, c.FFN, d.ffn),
		}
		if c.QKVBias {
			m.layers[i].qBias = l.outputs(name("attn_q.bias"), 1, heads, d.q)
			m.layers[i].kBias = l.outputs(name("attn_k.bias"), 1, kvHeads, d.kv)
			m.layers[i].vBias = l.outputs(name("attn_v.bias"), 1, kvHeads, d.kv)
		}
		if c.QKNorm {
			m.layers[i].qNorm = l.vector(name("attn_q_norm.weight"), c.HeadDim)
			m.layers[i].kNorm = l.vector(name("attn_k_norm.weight"), c.HeadDim)
		}
		if c.PostNorms {
			m.layers[i].attnPostNorm = l.vector(name("post_attention_norm.weight"), c.Width)
			m.layers[i].ffnPostNorm = l.vector(name("post_ffw_norm.weight"), c.Width)
		}
		if l.err != nil {
			return nil, l.err
		}
	}
	m.norm = l.vector("output_norm.weight", c.Width)
	m.output = m.embedding
	if !c.TieEmbeddings {
		m.output = l.outputs("output.weight", c.Vocab, c.Width, d.vocab)
	}
	m.stepBytes, m.stepFileBytes = l.read, l.done
	if !c.TieEmbeddings {
		m.stepBytes, m.stepFileBytes = m.stepBytes-embeddingRead, m.stepFileBytes-embedding
	}
	factors := l.factors(c.HeadDim / 2)
	if l.err != nil {
		return nil, l.err
	}
	c.Parameters = l.count
	c.Quantization = l.commonest()
	m.config = c
	style := src.ropeStyle(c.Architecture)
	m.rope = backend.RoPE{Style: style, InvFreq: inverseFrequencies(&c, c.RopeTheta, factors), Scale: 1}
	if c.Window > 0 {
		local := c
		local.RopeScaling = RopeScaling{} // only the layers that see everything are stretched
		m.localRope = backend.RoPE{Style: style, InvFreq: inverseFrequencies(&local, c.LocalRopeTheta, nil), Scale: 1}
	}
	return m, nil
}

// loader takes weights out of a source and remembers the first error.
type loader struct {
	src         source
	backend     backend.Backend
	parallel    backend.Parallel // nil if the backend has no ranks
	progress    func(done, total int64)
	done, total int64
	read        int64                // bytes of what is loaded in the backend's memory
	count       int64                // weights loaded
	formats     map[quant.Type]int64 // weights a format
	err         error
}

// plan adds up the bytes that will be loaded, for the progress.
func (l *loader) plan(c *Config) {
	if l.progress == nil {
		return
	}
	add := func(name string) {
		if p, ok := l.src.tensor(name); ok {
			l.total += int64(len(p.data))
		}
	}
	for i := range c.Layers {
		for _, part := range []string{
			"attn_norm.weight", "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
			"ffn_norm.weight", "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight", "attn_q.bias", "attn_k.bias", "attn_v.bias",
			"attn_q_norm.weight", "attn_k_norm.weight", "post_attention_norm.weight", "post_ffw_norm.weight",
		} {
			add(fmt.Sprintf("blk.%d.%s", i, part))
		}
	}
	for _, name := range []string{"token_embd.weight", "output_norm.weight"} {
		add(name)
	}
	if !c.TieEmbeddings {
		add("output.weight")
	}
}

// vector loads a vector that every rank has.
func (l *loader) vector(name string, n int) backend.Weight {
	return l.weight(name, 1, n, l.backend.NewWeight)
}

// outputs loads a weight whose outputs are divided among the ranks, if there are any.
func (l *loader) outputs(name string, rows, cols int, at backend.Borders) backend.Weight {
	if l.parallel == nil {
		return l.weight(name, rows, cols, l.backend.NewWeight)
	}
	return l.weight(name, rows, cols, func(name string, t quant.Type, rows, cols int, data []byte) (backend.Weight, error) {
		return l.parallel.NewColumnParallel(name, t, rows, cols, data, at)
	})
}

// inputs loads a weight whose inputs are divided among the ranks, if there are any.
func (l *loader) inputs(name string, rows, cols int, at backend.Borders) backend.Weight {
	if l.parallel == nil {
		return l.weight(name, rows, cols, l.backend.NewWeight)
	}
	return l.weight(name, rows, cols, func(name string, t quant.Type, rows, cols int, data []byte) (backend.Weight, error) {
		return l.parallel.NewRowParallel(name, t, rows, cols, data, at)
	})
}

// weight loads a parameter into what take makes of it.
func (l *loader) weight(name string, rows, cols int, take func(string, quant.Type, int, int, []byte) (backend.Weight, error)) backend.Weight {
	if l.err != nil {
		return nil
	}
	p, ok := l.src.tensor(name)
	switch {
	case !ok:
		l.err = fmt.Errorf("tensor %s is missing", name)
		return nil
	case p.rows != rows || p.cols != cols:
		l.err = fmt.Errorf("tensor %s is %d × %d, want %d × %d", name, p.rows, p.cols, rows, cols)
		return nil
	}
	w, err := take(name, p.format, rows, cols, p.data)
	if err != nil {
		l.err = err
		return nil
	}
	if p.mapped {
		mapfile.Release(p.data) // the backends have what they need in layouts of their own
	}
	n := int64(rows) * int64(cols)
	l.count += n
	l.formats[p.format] += n
	l.done += int64(len(p.data))
	if w, ok := w.(backend.Sized); ok {
		l.read += int64(w.Bytes())
	} else {
		l.read += int64(len(p.data))
	}
	if l.progress != nil {
		l.progress(min(l.done, l.total), l.total)
	}
	return w
}

// factors reads the optional list that divides the rotary frequencies.
func (l *loader) factors(pairs int) []float32 {
	p, ok := l.src.tensor("rope_freqs.weight")
	if !ok || l.err != nil {
		return nil
	}
	if p.rows != 1 || p.cols != pairs {
		l.err = fmt.Errorf("tensor rope_freqs.weight is %d × %d, want 1 × %d", p.rows, p.cols, pairs)
		return nil
	}
	f := make([]float32, pairs)
	if err := quant.Dequantize(f, p.format, p.data); err != nil {
		l.err = fmt.Errorf("tensor rope_freqs.weight: %w", err)
		return nil
	}
	for i, v := range f {
		if !(v > 0) {
			l.err = fmt.Errorf("tensor rope_freqs.weight: element %d is %v, want a positive number", i, v)
			return nil
		}
	}
	return f
}

// commonest is the format that most weights are in.
func (l *loader) commonest() string {
	var best quant.Type
	for t, n := range l.formats {
		if n > l.formats[best] || n == l.formats[best] && t < best {
			best = t
		}
	}
	return best.String()
}
