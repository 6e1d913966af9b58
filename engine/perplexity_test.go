package engine_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"vitrine/engine"
	"vitrine/engine/backend/ref"
	"vitrine/engine/model"
)

func tinyModel(t *testing.T) *model.Model {
	t.Helper()
	b := ref.New()
	m, err := model.Load("model/testdata/llama", b, model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// The perplexity is that of the definition, computed the long way: each
// prediction from a prefix of its own, in a cache of its own.
func TestPerplexityIsTheDefinition(t *testing.T) {
	m := tinyModel(t)
	const bos = 1
	ids := prompt(rand.New(rand.NewPCG(1, 2)), 47)
	for _, c := range []struct {
		context, chunks int
		addBOS          bool
		of              int // chunks that are computed
	}{{10, 0, false, 4}, {10, 0, true, 4}, {9, 3, false, 3}, {23, 0, true, 2}} {
		var nll, squares []float64
		for i := range c.of {
			chunk := append([]int32(nil), ids[i*c.context:(i+1)*c.context]...)
			if c.addBOS {
				chunk[0] = bos
			}
			for p := c.context/2 + 1; p < c.context; p++ {
				logits := lastLogits(t, m, chunk[:p], 1)
				var sum float64
				for _, x := range logits {
					sum += math.Exp(float64(x))
				}
				x := -math.Log(math.Exp(float64(logits[chunk[p]])) / sum)
				nll, squares = append(nll, x), append(squares, x*x)
			}
		}
		n := float64(len(nll))
		mean := total(nll) / n
		want := math.Exp(mean)
		wantError := want * math.Sqrt((total(squares)/n-mean*mean)/(n-1))

		var told []int
		got, err := engine.ComputePerplexity(t.Context(), m, ids, engine.PerplexityOptions{
			Context: c.context, Chunks: c.chunks, AddBOS: c.addBOS, BOS: bos,
			Progress: func(p engine.Perplexity, chunks int) {
				if chunks != c.of {
					t.Errorf("%+v: told of %d chunks, want %d", c, chunks, c.of)
				}
				told = append(told, p.Chunks)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Scored != len(nll) || got.Chunks != c.of || got.Context != c.context || got.Tokens != len(ids) {
			t.Errorf("%+v: %+v, want %d tokens scored in %d chunks", c, got, len(nll), c.of)
		}
		if !(math.Abs(got.Value/want-1) < 1e-6 && math.Abs(got.Error/wantError-1) < 1e-5) {
			t.Errorf("%+v: %g ± %g, want %g ± %g", c, got.Value, got.Error, want, wantError)
		}
		if len(told) != c.of || told[len(told)-1] != c.of {
			t.Errorf("%+v: told after chunks %v", c, told)
		}
	}
}

func total(values []float64) float64 {
	var sum float64
	for _, x := range values {
		sum += x
	}
	return sum
}

func TestPerplexityRefuses(t *testing.T) {
	m := tinyModel(t)
	ids := prompt(rand.New(rand.NewPCG(5, 6)), 40)
	for _, c := range []struct {
		o    engine.PerplexityOptions
		want string
	}{
		{engine.PerplexityOptions{Context: 21}, "text: has 40 tokens, want at least two chunks of 21"},
		{engine.PerplexityOptions{}, "text: has 40 tokens, want at least two chunks of 256"},
		{engine.PerplexityOptions{Context: 7}, "context: is 7, want 8"},
		{engine.PerplexityOptions{Context: 257}, "context of 256"},
		{engine.PerplexityOptions{Context: 10, Chunks: -1}, "chunks: are -1"},
	} {
		_, err := engine.ComputePerplexity(t.Context(), m, ids, c.o)
		var refused *engine.RequestError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine.ComputePerplexity(ctx, m, ids, engine.PerplexityOptions{Context: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ids[30] = 320
	if _, err := engine.ComputePerplexity(t.Context(), m, ids, engine.PerplexityOptions{Context: 10}); err == nil || !strings.Contains(err.Error(), "chunk 4 of 4") {
		t.Errorf("a token beyond the vocabulary: %v", err)
	}
}
