package kernel

import "math"

// AttentionTiles is room for the attention of some queries that share keys, as AMX
// takes it where the result need not be the same to the bit as that of the other
// kernels: every number as two bfloat16, sixteen queries at a time, and 32 numbers
// a step.
type AttentionTiles struct {
	n, dim, tiles int
	q, p          []byte    // a tile after the other: queries, and weights
	keys, values  []byte    // four tiles of sixteen after the other
	scores        []float32 // TileKeys of a query
	out           []float32 // dim of a query
	state         []float32 // of the softmax of a tile
}

const (
	splitTile  = bunchRows * vectorBytes
	splitStep  = 2 * splitTile // high parts, low parts
	splitTiles = 4             // tiles of sums under way at once
	splitWide  = splitTiles * splitStep
	// TileKeys is the most keys that are taken at a time.
	TileKeys = 128
	// tileState is the state of a tile's softmax, sixteen numbers each: the greatest
	// scores, the sums, the factors of what was summed before, and room for two more.
	tileState  = 5 * Lanes
	stateTop   = 0
	stateSum   = Lanes
	stateScale = 2 * Lanes
)

// Tiles says whether there are kernels for [AttentionTiles] of keys and values in a
// format, for heads of dim numbers.
func (s *Set) Tiles(format KV, dim int) bool {
	return s.splitGemm != nil && format == KVF16 && dim%(splitTiles*Lanes) == 0
}

// BeginTiles begins the attention of n queries of dim numbers each.
func (s *Set) BeginTiles(a *AttentionTiles, q []float32, dim, n int, scale float32) {
	a.n, a.dim, a.tiles = n, dim, (n+bunchRows-1)/bunchRows
	rows := a.tiles * bunchRows
	a.q = aligned(a.q, a.tiles*a.dimSteps()*splitStep)
	a.keys = aligned(a.keys, TileKeys/Lanes/splitTiles*a.dimSteps()*splitWide)
	a.values = aligned(a.values, dim/Lanes/splitTiles*TileKeys/BlockColumns*splitWide)
	a.p = aligned(a.p, a.tiles*TileKeys/BlockColumns*splitStep)
	a.scores, a.out = aligned(a.scores, rows*TileKeys), aligned(a.out, rows*dim)
	a.state = aligned(a.state, a.tiles*tileState)
	for i := range n {
		s.splitRow(&a.q[i/bunchRows*a.dimSteps()*splitStep+i%bunchRows*vectorBytes], &q[i*dim], scale, a.dimSteps())
	}
	for i := n; i < rows; i++ { // queries that nobody has asked for
		for step := range a.dimSteps() {
			line := a.q[(i/bunchRows*a.dimSteps()+step)*splitStep+i%bunchRows*vectorBytes:]
			clear(line[:vectorBytes])
			clear(line[splitTile:][:vectorBytes])
		}
	}
	clear(a.out)
	clear(a.state)
	for t := range a.tiles {
		top := a.state[t*tileState+stateTop:][:Lanes]
		for i := range top {
			top[i] = -math.MaxFloat32
		}
	}
}

func (a *AttentionTiles) dimSteps() int { return a.dim / BlockColumns }

// TileScores computes the scaled products of all queries with the keys of some
// groups, TileKeys at most, and returns them, TileKeys for a query. Those that are
// behind the last key mean nothing; the caller hides them, up to a multiple of 32.
func (s *Set) TileScores(a *AttentionTiles, keys Groups) []float32 {
	keys.check()
	steps := a.dimSteps()
	const pairs = BlockColumns / 2
	for g, at := range keys.Table {
		from := keys.Memory[int(at)*keys.Bytes:][:keys.Bytes]
		to := a.keys[g/splitTiles*steps*splitWide+g%splitTiles*splitStep:]
		for step := range steps { // an element of sixteen keys is a row
			s.splitPairs(&to[step*splitWide], &from[step*BlockColumns*2*Lanes], 2*Lanes, pairs)
		}
	}
	for wide := range (len(keys.Table) + splitTiles - 1) / splitTiles {
		s.splitGemm(&a.scores[wide*splitTiles*Lanes], 4*TileKeys, &a.q[0], &a.keys[wide*steps*splitWide], a.tiles, steps, 0)
	}
	return a.scores
}

// TileValues adds the values of the first keys keys of some groups, weighted by the
// softmax of the scores, to the outputs of all queries.
func (s *Set) TileValues(a *AttentionTiles, values Groups, keys int) {
	values.check()
	steps := (keys + BlockColumns - 1) / BlockColumns
	s.splitValues(a, values, keys, steps)
	for t := range a.tiles {
		state := a.state[t*tileState:][:tileState]
		s.softmaxTile(&a.p[t*steps*splitStep], &a.scores[t*bunchRows*TileKeys], 4*TileKeys, steps, &state[0])
		s.scaleTile(&a.out[t*bunchRows*a.dim], a.dim/Lanes, &state[stateScale])
	}
	for wide := range a.dim / Lanes / splitTiles {
		s.splitGemm(&a.out[wide*splitTiles*Lanes], 4*a.dim, &a.p[0], &a.values[wide*steps*splitWide], a.tiles, steps, 1)
	}
}

// splitValues splits values. What is behind the last of them becomes zero: a weight of
// zero does not hide what is no number.
func (s *Set) splitValues(a *AttentionTiles, values Groups, keys, steps int) {
	const pairs = Lanes / 2 // of a group; a step has two groups
	for tile := range a.dim / Lanes {
		to := a.values[tile/splitTiles*steps*splitWide+tile%splitTiles*splitStep:]
		for g := range 2 * steps {
			lines := to[g/2*splitWide+g%2*pairs*vectorBytes:]
			if g < len(values.Table) {
				from := values.Memory[int(values.Table[g])*values.Bytes:][:values.Bytes]
				s.splitPairs(&lines[0], &from[2*tile*Lanes], 2*a.dim, pairs)
			}
			for key := max(keys-g*Lanes, 0); key < Lanes; key++ {
				line := lines[key/2*vectorBytes:]
				for n := range Lanes {
					at := 4*n + 2*(key%2)
					clear(line[at : at+2])
					clear(line[splitTile+at : splitTile+at+2])
				}
			}
		}
	}
}

// TilesFinite says whether all results are numbers. If not, one query's keys or values
// may have reached another's.
func (s *Set) TilesFinite(a *AttentionTiles) bool {
	sum := s.sumSquares(&a.out[0], a.n*a.dim)
	return sum-sum == 0
}

// TileResult returns what came of query i: its greatest score, the sum of the weights,
// and the sum of the values, which still has to be divided by the other one.
func (a *AttentionTiles) TileResult(i int) (top, sum float32, values []float32) {
	state := a.state[i/bunchRows*tileState:]
	return state[stateTop+i%bunchRows], state[stateSum+i%bunchRows], a.out[i*a.dim:][:a.dim]
}
