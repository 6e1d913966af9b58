package engine

import (
	"fmt"

	"vitrine/engine/backend"
	"vitrine/engine/model"
	"vitrine/engine/safetensors"
)

// maxTraceBytes bounds the file that [WriteTrace] makes.
const maxTraceBytes = 4 << 30

// WriteTrace runs ids through the model in one batch and writes what it
// computed to a safetensors file, all float32:
//
//	logits       [T, vocab]     after every position
//	attention.I  [heads, T, T]  weights of layer I; 0 where the key lies behind the query
//	hidden.I     [T, width]     the residual stream after I layers, I = 0 … layers; the last after the final norm
//
// It uses a KV cache of its own, so the model must not be in an engine at the
// same time.
func WriteTrace(m *model.Model, ids []int32, path string) error {
	c := m.Config()
	n := len(ids)
	if n == 0 || n > c.Context {
		return &RequestError{"ids", fmt.Sprintf("are %d tokens, want 1 to %d", n, c.Context)}
	}
	if bytes := 4 * int64(n) * (int64(c.Vocab) + int64(c.Layers+1)*int64(c.Width) + 2*int64(c.Layers)*int64(c.Heads)*int64(n)); bytes > maxTraceBytes {
		return &RequestError{"ids", fmt.Sprintf("are %d tokens, whose trace has %d MiB; want at most %d MiB", n, bytes>>20, maxTraceBytes>>20)}
	}
	const blockSize = 16
	blocks := (n + blockSize - 1) / blockSize
	kv, err := m.NewKVCache(blocks, blockSize)
	if err != nil {
		return err
	}
	batch := model.Batch{Tokens: ids, Logits: make([]float32, n*c.Vocab)}
	table := make([]int32, blocks)
	for b := range table {
		table[b] = int32(b)
	}
	for i := range n {
		batch.Positions = append(batch.Positions, int32(i))
		batch.Slots = append(batch.Slots, int32(i))
		batch.LogitRows = append(batch.LogitRows, int32(i))
	}
	batch.Sequences = []backend.Sequence{{Count: n, Blocks: table}}

	hidden := make([][]float32, c.Layers+1)
	for i := range hidden {
		hidden[i] = make([]float32, n*c.Width)
		tap := model.Tap{Point: model.ResidOut, Layer: i - 1, Count: n, Dst: hidden[i]}
		switch i {
		case 0:
			tap.Point, tap.Layer = model.Embed, 0
		case c.Layers:
			tap.Point, tap.Layer = model.FinalNorm, 0
		}
		batch.Taps = append(batch.Taps, tap)
	}
	weights := make([][][]float32, c.Layers) // layer, row: heads × keys
	for l := range weights {
		weights[l] = make([][]float32, n)
		for r := range n {
			weights[l][r] = make([]float32, c.Heads*(r+1))
			batch.Taps = append(batch.Taps, model.Tap{Point: model.Probs, Layer: l, Row: r, Count: 1, Dst: weights[l][r]})
		}
	}
	if err := m.Forward(kv, &batch); err != nil {
		return err
	}
	var tensors []safetensors.Tensor
	add := func(name string, shape []int, values []float32) {
		var t safetensors.Tensor
		if err == nil {
			t, err = safetensors.NewFloat32(name, shape, values)
			tensors = append(tensors, t)
		}
	}
	add("logits", []int{n, c.Vocab}, batch.Logits)
	for l := range weights {
		square := make([]float32, c.Heads*n*n)
		for r, row := range weights[l] {
			for h := range c.Heads {
				copy(square[(h*n+r)*n:], row[h*(r+1):(h+1)*(r+1)])
			}
		}
		weights[l] = nil
		add(fmt.Sprintf("attention.%d", l), []int{c.Heads, n, n}, square)
	}
	for i := range hidden {
		add(fmt.Sprintf("hidden.%d", i), []int{n, c.Width}, hidden[i])
	}
	if err != nil {
		return err
	}
	return safetensors.WriteFile(path, tensors, map[string]string{"model": c.Name, "backend": m.Backend().Name()})
}
