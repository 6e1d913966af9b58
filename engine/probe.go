package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"vitrine/engine/model"
)

// At names a point of the model, in a layer where there is one.
type At struct {
	Point model.Point
	Layer int
}

// Probe asks what the model computes at some points for the positions
// From … From+Count-1 of a request.
type Probe struct {
	From, Count int
	Points      []At
	Logits      bool // also the logits of each position
}

// maxProbeBytes bounds the answer of one probe.
const maxProbeBytes = 512 << 20

// Probed is the answer to a [Probe].
type Probed struct {
	From, Count int
	heads       int
	vocab       int
	values      map[At][]float32
	cols        map[At]int
	logits      []float32
}

// Row is the values at one point for position From+r: width, heads × head
// dim, …, whatever [model.Config.Cols] says. It is nil for what was not asked.
func (p *Probed) Row(at At, r int) []float32 {
	v, ok := p.values[at]
	if !ok || r < 0 || r >= p.Count || at.Point == model.Probs {
		return nil
	}
	n := p.cols[at]
	return v[r*n : (r+1)*n]
}

// Probs is the attention weights of one head for position From+r: From+r+1
// numbers that add up to 1.
func (p *Probed) Probs(layer, r, head int) []float32 {
	v, ok := p.values[At{model.Probs, layer}]
	if !ok || r < 0 || r >= p.Count || head < 0 || head >= p.heads {
		return nil
	}
	return v[p.probsAt(r)+head*(p.From+r+1):][:p.From+r+1]
}

// probsAt is where row r's weights begin: behind heads × Σ keys of the rows before.
func (p *Probed) probsAt(r int) int { return p.heads * (r*(p.From+1) + r*(r-1)/2) }

// Logits is the logits after position From+r: what the token at From+r+1 is
// drawn from.
func (p *Probed) Logits(r int) []float32 {
	if p.logits == nil || r < 0 || r >= p.Count {
		return nil
	}
	return p.logits[r*p.vocab : (r+1)*p.vocab]
}

// Probe runs positions of the request through the model again, between two
// steps, against the keys and values in the cache, and returns what was
// asked. The results are those of the first time to the bit, and nothing of
// the request changes; if its blocks were evicted they are computed anew.
func (h *Handle) Probe(ctx context.Context, p Probe) (*Probed, error) {
	var out *Probed
	err := h.within(ctx, func(e *Engine, s *sequence) error {
		err := s.alone("Probe")
		if err != nil {
			return err
		}
		out, err = e.probe(s, p)
		return err
	})
	return out, err
}

func (e *Engine) probe(s *sequence, p Probe) (*Probed, error) {
	if p.From < 0 || p.Count < 1 || p.From+p.Count > len(s.tokens) {
		return nil, &RequestError{"position", fmt.Sprintf("positions %d to %d, want 0 to %d", p.From, p.From+p.Count-1, len(s.tokens)-1)}
	}
	c := e.model.Config()
	out := &Probed{From: p.From, Count: p.Count, heads: c.Heads, vocab: c.Vocab, values: map[At][]float32{}, cols: map[At]int{}}
	sizes := make(map[At]int, len(p.Points))
	total := 0
	for _, at := range p.Points {
		if at.Layer < 0 || at.Layer >= c.Layers || !at.Point.InLayer() && at.Layer != 0 {
			return nil, &RequestError{"layer", fmt.Sprintf("is %d for %v, want 0 to %d", at.Layer, at.Point, c.Layers-1)}
		}
		if at.Point >= model.Logits {
			return nil, &RequestError{"point", "is not a point inside the model; ask for Logits instead"}
		}
		out.cols[at] = c.Cols(at.Point)
		sizes[at] = p.Count * out.cols[at]
		if at.Point == model.Probs {
			sizes[at] = out.probsAt(p.Count)
		}
		total += sizes[at]
	}
	if p.Logits {
		total += p.Count * c.Vocab
	}
	if total > maxProbeBytes/4 {
		return nil, &RequestError{"count", fmt.Sprintf("asks for %d MiB at once, want at most %d", total>>18, maxProbeBytes>>20)}
	}
	for at, n := range sizes {
		out.values[at] = make([]float32, n)
	}
	if p.Logits {
		out.logits = make([]float32, p.Count*c.Vocab)
	}
	if err := e.catchUp(s, p.From); err != nil {
		return nil, err
	}
	for done := 0; done < p.Count; {
		n := min(p.Count-done, e.options.MaxBatchTokens)
		if err := e.probeChunk(s, p, out, done, n); err != nil {
			return nil, err
		}
		done += n
	}
	e.pool.Truncate(&s.table, max(s.computed, p.From+p.Count)) // keeps what the probe needed
	return out, nil
}

// catchUp computes the sequence's keys and values up to position n, where they
// are missing.
func (e *Engine) catchUp(s *sequence, n int) error {
	for s.computed < n {
		count := min(n-s.computed, e.options.MaxBatchTokens)
		var b model.Batch
		if err := e.place(&b, s, s.computed, count); err != nil {
			return err
		}
		sc, scores := e.tapScores(&b, s, 0, count)
		if err := e.model.Forward(e.kv, &b); err != nil {
			return err
		}
		if scores {
			if err := e.score(&sc); err != nil {
				return err
			}
		}
		e.advance(s, s.computed+count)
	}
	return nil
}

// probeChunk computes rows done … done+n-1 of the probe.
func (e *Engine) probeChunk(s *sequence, p Probe, out *Probed, done, n int) error {
	var b model.Batch
	if err := e.place(&b, s, p.From+done, n); err != nil {
		return err
	}
	for at, values := range out.values {
		if at.Point != model.Probs {
			cols := out.cols[at]
			b.Taps = append(b.Taps, model.Tap{Point: at.Point, Layer: at.Layer, Count: n, Dst: values[done*cols : (done+n)*cols]})
			continue
		}
		for r := done; r < done+n; r++ {
			b.Taps = append(b.Taps, model.Tap{Point: at.Point, Layer: at.Layer, Row: r - done, Count: 1, Dst: values[out.probsAt(r):out.probsAt(r+1)]})
		}
	}
	if p.Logits {
		for r := range n {
			b.LogitRows = append(b.LogitRows, int32(r))
		}
		b.Logits = out.logits[done*out.vocab : (done+n)*out.vocab]
	}
	return e.model.Forward(e.kv, &b)
}

// Candidate is a token with its logit and its probability.
type Candidate struct {
	ID    int32
	Logit float32
	Prob  float32
}

// Lens applies the final norm and the vocabulary projection to the residual
// stream of position pos after the embedding and after every layer (the logit
// lens, nostalgebraist 2020), and returns the top candidates of each, the
// likeliest first. The last entry is the model's own prediction.
func (h *Handle) Lens(ctx context.Context, pos, top int) ([][]Candidate, error) {
	var out [][]Candidate
	err := h.within(ctx, func(e *Engine, s *sequence) error {
		if err := s.alone("Lens"); err != nil {
			return err
		}
		c := e.model.Config()
		if top < 1 || top > c.Vocab {
			return &RequestError{"top", fmt.Sprintf("is %d, want 1 to %d", top, c.Vocab)}
		}
		points := []At{{model.Embed, 0}}
		for l := range c.Layers {
			points = append(points, At{model.ResidOut, l})
		}
		p, err := e.probe(s, Probe{From: pos, Count: 1, Points: points})
		if err != nil {
			return err
		}
		var hidden []float32
		for _, at := range points {
			hidden = append(hidden, p.Row(at, 0)...)
		}
		logits := make([]float32, len(points)*c.Vocab)
		if err := e.model.Unembed(logits, hidden); err != nil {
			return err
		}
		for i := range points {
			out = append(out, best(logits[i*c.Vocab:(i+1)*c.Vocab], top))
		}
		return nil
	})
	return out, err
}

// best returns the n largest logits with their softmax probabilities, ties by id.
func best(logits []float32, n int) []Candidate {
	order := func(a, b Candidate) int {
		switch {
		case a.Logit > b.Logit:
			return -1
		case a.Logit < b.Logit:
			return 1
		}
		return int(a.ID - b.ID)
	}
	top := make([]Candidate, 0, n+1)
	for id, z := range logits {
		if len(top) == n && z <= top[n-1].Logit {
			continue
		}
		c := Candidate{ID: int32(id), Logit: z}
		i, _ := slices.BinarySearchFunc(top, c, order)
		top = slices.Insert(top, i, c)
		top = top[:min(len(top), n)]
	}
	if len(top) == 0 {
		return top
	}
	var sum float64
	for _, z := range logits {
		sum += math.Exp(float64(z - top[0].Logit))
	}
	for i := range top {
		top[i].Prob = float32(math.Exp(float64(top[i].Logit-top[0].Logit)) / sum)
	}
	return top
}

// KV copies keys (after RoPE) and values of one layer and head for n positions
// from pos on: n × HeadDim numbers each.
func (h *Handle) KV(ctx context.Context, layer, kvHead, pos, n int) (k, v []float32, err error) {
	err = h.within(ctx, func(e *Engine, s *sequence) error {
		if err := s.alone("KV"); err != nil {
			return err
		}
		c := e.model.Config()
		switch {
		case layer < 0 || layer >= c.Layers:
			return &RequestError{"layer", fmt.Sprintf("is %d, want 0 to %d", layer, c.Layers-1)}
		case kvHead < 0 || kvHead >= c.KVHeads:
			return &RequestError{"head", fmt.Sprintf("is %d, want 0 to %d", kvHead, c.KVHeads-1)}
		case pos < 0 || n < 1 || pos+n > len(s.tokens):
			return &RequestError{"position", fmt.Sprintf("positions %d to %d, want 0 to %d", pos, pos+n-1, len(s.tokens)-1)}
		}
		if err := e.catchUp(s, min(pos+n, len(s.tokens)-1)); err != nil {
			return err
		}
		if pos+n == len(s.tokens) { // the last token is not computed yet: look ahead
			if _, err := e.probe(s, Probe{From: len(s.tokens) - 1, Count: 1}); err != nil {
				return err
			}
		}
		k, v = make([]float32, n*c.HeadDim), make([]float32, n*c.HeadDim)
		for i := range n {
			slot := s.table.Slot(pos+i, e.options.BlockSize)
			e.model.Backend().ReadKV(k[i*c.HeadDim:(i+1)*c.HeadDim], v[i*c.HeadDim:(i+1)*c.HeadDim], e.kv, layer, kvHead, int(slot))
		}
		return nil
	})
	return k, v, err
}

// BlockKV copies the keys and values of a physical block, one layer and head:
// filled × HeadDim numbers each.
func (e *Engine) BlockKV(ctx context.Context, block, layer, kvHead int) (k, v []float32, filled int, err error) {
	err = e.do(ctx, func() error {
		c := e.model.Config()
		info, ok := e.pool.Info(int32(block))
		switch {
		case !ok:
			return &RequestError{"block", fmt.Sprintf("is %d, want 0 to %d", block, e.pool.Blocks()-1)}
		case layer < 0 || layer >= c.Layers:
			return &RequestError{"layer", fmt.Sprintf("is %d, want 0 to %d", layer, c.Layers-1)}
		case kvHead < 0 || kvHead >= c.KVHeads:
			return &RequestError{"head", fmt.Sprintf("is %d, want 0 to %d", kvHead, c.KVHeads-1)}
		}
		filled = info.Filled
		k, v = make([]float32, filled*c.HeadDim), make([]float32, filled*c.HeadDim)
		if filled > 0 {
			e.model.Backend().ReadKV(k, v, e.kv, layer, kvHead, block*e.options.BlockSize)
		}
		return nil
	})
	return k, v, filled, err
}
