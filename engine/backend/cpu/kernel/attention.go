package kernel

import (
	"fmt"
	"unsafe"
)

// KV is a number format of keys and values.
type KV uint8

// The formats, the most exact first.
const (
	KVF32 KV = iota // float32
	KVF16           // float16
	KVI8            // signed bytes, each key and value with a float32 factor
)

var kvNames = [...]string{KVF32: "float32", KVF16: "float16", KVI8: "int8"}

// String is the format's name in options.
func (k KV) String() string {
	if int(k) < len(kvNames) {
		return kvNames[k]
	}
	return fmt.Sprintf("KV format %d", uint8(k))
}

// ParseKV reads the name of a format.
func ParseKV(name string) (KV, error) {
	for k, n := range kvNames {
		if n == name {
			return KV(k), nil
		}
	}
	return KVF32, fmt.Errorf("kernel: no format of keys and values is called %q, want float32, float16 or int8", name)
}

// Bytes is the size of a number.
func (k KV) Bytes() int { return []int{4, 2, 1}[k] }

// FactorBytes is what the factors of a group of sixteen keys take.
func (k KV) FactorBytes() int {
	if k == KVI8 {
		return 4 * Lanes
	}
	return 0
}

// KeyGroupBytes is the memory of sixteen keys of one head: element after
// element, sixteen keys each, and their factors.
func (k KV) KeyGroupBytes(dim int) int { return dim*Lanes*k.Bytes() + k.FactorBytes() }

// ValueGroupBytes is the memory of sixteen values of one head: value after
// value, each filled up with zeros to a multiple of sixteen numbers, and their
// factors.
func (k KV) ValueGroupBytes(dim int) int {
	return ValueWidth(dim)*Lanes*k.Bytes() + k.FactorBytes()
}

// ValueWidth is dim rounded up to whole vectors.
func ValueWidth(dim int) int { return (dim + Lanes - 1) / Lanes * Lanes }

// Groups are keys or values of a layer and head: the memory of all groups of
// sixteen, Bytes apart, and those at hand.
type Groups struct {
	Format KV
	Memory []byte
	Bytes  int
	Table  []int32
}

// Widened is room for groups in float32.
type Widened struct {
	numbers []float32
	table   []int32
}

// widenFor is how many times groups must be read for their widening to pay.
const widenFor = 4

// Widen returns groups in float32, in room, if n queries gain by it: those in
// float16 are else widened anew for every few of them. The numbers are the same.
func (s *Set) Widen(room *Widened, g Groups, n int) Groups {
	if g.Format != KVF16 || n < widenFor*s.attentionRows || len(g.Table) == 0 {
		return g
	}
	g.check()
	numbers := g.Bytes / g.Format.Bytes()
	room.numbers = aligned(room.numbers, len(g.Table)*numbers)
	s.widenGroups(&room.numbers[0], &g.Memory[0], g.Bytes, &g.Table[0], len(g.Table), numbers)
	for len(room.table) < len(g.Table) {
		room.table = append(room.table, int32(len(room.table)))
	}
	memory := unsafe.Slice((*byte)(unsafe.Pointer(&room.numbers[0])), 4*len(room.numbers))
	return Groups{KVF32, memory, 4 * numbers, room.table[:len(g.Table)]}
}

// Scores sets out[r·outStride+16g+lane], for n queries and the groups of keys g,
// to query·key·scale. Queries have dim numbers, which is even.
func (s *Set) Scores(out []float32, outStride int, q []float32, qStride int, g Groups, dim, n int, scale float32) {
	if len(g.Table) == 0 {
		return
	}
	g.check()
	for i := 0; i < n; i += s.attentionRows {
		rows := min(s.attentionRows, n-i)
		_, _ = out[(i+rows-1)*outStride+len(g.Table)*Lanes-1], q[(i+rows-1)*qStride+dim-1]
		s.scores[g.Format](&out[i*outStride], 4*outStride, &q[i*qStride], 4*qStride, &g.Memory[0], g.Bytes, &g.Table[0], len(g.Table), dim, rows, scale)
	}
}

// Values adds to out[r·outStride:], ValueWidth(dim) numbers for each of n
// queries, the first keys values of the groups g, weighted by p[r·pStride+key].
func (s *Set) Values(out []float32, outStride int, p []float32, pStride int, g Groups, keys, dim, n int) {
	if keys == 0 {
		return
	}
	width := ValueWidth(dim)
	g.Table = g.Table[:(keys+Lanes-1)/Lanes]
	g.check()
	for i := 0; i < n; i += s.attentionRows {
		rows := min(s.attentionRows, n-i)
		_, _ = out[(i+rows-1)*outStride+width-1], p[(i+rows-1)*pStride+keys-1]
		s.values[g.Format](&out[i*outStride], 4*outStride, &p[i*pStride], 4*pStride, &g.Memory[0], g.Bytes, &g.Table[0], keys, width, rows)
	}
}

// check panics if a group does not lie in the memory.
func (g *Groups) check() {
	for _, at := range g.Table {
		_ = g.Memory[int(at)*g.Bytes : (int(at)+1)*g.Bytes]
	}
}

// Prefetch asks for groups that will be read soon.
func (g *Groups) Prefetch() {
	for _, at := range g.Table {
		group := g.Memory[int(at)*g.Bytes:][:g.Bytes]
		prefetch(&group[0], g.Bytes/vectorBytes)
	}
}

// at reads number i of b.
func (k KV) at(b []byte, i int) float32 {
	if k == KVI8 {
		return float32(int8(b[i]))
	}
	return Float(k).at(b, i)
}

// factor is the factor behind a group's numbers that belongs to a key.
func (k KV) factor(group []byte, numbers, key int) float32 {
	if k != KVI8 {
		return 1
	}
	return F32.at(group[numbers:], key)
}

func widenGroupsGo(dst *float32, memory *byte, groupBytes int, table *int32, groups, n int) {
	for g, at := range unsafe.Slice(table, groups) {
		group := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(memory), int(at)*groupBytes)), groupBytes)
		for i := range n {
			unsafe.Slice(dst, groups*n)[g*n+i] = KVF16.at(group, i)
		}
	}
}

func scoresGo(k KV) scoresFunc {
	return func(out *float32, outStride int, q *float32, qStride int, keys *byte, groupBytes int, table *int32, groups, dim, rows int, scale float32) {
		for g, at := range unsafe.Slice(table, groups) {
			group := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(keys), int(at)*groupBytes)), k.KeyGroupBytes(dim))
			for r := range rows {
				query := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(q), r*qStride)), dim)
				o := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride+g*vectorBytes)), Lanes)
				for key := range o {
					var even, odd float32
					for d := 0; d < dim; d += 2 {
						even += query[d] * k.at(group, d*Lanes+key)
						odd += query[d+1] * k.at(group, (d+1)*Lanes+key)
					}
					o[key] = (even + odd) * scale * k.factor(group, dim*Lanes, key)
				}
			}
		}
	}
}

func valuesGo(k KV) valuesFunc {
	return func(out *float32, outStride int, p *float32, pStride int, values *byte, groupBytes int, table *int32, keys, dim, rows int) {
		groups := unsafe.Slice(table, (keys+Lanes-1)/Lanes)
		for r := range rows {
			o := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), r*outStride)), dim)
			for key, weight := range unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p), r*pStride)), keys) {
				group := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(values), int(groups[key/Lanes])*groupBytes)), k.ValueGroupBytes(dim))
				weight *= k.factor(group, dim*Lanes, key%Lanes)
				for d := range o {
					o[d] += weight * k.at(group, key%Lanes*dim+d)
				}
			}
		}
	}
}
