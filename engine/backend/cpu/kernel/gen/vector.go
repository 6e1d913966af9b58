package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constant is a number in sixteen lanes of memory, for all kernels of a file.
type constant struct {
	name string
	bits uint32
	mem  *Mem
}

func float(name string, v float64) *constant {
	return &constant{name: name, bits: math.Float32bits(float32(v))}
}

// of is the memory of register i of the constant.
func (c *constant) of(s isa, i int) Mem {
	if c.mem == nil {
		panic("constant " + c.name + " is not declared")
	}
	return c.mem.Offset(i * s.size)
}

// declare writes constants into the file. It comes before the kernels.
func declare(list ...*constant) {
	for _, c := range list {
		m := GLOBL(c.name, constAttrs)
		for i := range lanes {
			DATA(4*i, U32(c.bits))
		}
		c.mem = &m
	}
}

// The exponential: e^x = 2^n·e^r with n = round(x·log₂e) and |r| ≤ ln2/2, where
// a polynomial is e^r within 2 units in the last place (Moshier, Cephes, expf).
var (
	expLeast    = float("expLeast", -87)
	expGreatest = float("expGreatest", 88)
	log2E       = float("log2E", math.Log2E)
	ln2High     = float("ln2High", 0.693359375)
	ln2Low      = float("ln2Low", -2.12194440e-4)
	expPoly     = []*constant{
		float("expP0", 1.9875691500e-4), float("expP1", 1.3981999507e-3), float("expP2", 8.3334519073e-3),
		float("expP3", 4.1665795894e-2), float("expP4", 1.6666665459e-1), float("expP5", 5.0000001201e-1),
	}
	one       = float("one", 1)
	geluCubic = float("geluCubic", 0.044715)
	geluScale = float("geluScale", -2*math.Sqrt(2/math.Pi)) // σ(2y) = 1/(1+e^−2y)
	signBit   = &constant{name: "signBit", bits: 1 << 31}
	infinity  = float("infinity", math.Inf(1))
	// Of gates below these, e^x is beyond float32 or nearly, where exp ends at e^88.
	siluLeast = float("siluLeast", -88)
	geluLeast = float("geluLeast", -11)
)

func expConstants() []*constant {
	return append([]*constant{expLeast, expGreatest, log2E, ln2High, ln2Low, one}, expPoly...)
}

// exp sets x to e^x. What lies below −87 becomes zero, what lies above 88 e^88;
// a NaN stays one.
func (s isa) exp(x vec) {
	for i, v := range x {
		c, n, k, p := s.reg(), s.reg(), s.reg(), s.reg()
		VMOVUPS(expLeast.of(s, i), c)
		VMAXPS(v, c, c) // of a NaN and a number it gives the operand named first here
		VMOVUPS(expGreatest.of(s, i), p)
		VMINPS(c, p, c)
		VMULPS(log2E.of(s, i), c, n)
		VCVTPS2DQ(n, k)
		VCVTDQ2PS(k, n)
		VFNMADD231PS(ln2High.of(s, i), n, c)
		VFNMADD231PS(ln2Low.of(s, i), n, c)
		VMOVUPS(expPoly[0].of(s, i), p)
		for _, q := range expPoly[1:] {
			VFMADD213PS(q.of(s, i), c, p)
		}
		VMULPS(c, c, n)
		VADDPS(one.of(s, i), c, c)
		VFMADD231PS(n, p, c)
		VPSLLD(Imm(23), k, k)
		VPADDD(k, c, c)
		const notLess = 5 // or unordered
		if s.wide() {
			m := K()
			VCMPPS(Imm(notLess), expLeast.of(s, i), v, m)
			VMOVAPS_Z(c, m, v)
		} else {
			VCMPPS(Imm(notLess), expLeast.of(s, i), v, n)
			VANDPS(n, c, v)
		}
	}
}

// replaceBelow sets the lanes of dst to value where those of x are less than least;
// a NaN is not.
func (s isa) replaceBelow(least, value *constant, i int, x, dst reg.VecVirtual) {
	const less = 1
	if s.wide() {
		m := K()
		VCMPPS(Imm(less), least.of(s, i), x, m)
		VMOVUPS(value.of(s, i), m, dst)
		return
	}
	m := s.reg()
	VCMPPS(Imm(less), least.of(s, i), x, m)
	VBLENDVPS(m, value.of(s, i), dst, dst)
}

// each16 generates a loop over n/16 vectors, n a parameter; the pointers move on.
func each16(pointers []reg.GPVirtual, body func()) {
	n := param("n")
	SHRQ(Imm(4), n)
	loop("lanes", n, func() {
		body()
		for _, p := range pointers {
			ADDQ(imm(vectorBytes), p)
		}
	})
}

// result returns lane 0 of a register.
func result(x reg.VecVirtual) {
	Store(x.AsX(), ReturnIndex(0))
	done()
}

// splat reads a float32 parameter into all lanes.
func (s isa) splat(name string) reg.VecVirtual {
	r := s.reg()
	x := XMM()
	Load(Param(name), x)
	VBROADCASTSS(x, r)
	return r
}

// halves is the end of a reduction.
const halves = `
	for half := 8; half > 0; half /= 2 {
		for i := range half {
			sums[i] += sums[i+half]
		}
	}
	return sums[0]`

// reductions generates what takes a row to one number.
func reductions(s isa) {
	kernel("greatest"+s.name, "func(x *float32, n int) float32",
		"greatest"+s.name+" returns the greatest of n numbers, a multiple of 16, at least 16.",
		"return slices.Max(from(x, 0)[:n])")
	x := param("x")
	top := s.vec()
	s.load(at(x), top)
	each16([]reg.GPVirtual{x}, func() {
		for i := range top {
			VMAXPS(at(x).Offset(i*s.size), top[i], top[i])
		}
	})
	result(s.reduce(VMAXPS, top))

	kernel("sumSquares"+s.name, "func(x *float32, n int) float32",
		"sumSquares"+s.name+" returns the sum of the squares of n numbers, a multiple of 16: sixteen sums, then these by halves.",
		`var sums [16]float32
		for i, v := range from(x, 0)[:n] {
			sums[i%16] = fma(v, v, sums[i%16])
		}`+halves)
	x = param("x")
	sum := s.vec()
	s.zero(sum)
	each16([]reg.GPVirtual{x}, func() {
		v := s.vec()
		s.load(at(x), v)
		for i := range v {
			VFMADD231PS(v[i], v[i], sum[i])
		}
	})
	result(s.reduce(VADDPS, sum))

	kernel("expSum"+s.name, "func(x *float32, n int, shift float32) float32",
		"expSum"+s.name+" turns n numbers, a multiple of 16, into exponentials and returns their sum, as sumSquares adds.",
		`var sums [16]float32
		for i, v := range from(x, 0)[:n] {
			e := exp(v - shift)
			from(x, 0)[i] = e
			sums[i%16] += e
		}`+halves)
	x = param("x")
	shift := s.splat("shift")
	sum = s.vec()
	s.zero(sum)
	each16([]reg.GPVirtual{x}, func() {
		v := s.vec()
		s.load(at(x), v)
		for i := range v {
			VSUBPS(shift, v[i], v[i])
		}
		s.exp(v)
		s.store(v, at(x))
		each2(VADDPS, v, sum, sum)
	})
	result(s.reduce(VADDPS, sum))
}

// maps generates what works on each element by itself.
func maps(s isa) {
	kernel("scale"+s.name, "func(x *float32, n int, factor float32)",
		"scale"+s.name+" multiplies n numbers, a multiple of 16, with a factor.",
		`for i := range n {
			from(x, 0)[i] *= factor
		}`)
	x := param("x")
	factor := s.splat("factor")
	each16([]reg.GPVirtual{x}, func() {
		v := s.vec()
		s.load(at(x), v)
		for i := range v {
			VMULPS(factor, v[i], v[i])
		}
		s.store(v, at(x))
	})
	done()

	kernel("add"+s.name, "func(dst, x *float32, n int)",
		"add"+s.name+" adds n numbers, a multiple of 16, to others.",
		`for i, v := range from(x, 0)[:n] {
			from(dst, 0)[i] += v
		}`)
	dst, x := param("dst"), param("x")
	each16([]reg.GPVirtual{dst, x}, func() {
		v := s.vec()
		s.load(at(dst), v)
		for i := range v {
			VADDPS(at(x).Offset(i*s.size), v[i], v[i])
		}
		s.store(v, at(dst))
	})
	done()

	kernel("normalize"+s.name, "func(dst, x, w *float32, n int, factor float32)",
		"normalize"+s.name+" multiplies n numbers, a multiple of 16, with a factor and with weights.",
		`for i, v := range from(x, 0)[:n] {
			from(dst, 0)[i] = v * factor * from(w, 0)[i]
		}`)
	dst, x = param("dst"), param("x")
	w := param("w")
	factor = s.splat("factor")
	each16([]reg.GPVirtual{dst, x, w}, func() {
		v := s.vec()
		s.load(at(x), v)
		for i := range v {
			VMULPS(factor, v[i], v[i])
			VMULPS(at(w).Offset(i*s.size), v[i], v[i])
		}
		s.store(v, at(dst))
	})
	done()

	for _, gelu := range []bool{false, true} {
		name, formula, least := "silu", siluGo, siluLeast
		if gelu {
			name, least = "gelu", geluLeast
			formula = geluGo
		}
		kernel(name+s.name, "func(dst, gate, up *float32, n int)",
			name+s.name+" gates n numbers, a multiple of 16.",
			with(`for i, x := range from(gate, 0)[:n] {
				from(dst, 0)[i] = FORMULA * from(up, 0)[i]
			}`, "FORMULA", formula))
		dst, gate, up := param("dst"), param("gate"), param("up")
		each16([]reg.GPVirtual{dst, gate, up}, func() {
			v, e := s.vec(), s.vec()
			s.load(at(gate), v)
			for i := range v {
				if !gelu {
					VXORPS(signBit.of(s, i), v[i], e[i])
					continue
				}
				VMULPS(v[i], v[i], e[i])
				VMULPS(v[i], e[i], e[i])
				VMULPS(geluCubic.of(s, i), e[i], e[i])
				VADDPS(v[i], e[i], e[i])
				VMULPS(geluScale.of(s, i), e[i], e[i])
			}
			s.exp(e)
			for i := range v {
				VADDPS(one.of(s, i), e[i], e[i])
				s.replaceBelow(least, infinity, i, v[i], e[i])
				VDIVPS(e[i], v[i], v[i])
				VMULPS(at(up).Offset(i*s.size), v[i], v[i])
			}
			s.store(v, at(dst))
		})
		done()
	}

	kernel("rotatePairs"+s.name, "func(dst, x, cos, sin *float32, n int)",
		"rotatePairs"+s.name+" turns n numbers, a multiple of 16, by pairs of neighbours; sin is negative where the first is:",
		`c, s := from(cos, 0), from(sin, 0)
		for i := 0; i < n; i += 2 {
			a, b := from(x, 0)[i], from(x, 0)[i+1]
			from(dst, 0)[i] = fma(b, s[i], a*c[i])
			from(dst, 0)[i+1] = fma(a, s[i+1], b*c[i+1])
		}`)
	dst, x = param("dst"), param("x")
	cos, sin := param("cos"), param("sin")
	each16([]reg.GPVirtual{dst, x, cos, sin}, func() {
		v, t := s.vec(), s.vec()
		s.load(at(x), v)
		for i := range v {
			VPERMILPS(Imm(0b10_11_00_01), v[i], t[i])
			VMULPS(at(cos).Offset(i*s.size), v[i], v[i])
			VFMADD231PS(at(sin).Offset(i*s.size), t[i], v[i])
		}
		s.store(v, at(dst))
	})
	done()

	kernel("rotateHalves"+s.name, "func(dst, x, cos, sin *float32, n int)",
		"rotateHalves"+s.name+" turns element i with element i+n, for i < n, a multiple of 16:",
		`c, s := from(cos, 0), from(sin, 0)
		for i := range n {
			a, b := from(x, 0)[i], from(x, 0)[i+n]
			from(dst, 0)[i] = fma(b, -s[i], a*c[i])
			from(dst, 0)[i+n] = fma(a, s[i], b*c[i])
		}`)
	dst, x = param("dst"), param("x")
	cos, sin = param("cos"), param("sin")
	far := param("n")
	each16([]reg.GPVirtual{dst, x, cos, sin}, func() {
		a, b, c, d, t := s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
		second := func(base reg.GPVirtual, i int) Mem {
			return Mem{Base: base, Index: far, Scale: 4, Disp: i * s.size}
		}
		s.load(at(x), a)
		s.load(at(cos), c)
		s.load(at(sin), d)
		for i := range a {
			VMOVUPS(second(x, i), b[i])
			VMULPS(c[i], a[i], t[i])
			VFNMADD231PS(b[i], d[i], t[i])
			VMOVUPS(t[i], at(dst).Offset(i*s.size))
			VMULPS(c[i], b[i], t[i])
			VFMADD231PS(a[i], d[i], t[i])
			VMOVUPS(t[i], second(dst, i))
		}
	})
	done()
}

// The activations of a gate x, as Go.
const (
	siluGo = "x / (1 + exp(-x))"
	geluGo = "x / (1 + exp(-2*math.Sqrt2/math.SqrtPi*(x+0.044715*x*x*x)))"
)

// conversions generates what changes number formats.
func conversions(s isa) {
	kernel("toHalf"+s.name, "func(dst *uint16, x *float32, n int)",
		"toHalf"+s.name+" turns n numbers, a multiple of 16, into the nearest float16, ties to even.",
		`for i, v := range from(x, 0)[:n] {
			from(dst, 0)[i] = quant.Float32ToFloat16(v)
		}`)
	dst, x, n := param("dst"), param("x"), param("n")
	SHRQ(Imm(4), n)
	loop("lanes", n, func() {
		for i := range s.regs {
			v := s.reg()
			VMOVUPS(at(x).Offset(i*s.size), v)
			VCVTPS2PH(Imm(0), v, at(dst).Offset(i*s.size/2))
		}
		ADDQ(imm(vectorBytes), x)
		ADDQ(imm(vectorBytes/2), dst)
	})
	done()
}
