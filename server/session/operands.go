package session

import (
	"context"
	"fmt"
	"math"

	"vitrine/engine"
	"vitrine/engine/model"
	"vitrine/visualizer/wire"
)

// weightTolerance is how far a recomputed attention weight may lie from the
// one that the backend computed before the answer is refused as wrong.
const weightTolerance = 1e-4

// dotProduct is q·k, added up in float64 and rounded once. A backend adds in float32 and
// in an order of its own, which changes the last bits of a score; what comes of it is held
// against the model's own weight.
func dotProduct(q, k []float32) float32 {
	var sum float64
	for i, x := range q {
		sum += float64(x) * float64(k[i])
	}
	return float32(sum)
}

// row is one query's scores with the keys up to its own position.
type row struct {
	dots, scores []float32 // of keys that the layer's window hides the score is −Inf
	top          float32   // the largest score
	sum          float32   // Σ exp(score−top): with it, a score becomes a weight (Vaswani et al. 2017, equation 1)
}

// funcAttend is attend's name as the page shows it: no backend keeps its scores.
const funcAttend = "server/session.attend"

// attend computes a query's scores with keys, which follow one another.
func attend(c *model.Config, layer int, q, keys []float32) row {
	scale, window, n := attentionScale(c), c.LayerWindow(layer), len(keys)/len(q)
	r := row{top: float32(math.Inf(-1))}
	for key := range n {
		dot := dotProduct(q, keys[key*len(q):][:len(q)])
		score := float32(dot * scale)
		if window > 0 && n-1-key >= window {
			score = float32(math.Inf(-1))
		}
		r.dots, r.scores = append(r.dots, dot), append(r.scores, score)
		r.top = max(r.top, score)
	}
	var sum float64
	for _, s := range r.scores {
		sum += math.Exp(float64(s - r.top))
	}
	r.sum = float32(sum)
	return r
}

// weight is the attention weight of a key.
func (r *row) weight(key int) float32 {
	return float32(math.Exp(float64(r.scores[key]-r.top)) / float64(r.sum))
}

// attentionScale is 1/√d, d being the numbers in a head unless the model says
// otherwise.
func attentionScale(c *model.Config) float32 { return float32(1 / math.Sqrt(float64(c.QueryScale))) }

// cell computes one attention weight again from the query and the keys, and
// holds it against the model's own.
func (v *view) cell(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	c := v.inf.engine.Model().Config()
	layer, head, pos := int(q.Layer), int(q.Head), int(q.Position)
	kvHead := head / (c.Heads / c.KVHeads)
	query := engine.At{Point: model.QRope, Layer: layer}
	p, err := v.handle.Probe(ctx, engine.Probe{
		From: pos, Count: 1, Points: []engine.At{query, {Point: model.Probs, Layer: layer}},
	})
	if err != nil {
		return nil, err
	}
	keys, _, err := v.handle.KV(ctx, layer, kvHead, 0, pos+1)
	if err != nil {
		return nil, err
	}
	f := &wire.Cell{
		Query: q.ID, Branch: v.branch, Layer: q.Layer, Head: q.Head, KVHead: uint16(kvHead), Position: q.Position, Key: q.Key,
		Q: p.Row(query, 0)[head*c.HeadDim:][:c.HeadDim], K: keys[int(q.Key)*c.HeadDim:][:c.HeadDim],
		Scale: attentionScale(&c),
	}
	r := attend(&c, layer, f.Q, keys)
	f.Dot, f.Score, f.Max, f.Sum, f.Weight = r.dots[q.Key], r.scores[q.Key], r.top, r.sum, r.weight(int(q.Key))
	if actual := p.Probs(layer, 0, head)[q.Key]; !(math.Abs(float64(f.Weight-actual)) <= weightTolerance) {
		return nil, fmt.Errorf("the weight of layer %d, head %d, query %d, key %d is %v in the model and %v from its operands", layer, head, pos, q.Key, actual, f.Weight)
	}
	return f, nil
}

// flowPoints are the operations of a layer in their order. The scores, which
// no backend keeps, are computed between the keys and the weights.
func flowPoints(c *model.Config) []model.Point {
	var points []model.Point
	for p := model.AttnNorm; p <= model.ResidOut; p++ {
		if c.Has(p) {
			points = append(points, p)
		}
	}
	return points
}

// flow tells what happened to one position in one layer.
func (v *view) flow(ctx context.Context, q *wire.Query) (wire.Frame, error) {
	c := v.inf.engine.Model().Config()
	backend := v.inf.engine.Model().Backend().Name()
	layer, pos := int(q.Layer), int(q.Position)
	input := engine.At{Point: model.Embed}
	if layer > 0 {
		input = engine.At{Point: model.ResidOut, Layer: layer - 1}
	}
	points := []engine.At{input}
	for _, point := range flowPoints(&c) {
		points = append(points, engine.At{Point: point, Layer: layer})
	}
	p, err := v.handle.Probe(ctx, engine.Probe{From: pos, Count: 1, Points: points})
	if err != nil {
		return nil, err
	}
	f := &wire.Flow{Query: q.ID, Branch: v.branch, Position: q.Position, Layer: q.Layer, Input: p.Row(input, 0)}
	for _, point := range flowPoints(&c) {
		at := engine.At{Point: point, Layer: layer}
		name := engine.FuncName(point, backend)
		if point != model.Probs {
			f.Stages = append(f.Stages, stage(point.String(), name, stageShape(c, point), p.Row(at, 0)))
			continue
		}
		keys := uint32(pos + 1)
		var all, weights []float32
		for head := range c.Heads {
			if head%(c.Heads/c.KVHeads) == 0 {
				all, err = v.headScores(ctx, all, p.Row(engine.At{Point: model.QRope, Layer: layer}, 0), layer, head/(c.Heads/c.KVHeads), pos)
				if err != nil {
					return nil, err
				}
			}
			weights = append(weights, p.Probs(layer, 0, head)...)
		}
		shape := []uint32{uint32(c.Heads), keys}
		f.Stages = append(f.Stages, stage("scores", funcAttend, shape, all), stage(point.String(), name, shape, weights))
	}
	return f, nil
}

// headScores adds the scores of the query heads that share a KV head.
func (v *view) headScores(ctx context.Context, to, queries []float32, layer, kvHead, pos int) ([]float32, error) {
	c := v.inf.engine.Model().Config()
	keys, _, err := v.handle.KV(ctx, layer, kvHead, 0, pos+1)
	if err != nil {
		return nil, err
	}
	group := c.Heads / c.KVHeads
	for head := kvHead * group; head < (kvHead+1)*group; head++ {
		r := attend(&c, layer, queries[head*c.HeadDim:][:c.HeadDim], keys)
		to = append(to, r.scores...)
	}
	return to, nil
}

// stageShape is the shape of one position's values at a point.
func stageShape(c model.Config, p model.Point) []uint32 {
	switch p {
	case model.Q, model.QRope, model.AttnOut:
		return []uint32{uint32(c.Heads), uint32(c.HeadDim)}
	case model.K, model.V, model.KRope:
		return []uint32{uint32(c.KVHeads), uint32(c.HeadDim)}
	}
	return []uint32{uint32(c.Cols(p))}
}

func stage(name, function string, shape []uint32, values []float32) wire.Stage {
	return wire.Stage{Name: name, Func: function, Shape: shape, Norm: euclid(values), Values: values}
}

// euclid is the Euclidean norm √Σx², added up in float64; infinities, the
// scores of hidden keys, are left out.
func euclid(values []float32) float32 {
	var sum float64
	for _, x := range values {
		if !math.IsInf(float64(x), 0) {
			sum += float64(x) * float64(x)
		}
	}
	return float32(math.Sqrt(sum))
}
