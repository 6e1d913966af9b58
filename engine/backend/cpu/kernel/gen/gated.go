package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gatedPanel generates the gating of the rows of a panel.
func gatedPanel(gelu bool) {
	name, formula := "silu", siluGo
	factor := -math.Log2E
	if gelu {
		name, formula = "gelu", geluGo
		factor *= 2 * math.Sqrt(2/math.Pi)
	}
	kernel(name+"PanelAMX", "func(dst *float32, dstStride int, gate *float32, up *float32, rows int)",
		fmt.Sprintf("%sPanelAMX gates rows of 32 numbers, which lie one after the other and those of dst dstStride bytes apart,\nwithin some 10⁻⁵:", name),
		with(`for i, x := range from(gate, 0)[:32*rows] {
			from(dst, i/32*dstStride)[i%32] = FORMULA * from(up, 0)[i]
		}`, "FORMULA", formula))
	dst, stride, gate, up, rows := param("dst"), param("dstStride"), param("gate"), param("up"), param("rows")
	e := newShortExp(float32(factor))
	// Where the exponential is greater, its inverse vanishes.
	most, one, two := broadcast(math.Float32bits(120)), broadcast(math.Float32bits(1)), broadcast(math.Float32bits(2))
	var cubic reg.VecVirtual
	if gelu {
		cubic = broadcast(math.Float32bits(0.044715))
	}
	loop("row", rows, func() {
		for i := range 2 {
			x, t, inverse := ZMM(), ZMM(), ZMM()
			VMOVUPS(at(gate).Offset(i*vectorBytes), x)
			VMULPS(e.factor, x, t)
			if gelu {
				VMULPS(x, x, inverse)
				VFMADD213PS(one, cubic, inverse)
				VMULPS(inverse, t, t)
			}
			const notGreater = 10 // or unordered
			counts := K()
			VCMPPS(Imm(notGreater), most, t, counts)
			e.power(t)
			VADDPS(one, t, t)
			// A step of Newton's method makes the estimate's 14 bits 28.
			VRCP14PS(t, inverse)
			VFNMADD213PS(two, inverse, t)
			VMULPS_Z(inverse, t, counts, t)
			VMULPS(at(up).Offset(i*vectorBytes), x, x)
			VMULPS(t, x, x)
			VMOVUPS(x, at(dst).Offset(i*vectorBytes))
		}
		ADDQ(stride, dst)
		ADDQ(imm(2*vectorBytes), gate)
		ADDQ(imm(2*vectorBytes), up)
	})
	done()
}
