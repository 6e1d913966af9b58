package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The sampler's passes over a row of logits. The browser makes the same draws in
// plain Go, so nothing here may differ from it by a bit: no product is fused with a
// sum, and every rounding is the one that Go's code makes.

// Predicates of VCMPPS and VCMPPD that signal nothing: second operand ∘ first.
const (
	isEqual       = 0x00
	isUnordered   = 0x03
	isGreaterOrEq = 0x1d
	isGreater     = 0x1e
)

// float64Constant is 64 bits in eight lanes of memory, for all kernels of a file.
type float64Constant struct {
	name string
	bits uint64
	mem  Mem
}

func float64Of(name string, v float64) *float64Constant {
	return &float64Constant{name: name, bits: math.Float64bits(v)}
}

// What package sampler's exp.go has under the same names.
const lnStep = math.Ln2 / 128

var (
	half       = float64Of("half", 0.5)
	leastSteps = float64Of("leastSteps", -64*128) // below it a weight is zero
	two52      = float64Of("two52", 1<<52)        // added to an integer below it: the integer in the low bits
	entries    = &float64Constant{name: "entries", bits: 127}
	series     = []*float64Constant{nil,
		float64Of("series1", lnStep),
		float64Of("series2", lnStep*lnStep/2),
		float64Of("series3", lnStep*lnStep/2*lnStep/3),
		float64Of("series4", lnStep*lnStep/2*lnStep/3*lnStep/4),
		float64Of("series5", lnStep*lnStep/2*lnStep/3*lnStep/4*lnStep/5),
	}

	leastFinite = float("leastFinite", -math.MaxFloat32)
	magnitude   = &constant{name: "magnitude", bits: math.MaxInt32}
	increment   = &constant{name: "increment", bits: 1}
	sixteen     = &constant{name: "sixteen", bits: lanes}

	laneNumbers Mem // 0 to 15
	leftPack    Mem // for each mask of eight lanes the numbers of those set, first
)

func declareSampler() {
	declare(leastFinite, magnitude, increment, sixteen)
	for _, c := range append([]*float64Constant{half, leastSteps, two52, entries}, series[1:]...) {
		c.mem = GLOBL(c.name, constAttrs)
		for i := range 8 {
			DATA(8*i, U64(c.bits))
		}
	}
	laneNumbers = GLOBL("laneNumbers", constAttrs)
	for i := range lanes {
		DATA(4*i, U32(i))
	}
	leftPack = GLOBL("leftPack", constAttrs)
	for mask := range 256 {
		var row uint64
		at := 0
		for lane := range 8 {
			if mask>>lane&1 != 0 {
				row |= uint64(lane) << (8 * at)
				at++
			}
		}
		DATA(8*mask, U64(row))
	}
}

// tally adds 1 to each lane of sum where b ∘ a.
func (s isa) tally(predicate uint64, a, b Op, ones, sum reg.VecVirtual) {
	if s.wide() {
		k := K()
		VCMPPS(Imm(predicate), a, b, k)
		VPADDD(ones, sum, k, sum)
		return
	}
	t := s.reg()
	VCMPPS(Imm(predicate), a, b, t)
	VPSUBD(t, sum, sum) // a lane that holds is −1
}

// tallies is a zero for each of n counts, and the ones that tally adds.
func (s isa) tallies(n int) (ones reg.VecVirtual, sums []vec) {
	for range n {
		v := s.vec()
		s.zero(v)
		sums = append(sums, v)
	}
	ones = s.reg()
	VMOVUPS(increment.of(s, 0), ones)
	return ones, sums
}

// returnCounts stores the sums of counts as the results.
func (s isa) returnCounts(sums []vec) {
	for i, v := range sums {
		n := GP64()
		VMOVD(s.reduce(VPADDD, v), n.As32()) // and clears the other half
		Store(n, ReturnIndex(i))
	}
	done()
}

// scan generates the first look at a row.
func scan(s isa) {
	kernel("scan"+s.name, "func(x *float32, blocks, vectors int, maxima *float32) (alive, nans int)",
		"scan"+s.name+` counts the logits above −Inf and the NaNs, and finds the greatest of each group. A block is
vectors times sixteen logits; of a block, each lane is a group. vectors is at least 1:`,
		`for b := range blocks {
			logits, greatest := from(x, 64*b*vectors)[:16*vectors], from(maxima, 64*b)[:16]
			copy(greatest, logits)
			for i, z := range logits {
				if z >= -math.MaxFloat32 {
					alive++
				}
				if z != z {
					nans++
				}
				greatest[i%16] = max(greatest[i%16], z)
			}
		}
		return alive, nans`,
		"Of zeros with different signs either may be the greatest, and with NaNs maxima mean nothing.")
	x, maxima, blocks := param("x"), param("maxima"), param("blocks")
	ones, sums := s.tallies(2)
	loop("block", blocks, func() {
		top, vectors := s.vec(), param("vectors")
		s.load(at(x), top)
		loop("vector", vectors, func() {
			v := s.vec()
			s.load(at(x), v)
			for i := range v {
				VMAXPS(v[i], top[i], top[i])
				s.tally(isGreaterOrEq, leastFinite.of(s, i), v[i], ones, sums[0][i])
				s.tally(isUnordered, v[i], v[i], ones, sums[1][i])
			}
			ADDQ(imm(vectorBytes), x)
		})
		s.store(top, at(maxima))
		ADDQ(imm(vectorBytes), maxima)
	})
	s.returnCounts(sums)
}

// count generates the rank's pass.
func count(s isa) {
	kernel("count"+s.name, "func(x *float32, n int, z float32) (above, equal int)",
		"count"+s.name+" returns how many of n logits, a multiple of 16, are greater than z, and how many equal it.",
		`for _, other := range from(x, 0)[:n] {
			if other > z {
				above++
			}
			if other == z {
				equal++
			}
		}
		return above, equal`)
	x, z := param("x"), s.splat("z")
	ones, sums := s.tallies(2)
	each16([]reg.GPVirtual{x}, func() {
		for i := range s.regs {
			v := s.reg()
			VMOVUPS(at(x).Offset(i*s.size), v)
			s.tally(isGreater, z, v, ones, sums[0][i])
			s.tally(isEqual, z, v, ones, sums[1][i])
		}
	})
	s.returnCounts(sums)
}

// collect generates what keeps the logits that matter.
func collect(s isa) {
	kernel("collect"+s.name, "func(x *float32, n int, floor float32, first int32, ids *int32, keys *uint32) int",
		"collect"+s.name+` writes the numbers first+i of those of n logits, a multiple of 16, that are at least floor, and
their keys, in order, and returns how many they are:`,
		`found := 0
		for i, z := range from(x, 0)[:n] {
			if z >= floor {
				from(ids, 0)[found], from(keys, 0)[found] = first+int32(i), uint32(keyOf(z))
				found++
			}
		}
		return found`,
		"It writes up to 16 places beyond the last.")
	x, ids, keys, floor := param("x"), param("ids"), param("keys"), s.splat("floor")
	id, step := s.vec(), s.reg()
	first := s.reg()
	{
		f := GP32()
		Load(Param("first"), f)
		low := XMM()
		VMOVD(f, low)
		VPBROADCASTD(low, first)
	}
	for i := range id {
		VPADDD(laneNumbers.Offset(i*s.size), first, id[i])
	}
	VMOVUPS(sixteen.of(s, 0), step)
	begin := GP64()
	MOVQ(ids, begin)
	zero := s.reg()
	if s.wide() {
		VPXORD(zero, zero, zero)
	} else {
		VPXOR(zero, zero, zero)
	}
	var table reg.GPVirtual
	if !s.wide() {
		table = GP64()
		LEAQ(leftPack, table)
	}
	each16([]reg.GPVirtual{x}, func() {
		for i := range s.regs {
			next := "none" + string(rune('0'+i))
			v, k, found := s.reg(), s.reg(), GP64()
			mask := found.As32() // writing it clears the other half
			VMOVUPS(at(x).Offset(i*s.size), v)
			var lane reg.Register
			if s.wide() {
				m := K()
				VCMPPS(Imm(isGreaterOrEq), floor, v, m)
				KMOVW(m, mask)
				lane = m
			} else {
				m := s.reg()
				VCMPPS(Imm(isGreaterOrEq), floor, v, m)
				VMOVMSKPS(m, mask)
			}
			TESTL(mask, mask)
			JE(LabelRef(next))
			VADDPS(zero, v, v) // −0 becomes +0
			s.keys(v, k, magnitude.of(s, i))
			if s.wide() {
				chosen := s.reg()
				VPCOMPRESSD_Z(k, lane, k)
				VPCOMPRESSD_Z(id[i], lane, chosen)
				VMOVDQU32(k, at(keys))
				VMOVDQU32(chosen, at(ids))
			} else {
				order, chosen := s.reg(), s.reg()
				VPMOVZXBD(Mem{Base: table, Index: found, Scale: 8}, order)
				VPERMD(k, order, k)
				VPERMD(id[i], order, chosen)
				VMOVDQU(k, at(keys))
				VMOVDQU(chosen, at(ids))
			}
			POPCNTL(mask, mask)
			LEAQ(Mem{Base: keys, Index: found, Scale: 4}, keys)
			LEAQ(Mem{Base: ids, Index: found, Scale: 4}, ids)
			Label(next)
			VPADDD(step, id[i], id[i])
		}
	})
	SUBQ(begin, ids)
	SHRQ(Imm(2), ids)
	Store(ids, ReturnIndex(0))
	done()
}

// keys sets k to the keys of the logits v: the bits of those below zero, of the
// others all but the sign turned around. The same turns keys into logits.
func (s isa) keys(v, k Op, magnitude Mem) {
	VPSRAD(Imm(31), v, k)
	if s.wide() {
		VPANDND(magnitude, k, k)
		VPXORD(v, k, k)
	} else {
		VPANDN(magnitude, k, k)
		VPXOR(v, k, k)
	}
}

// weights generates what turns logits into weights and adds these up: logits as the
// model gave them, or keys, whose weights are kept.
func weights(s isa, keyed bool) {
	body := `c := scaleOf(top, steps, magic)
	var total uint64
	for i, LOGIT := range from(INPUT, 0)[:n] {
		w := c.weight(VALUE)
		KEEP
		total += w
	}
	return total`
	const note = "The weights are those of a scale with this top and these steps; magic is 1.5·2^52 + 128·shift, and table octaveTable."
	if keyed {
		kernel("weigh"+s.name, "func(weights *uint64, keys *uint32, n int, top, steps, magic float64, table *[128]uint64) uint64",
			"weigh"+s.name+" computes the weights of the logits of n keys, a multiple of 16, and returns their sum:",
			with(body, "LOGIT", "k", "INPUT", "keys", "VALUE", "key(k).logit()", "KEEP", "from(weights, 0)[i] = w"), note)
	} else {
		kernel("sumWeights"+s.name, "func(x *float32, n int, top, steps, magic float64, table *[128]uint64) uint64",
			"sumWeights"+s.name+" returns the sum of the weights of n logits, a multiple of 16:",
			with(body, "i, LOGIT", "_, z", "INPUT", "x", "VALUE", "z", "\t\tKEEP\n", ""), note)
	}
	var x, out reg.GPVirtual
	var pointers []reg.GPVirtual
	if keyed {
		x, out = param("keys"), param("weights")
	} else {
		x = param("x")
	}
	pointers = append(pointers, x)
	table := param("table")
	top, steps, magic, sum := s.reg(), s.reg(), s.reg(), s.reg()
	for _, p := range []struct {
		name string
		reg  reg.VecVirtual
	}{{"top", top}, {"steps", steps}, {"magic", magic}} {
		low := XMM()
		Load(Param(p.name), low)
		VBROADCASTSD(low, p.reg)
	}
	s.zero(vec{sum})
	each16(pointers, func() {
		for part := range 8 * lanes / s.size { // a register's worth of float64 at a time
			t := s.reg()
			s.widenLogits(at(x).Offset(part*s.size/2), keyed, t)
			VSUBPD(top, t, t)
			VMULPD(steps, t, t)
			w := s.weight(t, magic, table)
			if keyed {
				VMOVUPD(w, at(out).Offset(part*s.size))
			}
			VPADDQ(w, sum, sum)
		}
		if keyed {
			ADDQ(imm(2*vectorBytes), out)
		}
	})
	y, z := YMM(), XMM()
	if s.wide() {
		VEXTRACTI64X4(Imm(1), sum, y)
		VPADDQ(y, sum.AsY(), sum.AsY())
	}
	VEXTRACTI128(Imm(1), sum.AsY(), z)
	VPADDQ(z, sum.AsX(), z)
	VPSHUFD(Imm(0b01_00_11_10), z, sum.AsX())
	VPADDQ(sum.AsX(), z, z)
	total := GP64()
	VMOVQ(z, total)
	Store(total, ReturnIndex(0))
	done()
}

// widenLogits reads logits, or the keys of some, as float64.
func (s isa) widenLogits(m Mem, keyed bool, t reg.VecVirtual) {
	if !keyed {
		VCVTPS2PD(m, t)
		return
	}
	if s.wide() {
		v, k := YMM(), YMM()
		VMOVDQU(m, v)
		avx2.keys(v, k, magnitude.of(s, 0))
		VCVTPS2PD(k, t)
	} else {
		v, k := XMM(), XMM()
		VMOVDQU(m, v)
		avx2.keys(v, k, magnitude.of(s, 0))
		VCVTPS2PD(k, t)
	}
}

// weight computes weights from steps t of the table, in the order of operations of
// scale.weight in package sampler.
func (s isa) weight(t, magic reg.VecVirtual, table reg.GPVirtual) reg.VecVirtual {
	var heavy reg.Register // where t > −64·128
	if s.wide() {
		heavy = K()
	} else {
		heavy = s.reg()
	}
	VCMPPD(Imm(isGreater), leastSteps.mem, t, heavy)

	// k goes into the low bits of a float64 with ulp 1.
	k, kf, f := s.reg(), s.reg(), s.reg()
	VSUBPD(half.mem, t, k)
	if s.wide() {
		VADDPD_RU_SAE(magic, k, k) // t ≤ 0: up is toward zero
		VSUBPD(magic, k, kf)
	} else {
		VROUNDPD(Imm(3), k, kf) // toward zero
		VADDPD(magic, kf, k)
	}
	VSUBPD(kf, t, f)

	// The power of two whose exponent is k/128 + shift: the table holds what the bits of
	// k that are not octaves add to the exponent's place taken away.
	index, power := s.reg(), s.reg()
	s.gather(k, index, power, table)
	VPSLLQ(Imm(52-7), k, k)
	VPADDQ(k, power, power)

	f2, q, a, b := s.reg(), s.reg(), s.reg(), s.reg()
	VMULPD(f, f, f2)
	VMULPD(series[5].mem, f2, q)
	VMULPD(series[4].mem, f, a)
	VADDPD(series[3].mem, a, a)
	VADDPD(a, q, q)
	VMULPD(f2, q, q)
	VMULPD(series[2].mem, f, b)
	VADDPD(series[1].mem, b, b)
	VADDPD(b, q, q)
	VMULPD(f, q, q)
	VMULPD(q, power, q)
	VADDPD(q, power, power)
	VADDPD(half.mem, power, power)

	w := s.reg()
	if s.wide() {
		VCVTTPD2QQ_Z(power, heavy, w)
		return w
	}
	VROUNDPD(Imm(3), power, power)
	VADDPD(two52.mem, power, power)
	VPXOR(two52.mem, power, power)
	VPAND(heavy, power, w)
	return w
}

// gather sets power to the table's entries that the low seven bits of k name.
func (s isa) gather(k, index, power reg.VecVirtual, table reg.GPVirtual) {
	if s.wide() {
		VPANDQ(entries.mem, k, index)
	} else {
		VPAND(entries.mem, k, index)
	}
	s.zero(vec{power})
	m := Mem{Base: table, Index: index, Scale: 8}
	if s.wide() {
		all := K()
		KXNORB(all, all, all)
		VGATHERQPD(m, all, power)
		return
	}
	all := s.reg()
	VPCMPEQQ(index, index, all)
	VGATHERQPD(all, m, power)
}
