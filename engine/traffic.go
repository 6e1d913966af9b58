package engine

import "vitrine/engine/model"

// windowed is a number of layers whose attention looks back equally far.
type windowed struct {
	window int // keys, 0 for all
	layers int
}

// windows counts the layers of a model by how far they look back.
func windows(c *model.Config) []windowed {
	var out []windowed
next:
	for layer := range c.Layers {
		w := c.LayerWindow(layer)
		for i := range out {
			if out[i].window == w {
				out[i].layers++
				continue next
			}
		}
		out = append(out, windowed{w, 1})
	}
	return out
}

// keyLayers is the number of keys that the attention of a sequence's count rows from
// position first on reads, added up over the layers. Each key comes with a value, and
// is read for all rows, and for all heads that share it, at once.
func keyLayers(windows []windowed, first, count int) int {
	n := 0
	for _, w := range windows {
		keys := first + count
		if w.window > 0 {
			keys = min(keys, w.window+count-1)
		}
		n += keys * w.layers
	}
	return n
}

// kvBytes is how many bytes of keys and values the attention of a step reads.
func (e *Engine) kvBytes(parts []part) int64 {
	var n int64
	for i := range parts {
		n += int64(keyLayers(e.windows, parts[i].first, parts[i].count))
	}
	return e.keyBytes(n)
}

// keyBytes is the size of so many keys of a layer, with their values.
func (e *Engine) keyBytes(n int64) int64 {
	return n * int64(e.slotBytes) / int64(e.model.Config().Layers)
}

// StepKVBytes is how many bytes of keys and values the attention of a step reads for a
// sequence whose last token it computes, the one of so many.
func (e *Engine) StepKVBytes(tokens int) int64 {
	return e.keyBytes(int64(keyLayers(e.windows, tokens-1, 1)))
}
