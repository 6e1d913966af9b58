package cpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"unsafe"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/host"
	"vitrine/engine/quant"
)

// kvCache keeps keys and values in groups of sixteen slots, as the kernels of
// package kernel take them: slot s lies in group s/16 at place s%16, whatever
// the size of a block.
type kvCache struct {
	config          backend.KVConfig
	format          kernel.KV
	groups          int      // of a layer and head
	keyGroup        int      // bytes of a group of keys
	valueGroup      int      // bytes of a group of values
	keys, values    [][]byte // a layer: heads × groups
	width, headRoom int      // numbers of a value: HeadDim, and filled up
}

// NewKVCache makes an empty cache in the backend's format. The memory is taken
// from the operating system, in large pages where it has them, when it is first
// written to.
func (b *Backend) NewKVCache(c backend.KVConfig) (backend.KVCache, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.HeadDim%2 != 0 {
		return nil, fmt.Errorf("cpu: KVConfig.HeadDim is %d, want an even number", c.HeadDim)
	}
	kv := &kvCache{
		config: c, format: b.kv, groups: (c.Blocks*c.BlockSize + kernel.Lanes - 1) / kernel.Lanes,
		keyGroup: b.kv.KeyGroupBytes(c.HeadDim), valueGroup: b.kv.ValueGroupBytes(c.HeadDim),
		width: c.HeadDim, headRoom: kernel.ValueWidth(c.HeadDim),
	}
	keys, values := c.KVHeads*kv.groups*kv.keyGroup, c.KVHeads*kv.groups*kv.valueGroup
	region, err := pages(c.Layers * (keys + values))
	if err != nil {
		return nil, fmt.Errorf("cpu: %d MiB for keys and values: %w", c.Layers*(keys+values)>>20, err)
	}
	rest := region
	for range c.Layers {
		kv.keys, rest = append(kv.keys, rest[:keys:keys]), rest[keys:]
		kv.values, rest = append(kv.values, rest[:values:values]), rest[values:]
	}
	// A cache has no end of its own: its pages go with it.
	runtime.AddCleanup(kv, func(region []byte) { _ = freePages(region) }, region)
	return kv, nil
}

// Config is what the cache was made with.
func (kv *kvCache) Config() backend.KVConfig { return kv.config }

// SlotBytes is what one token's keys and values take over all layers.
func (kv *kvCache) SlotBytes() int {
	return kv.config.Layers * kv.config.KVHeads * (kv.keyGroup + kv.valueGroup) / kernel.Lanes
}

// kvOf returns the cache behind a handle; it panics for a stranger's.
func kvOf(c backend.KVCache) *kvCache {
	kv, ok := c.(*kvCache)
	if !ok {
		panic(fmt.Sprintf("cpu: a KV cache of type %T belongs to another backend", c))
	}
	return kv
}

// headKeys is the memory of all groups of keys of a layer and head.
func (kv *kvCache) headKeys(layer, head int) []byte {
	n := kv.groups * kv.keyGroup
	return kv.keys[layer][head*n:][:n]
}

// headValues is the memory of all groups of values of a layer and head.
func (kv *kvCache) headValues(layer, head int) []byte {
	n := kv.groups * kv.valueGroup
	return kv.values[layer][head*n:][:n]
}

// storeKV is the operation StoreKV; its part i is row i.
type storeKV struct {
	b     *Backend
	kv    *kvCache
	layer int
	k, v  *host.Matrix
	slots []int32
}

// StoreKV writes keys and values to their slots, in the cache's format.
func (b *Backend) StoreKV(c backend.KVCache, layer int, k, v backend.Tensor, slots []int32) {
	t := &b.store
	t.kv, t.layer, t.k, t.v, t.slots = kvOf(c), layer, host.Of(k), host.Of(v), slots
	if len(slots)*t.k.Cols() < alone/8 { // numbers are written one by one
		t.run(0, 0, len(slots))
		return
	}
	b.pool.run(len(slots), t)
}

// run implements task.
func (t *storeKV) run(worker, lo, hi int) {
	kv, d := t.kv, t.kv.config.HeadDim
	s := &t.b.scratch[worker]
	s.halves = grow(s.halves, d)
	for i := lo; i < hi; i++ {
		group, place := int(t.slots[i])/kernel.Lanes, int(t.slots[i])%kernel.Lanes
		keys, values := t.k.Row(i), t.v.Row(i)
		for h := range kv.config.KVHeads {
			to := kv.headKeys(t.layer, h)[group*kv.keyGroup:][:kv.keyGroup]
			kv.put(t.b.kernels, s.halves, to, d, keys[h*d:(h+1)*d], place, kernel.Lanes, place)
			to = kv.headValues(t.layer, h)[group*kv.valueGroup:][:kv.valueGroup]
			kv.put(t.b.kernels, s.halves, to, kv.headRoom, values[h*d:(h+1)*d], place*kv.headRoom, 1, place)
		}
	}
}

// littleEndian says whether numbers lie in memory as they do in a cache.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// put writes the numbers x to places first, first+step … of a group of sixteen
// vectors of width numbers. halves is room for as many in float16.
func (kv *kvCache) put(k *kernel.Set, halves []uint16, group []byte, width int, x []float32, first, step, place int) {
	switch kv.format {
	case kernel.KVF32:
		for i, v := range x {
			binary.LittleEndian.PutUint32(group[4*(first+i*step):], math.Float32bits(v))
		}
	case kernel.KVF16:
		if step == 1 && littleEndian {
			k.ToHalf(unsafe.Slice((*uint16)(unsafe.Pointer(&group[2*first])), len(x)), x)
			return
		}
		k.ToHalf(halves, x)
		for i, v := range halves {
			binary.LittleEndian.PutUint16(group[2*(first+i*step):], v)
		}
	case kernel.KVI8:
		var top float32
		for _, v := range x {
			if m := float32(math.Abs(float64(v))); m > top || m != m {
				top = m
			}
		}
		factor, inverse := top/127, float32(0)
		if top > 0 {
			inverse = 127 / top
		}
		for i, v := range x {
			group[first+i*step] = byte(int8(math.RoundToEven(float64(v * inverse))))
		}
		binary.LittleEndian.PutUint32(group[width*kernel.Lanes+4*place:], math.Float32bits(factor))
	}
}

// get reads back what put wrote.
func (kv *kvCache) get(dst []float32, group []byte, width, first, step, place int) {
	for i := range dst {
		at := first + i*step
		switch kv.format {
		case kernel.KVF32:
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(group[4*at:]))
		case kernel.KVF16:
			dst[i] = quant.Float16ToFloat32(binary.LittleEndian.Uint16(group[2*at:]))
		case kernel.KVI8:
			factor := math.Float32frombits(binary.LittleEndian.Uint32(group[width*kernel.Lanes+4*place:]))
			dst[i] = float32(int8(group[at])) * factor
		}
	}
}

// ReadKV copies whole slots of one layer and head.
func (*Backend) ReadKV(k, v []float32, c backend.KVCache, layer, kvHead, slot int) {
	kv := kvOf(c)
	d := kv.config.HeadDim
	for i := 0; (i+1)*d <= len(k); i++ {
		group, place := (slot+i)/kernel.Lanes, (slot+i)%kernel.Lanes
		kv.get(k[i*d:(i+1)*d], kv.headKeys(layer, kvHead)[group*kv.keyGroup:], d, place, kernel.Lanes, place)
		kv.get(v[i*d:(i+1)*d], kv.headValues(layer, kvHead)[group*kv.valueGroup:], kv.headRoom, place*kv.headRoom, 1, place)
	}
	runtime.KeepAlive(kv) // its pages go with it
}

// move copies keys and values of a head from n slots that follow one another to others,
// given the memory of all groups of both.
func (kv *kvCache) move(dstKeys, srcKeys, dstValues, srcValues []byte, dst, src, n int) {
	for n > 0 {
		// As many as lie in one group, here and there.
		run := min(n, kernel.Lanes-dst%kernel.Lanes, kernel.Lanes-src%kernel.Lanes)
		dg, dp, sg, sp := dst/kernel.Lanes, dst%kernel.Lanes, src/kernel.Lanes, src%kernel.Lanes
		kv.moveKeys(dstKeys[dg*kv.keyGroup:][:kv.keyGroup], srcKeys[sg*kv.keyGroup:][:kv.keyGroup], dp, sp, run)
		kv.moveValues(dstValues[dg*kv.valueGroup:][:kv.valueGroup], srcValues[sg*kv.valueGroup:][:kv.valueGroup], dp, sp, run)
		dst, src, n = dst+run, src+run, n-run
	}
}

// moveKeys copies the keys of places src … src+n-1 of a group to places of another. They
// lie number after number: those of all keys side by side.
func (kv *kvCache) moveKeys(to, from []byte, dst, src, n int) {
	size := kv.format.Bytes()
	if n == kernel.Lanes {
		copy(to, from)
		return
	}
	step := kernel.Lanes * size
	t, f, end := to[dst*size:], from[src*size:], kv.width*step
	switch bytes := n * size; bytes { // of so few, a call would take longer than a load
	case 8:
		for i := 0; i < end; i += step {
			*(*[8]byte)(t[i:]) = [8]byte(f[i:])
		}
	case 16:
		for i := 0; i < end; i += step {
			*(*[16]byte)(t[i:]) = [16]byte(f[i:])
		}
	default:
		for i := 0; i < end; i += step {
			copy(t[i:][:bytes], f[i:])
		}
	}
	kv.moveFactors(to, from, kv.width, dst, src, n)
}

// moveValues does the same with values, each of which lies in one piece.
func (kv *kvCache) moveValues(to, from []byte, dst, src, n int) {
	value := kv.headRoom * kv.format.Bytes()
	copy(to[dst*value:], from[src*value:][:n*value])
	kv.moveFactors(to, from, kv.headRoom, dst, src, n)
}

// moveFactors copies what int8 numbers are multiples of, behind a group's vectors of so
// many numbers.
func (kv *kvCache) moveFactors(to, from []byte, width, dst, src, n int) {
	if kv.format == kernel.KVI8 {
		const size = 4
		copy(to[width*kernel.Lanes+dst*size:], from[width*kernel.Lanes+src*size:][:n*size])
	}
}

// CopyKV copies a block, keys and values of all layers.
func (*Backend) CopyKV(c backend.KVCache, dst, src int) {
	kv := kvOf(c)
	n := kv.config.BlockSize
	for l := range kv.config.Layers {
		for h := range kv.config.KVHeads {
			keys, values := kv.headKeys(l, h), kv.headValues(l, h)
			kv.move(keys, keys, values, values, dst*n, src*n, n)
		}
	}
	runtime.KeepAlive(kv) // its pages go with it
}
