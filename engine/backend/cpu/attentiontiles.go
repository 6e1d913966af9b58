package cpu

import "vitrine/engine/backend/cpu/kernel"

// leastTiled is the number of queries of a part from which on tiles gain anything.
const leastTiled = 32

// spanOfTiles is span for many queries, with kernels that need not give the same to
// the bit as those for few. It answers false where there is an infinite number or none
// among the results: tiles multiply every weight, also the zeros of what a row does
// not see, with every value.
func (t *attend) spanOfTiles(s *scratch, u *unit, span int, out []float32) bool {
	k, kv, a := t.b.kernels, t.kv, &s.tiles
	seq, d, n := &t.a.Sequences[u.seq], kv.config.HeadDim, u.n*t.group
	k.BeginTiles(a, s.query, d, n, t.a.Scale)
	last := seq.First + u.first + u.n
	for chunk := t.firstChunk(u, span); chunk < min((span+1)*spanKeys, last); chunk += chunkKeys {
		keys := min(chunkKeys, last-chunk)
		keyGroups, valueGroups := t.memory(s, u, chunk, keys)
		scores := k.TileScores(a, keyGroups)
		wide := (keys + kernel.BlockColumns - 1) / kernel.BlockColumns * kernel.BlockColumns
		rows := n
		if seq.First+u.first+1 >= chunk+wide && t.a.Window == 0 && len(t.a.Probs) == 0 {
			rows = 0 // all see all of them, and nobody looks
		}
		for i := range rows {
			seen := seq.First + u.first + i/t.group + 1 // keys that the row sees
			row := scores[i*kernel.TileKeys:][:wide]
			hide(row, t.firstKey(seen)-chunk, seen-chunk)
			t.keepScores(u, i, row, chunk, seen)
		}
		k.TileValues(a, valueGroups, keys)
	}
	if !k.TilesFinite(a) {
		return false
	}
	for i := range n {
		res := out[i*(2+kv.headRoom):][:2+kv.headRoom]
		var values []float32
		res[0], res[1], values = a.TileResult(i)
		copy(res[2:], values)
	}
	return true
}
