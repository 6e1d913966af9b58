package model

import (
	"fmt"

	"vitrine/engine/backend"
)

// division is which part of the model each rank of a [backend.Parallel] has, as
// in Megatron-LM (Shoeybi et al. 2019, section 3): whole KV heads with the query
// heads that share them, and columns of the feed-forward layer. Beside those the
// rows of the vocabulary are divided, for both the embedding and the logits. What has
// no border here (norms, the residual stream) every rank has.
type division struct {
	kvHeads backend.Borders // KV heads
	q       backend.Borders // columns of the queries and of the attention's output
	kv      backend.Borders // columns of the keys and of the values
	ffn     backend.Borders // columns of gate and up, inputs of down
	vocab   backend.Borders // tokens
}

// DivisionError says that a model cannot be divided among so many ranks.
type DivisionError struct {
	Ranks  int
	Most   int // ranks that it can be divided among; 1 is possible always
	Reason string
}

// Error names the parameter by vLLM's name and says what would be right.
func (e *DivisionError) Error() string {
	want := "1"
	if e.Most > 1 {
		want = fmt.Sprintf("1 to %d", e.Most)
	}
	return fmt.Sprintf("tensor_parallel_size: got %d, want %s: %s", e.Ranks, want, e.Reason)
}

// borderUnits are what the borders of divided inputs must be multiples of, so
// that no block of a quantized weight is cut.
type borderUnits struct {
	o, down int // columns of the output and down projections
}

// borderUnits finds the blocks of the weights whose inputs are divided. What is
// missing or not a format at all is told when it is loaded.
func (l *loader) borderUnits(c *Config) borderUnits {
	u := borderUnits{1, 1}
	block := func(layer int, part string) int {
		p, _ := l.src.tensor(fmt.Sprintf("blk.%d.%s", layer, part))
		info, _ := p.format.Info()
		return info.BlockSize
	}
	for i := range c.Layers { // blocks have 1, 32 or 256 numbers, so the largest is a multiple of all
		u.o, u.down = max(u.o, block(i, "attn_output.weight")), max(u.down, block(i, "ffn_down.weight"))
	}
	return u
}

// alignment is what borders are multiples of where that leaves enough parts: the rows
// that the vector kernels compute at once.
const alignment = 64

// divide finds the borders for so many ranks. The parts are as even as whole KV
// heads and whole blocks let them be; the first ranks are never larger by more
// than one unit.
func divide(c *Config, u borderUnits, ranks int) (division, error) {
	group := c.Heads / c.KVHeads
	// So many KV heads have queries in whole blocks.
	heads := u.o / gcd(u.o, group*c.HeadDim)
	most := min(parts(c.KVHeads, heads), parts(c.FFN, u.down), c.Vocab)
	if ranks < 1 || ranks > most {
		e := &DivisionError{Ranks: ranks, Most: most}
		switch most {
		case parts(c.KVHeads, heads):
			e.Reason = fmt.Sprintf("each rank needs whole KV heads, and there are %d", c.KVHeads)
			if heads > 1 {
				e.Reason += fmt.Sprintf(", which can be divided after every %d because the output projection is stored in blocks of %d numbers", heads, u.o)
			}
		case parts(c.FFN, u.down):
			e.Reason = fmt.Sprintf("each rank needs columns of the feed-forward layer, and its %d are stored in blocks of %d", c.FFN, u.down)
		default:
			e.Reason = fmt.Sprintf("each rank needs tokens of the vocabulary, and there are %d", c.Vocab)
		}
		return division{}, e
	}
	d := division{kvHeads: borders(c.KVHeads, heads, ranks), ffn: borders(c.FFN, max(u.down, alignment), ranks), vocab: borders(c.Vocab, alignment, ranks)}
	if d.ffn == nil {
		d.ffn = borders(c.FFN, u.down, ranks)
	}
	if d.vocab == nil {
		d.vocab = borders(c.Vocab, 1, ranks)
	}
	for _, h := range d.kvHeads {
		d.q, d.kv = append(d.q, h*group*c.HeadDim), append(d.kv, h*c.HeadDim)
	}
	return d, nil
}

// parts is the number of units that n things fill; the last need not be full.
func parts(n, unit int) int { return (n + unit - 1) / unit }

// borders divides n things among ranks at multiples of unit, as evenly as that
// goes, the larger parts first; nil if there are not enough units.
func borders(n, unit, ranks int) backend.Borders {
	units := parts(n, unit)
	if units < ranks {
		return nil
	}
	at := make(backend.Borders, ranks+1)
	for r := range ranks {
		at[r+1] = min(parts(units*(r+1), ranks)*unit, n)
	}
	return at
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Ranks is the number of ranks that the model is divided among; 1 if it is not.
func (m *Model) Ranks() int {
	if m.parallel == nil {
		return 1
	}
	return m.parallel.Ranks()
}

// newTensor makes room for activations, divided among the ranks if there are
// borders.
func (m *Model) newTensor(rows, cols int, at backend.Borders) (backend.Tensor, error) {
	if m.parallel != nil && at != nil {
		return m.parallel.NewDivided(rows, at)
	}
	return m.backend.NewTensor(rows, cols)
}

// allReduce makes n rows of x whole if each rank has only its part of them (g in
// Megatron-LM's figure 3), and returns the operation that then was the last one:
// sum, or if there are no ranks op, which made x.
func (m *Model) allReduce(x backend.Tensor, n int, watch stopwatch, op, sum Op, layer int) Op {
	if m.parallel == nil {
		return op
	}
	watch.done(op, layer)
	m.parallel.AllReduce(x, n)
	return sum
}
