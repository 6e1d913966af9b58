package sampler

import (
	"math"
	"slices"
	"sync/atomic"
)

//go:generate go -C ../backend/cpu/kernel/gen run . -room sampler -out ../../../../sampler/passes_amd64.s -stubs ../../../../sampler/passes_amd64.go -pkg sampler

// passes are the loops over all of a vocabulary, of one processor level. What they
// compute is the same to the bit at every level and in plain Go, for the browser
// makes the server's draws again.
//
// The functions are assembly and work on whole vectors of sixteen logits; without
// them, and for what is left over at a row's end, the methods are Go.
type passes struct {
	level string

	scanBlocks   func(x *float32, blocks, vectors int, maxima *float32) (alive, nans int)
	countVectors func(x *float32, n int, z float32) (above, equal int)
	// collectVectors writes up to lanes places beyond what it collects.
	collectVectors func(x *float32, n int, floor float32, first int32, ids *int32, keys *uint32) int
	sumVectors     func(x *float32, n int, top, steps, magic float64, table *[stepsPerOctave]uint64) uint64
	weighVectors   func(weights *uint64, keys *uint32, n int, top, steps, magic float64, table *[stepsPerOctave]uint64) uint64
}

// plain is Go alone.
var plain = passes{level: "go"}

// allowed are the passes that [Limit] chose; nil before it is called.
var allowed atomic.Pointer[passes]

// fastest returns the passes that suit this processor, within the limit.
func fastest() *passes {
	if p := allowed.Load(); p != nil {
		return p
	}
	return levels[len(levels)-1]
}

// Limit keeps the samplers of this program that are made from now on to a level of
// processor features: "go", "avx2" or "avx512", or what is fastest for any other word.
// It changes how long they take and nothing of what they draw.
func Limit(level string) {
	best := levels[len(levels)-1]
	if i := slices.IndexFunc(levels, func(p *passes) bool { return p.level == level }); i >= 0 {
		best = levels[i]
	}
	allowed.Store(best)
}

// lanes is the number of logits in a vector.
const lanes = 16

// vectorsOf returns how many of n logits fill vectors.
func vectorsOf(n int) int { return n &^ (lanes - 1) }

// groups cut a row into blocks of whole vectors, the last one shorter as a rule. Each
// lane of a block is a group.
type groups struct {
	vectors int       // in a block
	maxima  []float32 // [blocks·lanes] the greatest logit of each group
}

// groupsOfRow is about the number of groups in a row of any length: few enough to search
// for a floor in no time, enough for one that fits closely.
const groupsOfRow = 1024

func newGroups(vocab int) groups {
	vectors := max(1, (vocab+groupsOfRow-1)/groupsOfRow)
	block := vectors * lanes
	return groups{vectors: vectors, maxima: make([]float32, (vocab+block-1)/block*lanes)}
}

// scan finds the greatest logit of each group and counts the logits above −Inf and the
// NaNs. With NaNs the maxima mean nothing; of zeros of both signs any may be the greatest.
func (p *passes) scan(x []float32, g *groups) (alive, nans int) {
	block := g.vectors * lanes
	done := 0
	if p.scanBlocks != nil {
		if blocks := len(x) / block; blocks > 0 {
			alive, nans = p.scanBlocks(&x[0], blocks, g.vectors, &g.maxima[0])
			done = blocks * block
		}
		if rest := (len(x) - done) / lanes; rest > 0 {
			a, n := p.scanBlocks(&x[done], 1, rest, &g.maxima[done/block*lanes])
			alive, nans, done = alive+a, nans+n, done+rest*lanes
		}
	}
	for done < len(x) {
		maxima := g.maxima[done/block*lanes:][:lanes]
		if done%block == 0 {
			for i := range maxima {
				maxima[i] = negInf
			}
		}
		for i, z := range x[done:min(len(x), (done/block+1)*block)] {
			if z != z {
				nans++
			}
			if z >= -math.MaxFloat32 {
				alive++
			}
			if m := &maxima[i%lanes]; z > *m { // not max: it costs three times as much for the sake of NaN
				*m = z
			}
		}
		done = (done/block + 1) * block
	}
	return alive, nans
}

// greatest returns the greatest logit of a row that was scanned.
func (g *groups) greatest() float32 {
	top := negInf
	for _, z := range g.maxima {
		if z > top {
			top = z
		}
	}
	return top
}

// firstAt returns the lowest id of a logit in a row that was scanned.
func (g *groups) firstAt(x []float32, z float32) int32 {
	block := g.vectors * lanes
	for i, m := range g.maxima {
		if m != z {
			continue
		}
		first := i / lanes * block
		for id := first; ; id++ {
			if x[id] == z {
				return int32(id)
			}
		}
	}
	return -1 // not reached: z is the greatest
}

// count returns how many of x are greater than z, and how many equal it.
func (p *passes) count(x []float32, z float32) (above, equal int) {
	n := 0
	if p.countVectors != nil && len(x) >= lanes {
		n = vectorsOf(len(x))
		above, equal = p.countVectors(&x[0], n, z)
	}
	for _, other := range x[n:] {
		if other > z {
			above++
		}
		if other == z {
			equal++
		}
	}
	return above, equal
}

// collect writes the ids and keys of the logits that are at least floor, in the order of the
// ids, and returns how many they are. There is room for lanes more than x is long.
func (p *passes) collect(x []float32, floor float32, ids []int32, keys []key) int {
	n, found := 0, 0
	if p.collectVectors != nil && len(x) >= lanes {
		n = vectorsOf(len(x))
		found = p.collectVectors(&x[0], n, floor, 0, &ids[0], (*uint32)(&keys[0]))
	}
	for i, z := range x[n:] {
		if z >= floor {
			ids[found], keys[found] = int32(n+i), keyOf(z)
			found++
		}
	}
	return found
}

// sum returns the sum of the weights of logits, none of them above the scale's top.
func (p *passes) sum(c scale, x []float32) (total uint64) {
	n := 0
	if p.sumVectors != nil && len(x) >= lanes && c.fitsVectors() {
		n = vectorsOf(len(x))
		total = p.sumVectors(&x[0], n, float64(c.top), c.steps, c.magic(), &octaveTable)
	}
	for _, z := range x[n:] {
		total += c.weight(z)
	}
	return total
}

// weigh writes the weights of logits by their keys, none above the scale's top, and returns
// their sum.
func (p *passes) weigh(c scale, keys []key, weights []uint64) (total uint64) {
	n := 0
	if p.weighVectors != nil && len(keys) >= lanes && c.fitsVectors() {
		n = vectorsOf(len(keys))
		total = p.weighVectors(&weights[0], (*uint32)(&keys[0]), n, float64(c.top), c.steps, c.magic(), &octaveTable)
	}
	for i, k := range keys[n:] {
		w := c.weight(k.logit())
		weights[n+i] = w
		total += w
	}
	return total
}

// fitsVectors reports whether vectors of float64 hold this scale's weights and all that
// leads to them: AVX2 turns only integers below 2^52 from one kind into the other, and no
// vector minds that +Inf is as far from +Inf as any number from itself.
func (c scale) fitsVectors() bool { return c.shift < mantissaBits && c.top <= math.MaxFloat32 }

// magic is a number to which small integers can be added without rounding; they then are
// its low bits, in units of a step of exp2Table, and the shift is among them.
func (c scale) magic() float64 {
	return 1.5*(1<<mantissaBits) + float64(c.shift*stepsPerOctave)
}

// octaveTable is exp2Table as bits, without what the low bits of an entry's number add to the
// exponent where the whole number is shifted there.
var octaveTable = func() (t [stepsPerOctave]uint64) {
	for j := range t {
		t[j] = math.Float64bits(exp2Table[j]) - uint64(j)<<(mantissaBits-7)
	}
	return t
}()
