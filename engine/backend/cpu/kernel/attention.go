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

// Scores sets out[r·outStride+16g+lane], for n queries and the groups of keys
// that table names, to query·key·scale. keys is the memory of all groups of a
// layer and head, groupBytes apart; queries have dim numbers, which is even.
func (s *Set) Scores(format KV, out []float32, outStride int, q []float32, qStride int, keys []byte, groupBytes int, table []int32, dim, n int, scale float32) {
	if len(table) == 0 {
		return
	}
	checkTable(table, keys, groupBytes)
	for i := 0; i < n; i += s.attentionRows {
		rows := min(s.attentionRows, n-i)
		_, _ = out[(i+rows-1)*outStride+len(table)*Lanes-1], q[(i+rows-1)*qStride+dim-1]
		s.scores[format](&out[i*outStride], 4*outStride, &q[i*qStride], 4*qStride, &keys[0], groupBytes, &table[0], len(table), dim, rows, scale)
	}
}

// Values adds to out[r·outStride:], ValueWidth(dim) numbers for each of n
// queries, the values of the first keys keys in the groups that table names,
// weighted by p[r·pStride+key].
func (s *Set) Values(format KV, out []float32, outStride int, p []float32, pStride int, values []byte, groupBytes int, table []int32, keys, dim, n int) {
	if keys == 0 {
		return
	}
	width := ValueWidth(dim)
	checkTable(table[:(keys+Lanes-1)/Lanes], values, groupBytes)
	for i := 0; i < n; i += s.attentionRows {
		rows := min(s.attentionRows, n-i)
		_, _ = out[(i+rows-1)*outStride+width-1], p[(i+rows-1)*pStride+keys-1]
		s.values[format](&out[i*outStride], 4*outStride, &p[i*pStride], 4*pStride, &values[0], groupBytes, &table[0], keys, width, rows)
	}
}

// checkTable panics if a group does not lie in the memory.
func checkTable(table []int32, memory []byte, groupBytes int) {
	for _, g := range table {
		_ = memory[int(g)*groupBytes : (int(g)+1)*groupBytes]
	}
}

// Prefetch asks for groups of keys or values that will be read soon.
func Prefetch(memory []byte, groupBytes int, table []int32) {
	for _, g := range table {
		group := memory[int(g)*groupBytes:][:groupBytes]
		prefetch(&group[0], groupBytes/vectorBytes)
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
