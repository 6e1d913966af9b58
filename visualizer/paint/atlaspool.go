package paint

import "slices"

// pool holds the largest weight of every block×block square of each head's
// matrix, block being a power of two. When a sequence grows beyond the pool's
// side, four squares become one and no row needs to be read again.
type pool struct {
	heads  int     // in all: layers · heads a layer
	block  int     // positions a side of a square
	stride int     // squares a side, an even number
	tokens int     // positions read
	values []uint8 // head, block of the query, block of the key
	known  []bool  // some row is known: head, block of the query
}

// fit makes room for capacity positions in at most side squares a side, an even
// number. What was read is kept if the squares stay as large or grow.
func (p *pool) fit(heads, capacity, side int) {
	block := 1
	for ceilDiv(capacity, block) > side {
		block *= 2
	}
	if heads != p.heads || side != p.stride || block < p.block {
		*p = pool{heads: heads, block: block, stride: side}
		p.values = make([]uint8, heads*side*side)
		p.known = make([]bool, heads*side)
		return
	}
	for p.block < block {
		p.merge()
	}
}

// merge doubles the side of the squares.
func (p *pool) merge() {
	n := p.stride
	for head := range p.heads {
		values := p.values[head*n*n:][:n*n]
		known := p.known[head*n:][:n]
		for i := range n {
			row := values[i*n:][:n]
			clear(row[len(halve(row, row)):])
			if i%2 == 1 {
				above := values[(i-1)*n:][:n]
				maxInto(above, row)
				copy(values[i/2*n:], above)
				known[i/2] = known[i-1] || known[i]
			}
		}
		clear(values[n/2*n:])
		clear(known[n/2:])
	}
	p.block *= 2
}

// truncate drops the positions from q on, and those that share a block with
// them.
func (p *pool) truncate(q int) {
	n, first := p.stride, q/p.block
	for head := range p.heads {
		clear(p.values[(head*n+first)*n : (head+1)*n*n])
		clear(p.known[head*n+first : (head+1)*n])
	}
	p.tokens = min(p.tokens, first*p.block)
}

// read takes the rows of the positions up to tokens-1 in; a layer has
// headsPerLayer heads.
func (p *pool) read(rows Rows, headsPerLayer, tokens int) {
	for head := range p.heads {
		layer, h := head/headsPerLayer, head%headsPerLayer
		for q := p.tokens; q < tokens; q++ {
			row := rows.Row(q, layer, h)
			if len(row) == 0 {
				continue
			}
			i := head*p.stride + q/p.block
			maxBlocksInto(p.values[i*p.stride:][:p.stride], row[:min(len(row), q+1)], p.block)
			p.known[i] = true
		}
	}
	p.tokens = tokens
}

// row sets dst to the largest weights of the blocks of queries from … to-1, for
// the first len(dst) key blocks; it is false, and dst as it was, if none is known.
func (p *pool) row(dst []uint8, head, from, to int) (known bool) {
	for block := from; block < to; block++ {
		i := head*p.stride + block
		if !p.known[i] {
			continue
		}
		values := p.values[i*p.stride:][:len(dst)]
		if known {
			maxInto(dst, values)
		} else {
			copy(dst, values)
		}
		known = true
	}
	return known
}

// resized returns s with length n, on its own memory if that is large enough.
func resized[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
