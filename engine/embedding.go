package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Neighbour is a token whose embedding points in a similar direction.
type Neighbour struct {
	ID     int32
	Cosine float32
}

// Embedding is the embedding vector of a token, Width numbers.
func (e *Engine) Embedding(ctx context.Context, id int32) ([]float32, error) {
	out := make([]float32, e.model.Config().Width)
	err := e.do(ctx, func() error { return e.embed(out, []int32{id}) })
	return out, err
}

func (e *Engine) embed(dst []float32, ids []int32) error {
	vocab := e.model.Config().Vocab
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return &RequestError{"token", fmt.Sprintf("is %d, want 0 to %d", id, vocab-1)}
		}
	}
	return e.model.Embedding(dst, ids)
}

// neighbourChunk is how many embeddings are compared between two steps of the
// engine: a fraction of a millisecond's work, so that nobody waits.
const neighbourChunk = 512

// Neighbours returns the n tokens whose embeddings have the largest cosine
// x·y/(|x||y|) with that of id, itself left out, the nearest first.
func (e *Engine) Neighbours(ctx context.Context, id int32, n int) ([]Neighbour, error) {
	c := e.model.Config()
	if n < 1 || n >= c.Vocab {
		return nil, &RequestError{"n", fmt.Sprintf("is %d, want 1 to %d", n, c.Vocab-1)}
	}
	x, err := e.Embedding(ctx, id)
	if err != nil {
		return nil, err
	}
	length := math.Sqrt(dot(x, x))
	top := make([]Neighbour, 0, n+1)
	ids, rows := make([]int32, 0, neighbourChunk), make([]float32, neighbourChunk*c.Width)
	for first := 0; first < c.Vocab; first += neighbourChunk {
		ids = ids[:0]
		for t := first; t < min(first+neighbourChunk, c.Vocab); t++ {
			ids = append(ids, int32(t))
		}
		if err := e.do(ctx, func() error { return e.embed(rows[:len(ids)*c.Width], ids) }); err != nil {
			return nil, err
		}
		for i, t := range ids {
			y := rows[i*c.Width : (i+1)*c.Width]
			cosine := float32(dot(x, y) / (length * math.Sqrt(dot(y, y))))
			if t == id || math.IsNaN(float64(cosine)) || len(top) == n && cosine <= top[n-1].Cosine {
				continue
			}
			i, _ := slices.BinarySearchFunc(top, cosine, func(a Neighbour, c float32) int {
				if a.Cosine > c || a.Cosine == c {
					return -1
				}
				return 1
			})
			top = slices.Insert(top, i, Neighbour{t, cosine})
			top = top[:min(len(top), n)]
		}
	}
	return top, nil
}

func dot(x, y []float32) float64 {
	var sum float64
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}
