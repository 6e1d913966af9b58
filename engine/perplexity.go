package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"

	"vitrine/engine/backend"
	"vitrine/engine/model"
)

// Perplexity says how well a model predicts a text: e to the mean negative
// log-likelihood of its tokens (Jelinek et al. 1977). Lower is better.
type Perplexity struct {
	Value   float64 `json:"perplexity"`
	Error   float64 `json:"error"`   // its standard error
	Scored  int     `json:"scored"`  // tokens whose likelihood counts
	Tokens  int     `json:"tokens"`  // of the text
	Chunks  int     `json:"chunks"`  // that the text was cut into, each computed on its own
	Context int     `json:"context"` // tokens a chunk
}

// PerplexityOptions say how a text is cut and told of.
type PerplexityOptions struct {
	// Context is the number of tokens a chunk; 0 means 512, or the model's
	// context where that is shorter.
	Context int
	// Chunks bounds the number of chunks; 0 means all.
	Chunks int
	// AddBOS puts BOS in the place of each chunk's first token.
	AddBOS bool
	BOS    int32
	// Progress is told the result so far and the number of chunks in all
	// after each of them; may be nil.
	Progress func(soFar Perplexity, chunks int)
}

// minPerplexityContext leaves a few tokens to score in each chunk.
const minPerplexityContext = 8

// ComputePerplexity computes a model's perplexity on a text as llama.cpp's
// llama-perplexity does, so that the figures can be compared: the tokens are
// cut into chunks of o.Context, what is left at the end is not counted, each
// chunk is computed on its own, and of each the tokens behind the first half
// are scored, so that a token is predicted from at least Context/2 others.
//
// Memory is bounded whatever the vocabulary: a chunk's vectors are kept, its
// logits are made and scored a few rows at a time. It uses a KV cache of its
// own, so the model must not be in an engine at the same time. A
// *[RequestError] says which argument is wrong.
func ComputePerplexity(ctx context.Context, m *model.Model, ids []int32, o PerplexityOptions) (Perplexity, error) {
	c := m.Config()
	if o.Context == 0 {
		o.Context = min(512, c.Context)
	}
	switch {
	case o.Context < minPerplexityContext || o.Context > c.Context:
		return Perplexity{}, &RequestError{"context", fmt.Sprintf("is %d, want %d to the model's context of %d", o.Context, minPerplexityContext, c.Context)}
	case o.Chunks < 0:
		return Perplexity{}, &RequestError{"chunks", fmt.Sprintf("are %d, want 0 (all) or more", o.Chunks)}
	case len(ids) < 2*o.Context:
		return Perplexity{}, &RequestError{"text", fmt.Sprintf("has %d tokens, want at least two chunks of %d", len(ids), o.Context)}
	}
	chunks := len(ids) / o.Context
	if o.Chunks > 0 {
		chunks = min(chunks, o.Chunks)
	}
	s, err := newScorer(m, o.Context, scorerRows, scorerLogits)
	if err != nil {
		return Perplexity{}, err
	}
	chunk := make([]int32, o.Context)
	var sum likelihoods
	for i := range chunks {
		copy(chunk, ids[i*o.Context:])
		if o.AddBOS {
			chunk[0] = o.BOS
		}
		if err := s.score(ctx, chunk, &sum); err != nil {
			return Perplexity{}, fmt.Errorf("chunk %d of %d: %w", i+1, chunks, err)
		}
		if o.Progress != nil {
			o.Progress(sum.perplexity(i+1, o.Context, len(ids)), chunks)
		}
	}
	return sum.perplexity(chunks, o.Context, len(ids)), nil
}

// likelihoods adds up negative log-likelihoods.
type likelihoods struct {
	n            int
	sum, squares float64
}

func (l *likelihoods) perplexity(chunks, context, tokens int) Perplexity {
	n := float64(l.n)
	mean := l.sum / n
	p := Perplexity{Value: math.Exp(mean), Scored: l.n, Tokens: tokens, Chunks: chunks, Context: context}
	// The error of the mean, carried through the exponential to first order.
	if variance := l.squares/n - mean*mean; variance > 0 {
		p.Error = p.Value * math.Sqrt(variance/(n-1))
	}
	return p
}

const (
	// scorerRows bounds the tokens of one pass through the model.
	scorerRows = 512
	// scorerLogits bounds the logits that are there at a time, in numbers.
	scorerLogits = 4 << 20
)

// scorer computes the likelihoods of chunks.
type scorer struct {
	model  *model.Model
	rows   int // tokens of one pass
	kv     backend.KVCache
	table  []int32
	hidden []float32 // of the scored rows: the residual stream after the last layer
	logits []float32 // of a piece of them
	nll    []float64 // of that piece
}

// newScorer makes a scorer of chunks of context tokens, with at most rows
// tokens in a pass and about so many logits at a time.
func newScorer(m *model.Model, context, rows, logits int) (*scorer, error) {
	const blockSize = 16
	blocks := (context + blockSize - 1) / blockSize
	kv, err := m.NewKVCache(blocks, blockSize)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	c := m.Config()
	scored := context - 1 - context/2
	piece := min(scored, max(1, logits/c.Vocab))
	s := &scorer{
		model: m, rows: rows, kv: kv, table: make([]int32, blocks), hidden: make([]float32, scored*c.Width),
		logits: make([]float32, piece*c.Vocab), nll: make([]float64, piece),
	}
	for i := range s.table {
		s.table[i] = int32(i)
	}
	return s, nil
}

// score runs a chunk through the model and adds the likelihoods of its tokens
// behind the first half.
func (s *scorer) score(ctx context.Context, chunk []int32, sum *likelihoods) error {
	c := s.model.Config()
	// The row before a token predicts it, so the last row predicts nothing.
	from, to := len(chunk)/2, len(chunk)-1
	for first := 0; first < to; first += s.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(s.rows, to-first)
		batch := model.Batch{Tokens: chunk[first : first+n], Sequences: []backend.Sequence{{Count: n, First: first, Blocks: s.table}}}
		for p := first; p < first+n; p++ {
			batch.Positions = append(batch.Positions, int32(p))
			batch.Slots = append(batch.Slots, int32(p)) // the blocks lie in order
		}
		if start := max(from, first); start < first+n {
			batch.Taps = []model.Tap{{
				Point: model.ResidOut, Layer: c.Layers - 1, Row: start - first, Count: first + n - start,
				Dst: s.hidden[(start-from)*c.Width : (first+n-from)*c.Width],
			}}
		}
		if err := s.model.Forward(s.kv, &batch); err != nil {
			return err
		}
	}
	for first := from; first < to; first += len(s.nll) {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(s.nll), to-first)
		logits := s.logits[:n*c.Vocab]
		if err := s.model.Unembed(logits, s.hidden[(first-from)*c.Width:(first-from+n)*c.Width]); err != nil {
			return err
		}
		if err := s.add(logits, chunk[first+1:first+1+n], sum); err != nil {
			return err
		}
	}
	return nil
}

// add scores tokens by the rows of logits that predict them. The sums are made
// in the order of the tokens, so that they do not depend on the processors.
func (s *scorer) add(logits []float32, tokens []int32, sum *likelihoods) error {
	vocab := s.model.Config().Vocab
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, id := range tokens {
		g.Go(func() error {
			s.nll[i] = negativeLogLikelihood(logits[i*vocab:(i+1)*vocab], id)
			if x := s.nll[i]; math.IsNaN(x) || math.IsInf(x, 0) {
				return errors.New("engine: a token's log-likelihood is no finite number: the model's logits are broken")
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i := range tokens {
		x := s.nll[i]
		sum.n++
		sum.sum += x
		sum.squares += x * x
	}
	return nil
}

// negativeLogLikelihood is −log softmax(logits)[id], in natural units.
func negativeLogLikelihood(logits []float32, id int32) float64 {
	most := logits[0]
	for _, x := range logits {
		most = max(most, x)
	}
	var sum float64
	for _, x := range logits {
		sum += math.Exp(float64(x - most))
	}
	return math.Log(sum) - float64(logits[id]-most)
}
