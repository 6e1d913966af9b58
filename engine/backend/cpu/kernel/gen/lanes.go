package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Every kernel is written over vectors of sixteen 32-bit lanes. AVX-512 holds
// one in a register, AVX2 in two; since the lanes are the same and each adds up
// its numbers in the same order, both give the same result to the bit.
const lanes = 16

// isa is an instruction set that kernels are generated for.
type isa struct {
	name string // the suffix of the kernels' names
	regs int    // registers for sixteen lanes
	size int    // bytes of a register
}

var (
	avx2   = isa{"AVX2", 2, 32}
	avx512 = isa{"AVX512", 1, 64}
)

func (s isa) wide() bool { return s.regs == 1 }

// vec is sixteen lanes.
type vec []reg.VecVirtual

// vec allocates sixteen lanes.
func (s isa) vec() vec {
	v := make(vec, s.regs)
	for i := range v {
		v[i] = s.reg()
	}
	return v
}

// reg allocates one register of the instruction set's full width.
func (s isa) reg() reg.VecVirtual {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// at is the memory of register i of sixteen lanes of 32 bits at m.
func (s isa) at(m Mem, i int) Mem { return m.Offset(i * s.size) }

// load reads sixteen lanes of 32 bits.
func (s isa) load(m Mem, v vec) {
	for i, r := range v {
		VMOVUPS(s.at(m, i), r)
	}
}

// store writes sixteen lanes of 32 bits.
func (s isa) store(v vec, m Mem) {
	for i, r := range v {
		VMOVUPS(r, s.at(m, i))
	}
}

// loadHalf reads sixteen float16 and widens them.
func (s isa) loadHalf(m Mem, v vec) {
	for i, r := range v {
		VCVTPH2PS(m.Offset(i*s.size/2), r)
	}
}

// zero clears the lanes.
func (s isa) zero(v vec) {
	for _, r := range v {
		s.clear(r)
	}
}

// clear sets a register to zero. avo must be told that what the register held
// does not matter, or it keeps it for the register's sake from the kernel's start.
func (s isa) clear(r reg.VecVirtual) {
	if !s.wide() {
		VXORPS(r, r, r)
		return
	}
	Instruction(&ir.Instruction{
		Opcode: "VPXORD", Operands: []Op{r, r, r}, Inputs: []Op{r, r}, Outputs: []Op{r},
		CancellingInputs: true, ISA: []string{"AVX512F"},
	})
}

// copy sets dst to src.
func (s isa) copy(src, dst vec) {
	for i := range dst {
		VMOVAPS(src[i], dst[i])
	}
}

// each2 applies a three-operand instruction to all registers.
func each2(op func(...Op), a, b, dst vec) {
	for i := range dst {
		op(a[i], b[i], dst[i])
	}
}

// and, or work on bits.
func (s isa) and(a, b, dst Op) {
	if s.wide() {
		VPANDD(a, b, dst)
	} else {
		VPAND(a, b, dst)
	}
}

func (s isa) or(a, b, dst Op) {
	if s.wide() {
		VPORD(a, b, dst)
	} else {
		VPOR(a, b, dst)
	}
}

// dot adds to each lane of acc the two products of the 16-bit numbers in that
// lane of a and b. AVX-512 VNNI does it in one instruction, AVX2 needs tmp.
func (s isa) dot(a, b Op, acc, tmp reg.VecVirtual) {
	if s.wide() {
		vpdpwssd(a, b, acc)
		return
	}
	VPMADDWD(a, b, tmp)
	VPADDD(tmp, acc, acc)
}

// vpdpwssd appends VPDPWSSD, which avo does not know: acc += a·b, 16-bit
// numbers in pairs (Intel's manual, AVX512_VNNI).
func vpdpwssd(a, b Op, acc reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPWSSD", Operands: []Op{a, b, acc},
		Inputs: []Op{a, b, acc}, Outputs: []Op{acc}, ISA: []string{"AVX512_VNNI"},
	})
}

// vpdpwssdBroadcast is vpdpwssd with the same 32 bits of memory for all lanes.
func vpdpwssdBroadcast(m Mem, b Op, acc reg.VecVirtual) {
	Instruction(&ir.Instruction{
		Opcode: "VPDPWSSD", Suffixes: []string{"BCST"}, Operands: []Op{m, b, acc},
		Inputs: []Op{m, b, acc}, Outputs: []Op{acc}, ISA: []string{"AVX512_VNNI"},
	})
}

// reduce adds the sixteen lanes of v in a fixed order into lane 0 of the
// returned register: halves first. Lanes of v are lost.
func (s isa) reduce(add func(...Op), v vec) reg.VecVirtual {
	y, x, t := YMM(), XMM(), XMM()
	if s.wide() {
		VEXTRACTF64X4(Imm(1), v[0], y)
		add(y, v[0].AsY(), y)
	} else {
		add(v[1], v[0], y)
	}
	VEXTRACTF128(Imm(1), y, x)
	add(x, y.AsX(), x)
	VPSHUFD(Imm(0b01_00_11_10), x, t)
	add(t, x, x)
	VPSHUFD(Imm(0b10_11_00_01), x, t)
	add(t, x, x)
	return x
}

// loop repeats body n times, n in a register that is counted down to zero.
// n may be zero.
func loop(name string, n reg.GPVirtual, body func()) {
	TESTQ(n, n)
	JE(LabelRef(name + "_done"))
	Label(name)
	body()
	DECQ(n)
	JNE(LabelRef(name))
	Label(name + "_done")
}

// param loads an argument into a new register.
func param(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// at is the memory at a register.
func at(base reg.Register) Mem { return Mem{Base: base} }

// imm is a number for the instructions that take 32 bits: avo picks the
// smallest type, and they know only 8 and 32.
func imm(n int) Op {
	if n < 128 {
		return U8(n)
	}
	return U32(n)
}
