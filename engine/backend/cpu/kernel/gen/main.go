// Command gen writes the kernels of package kernel in Go assembly.
//
//	go run . -room matmul -out ../matmul_amd64.s -stubs ../matmul_amd64.go -pkg kernel
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
)

const (
	attrs      = attr.NOSPLIT
	constAttrs = attr.RODATA | attr.NOPTR
)

// rooms are the files that are generated.
var rooms = map[string]func(){
	"matmul": func() {
		for _, s := range []isa{avx2, avx512} {
			for _, l := range layouts {
				gemv(s, l)
			}
			quantize(s)
		}
		for _, l := range layouts {
			gemmTile(avx512, l)
			unpack(avx2, l)
		}
		for _, group := range []int{32, 16} {
			for _, mins := range []bool{false, true} {
				gemm(avx2, group, mins)
			}
		}
	},
	"amx": func() {
		for _, group := range []int{32, 16} {
			amxConfigs[group] = amxConfig(group)
		}
		for _, l := range layouts {
			bfloats(l)
			expandAMX(l)
		}
		for _, mins := range []bool{false, true} {
			gemmAMX(32, mins, false)
			gemmAMX(32, mins, true)
			gemmAMX(16, mins, false)
		}
		bunchAMX()
	},
	"fused": func() {
		for _, group := range []int{32, 16} {
			amxConfigs[group] = amxConfig(group)
		}
		amxConfigs[inBytes] = amxBytesConfig()
		for _, l := range layouts {
			bfloats(l)
			fusedAMX(l)
		}
		bunchBytesAMX()
	},
	"fixed": func() {
		fixedMagnitude()
		fixedRow()
		lowFirst, highFirst := fixedShuffles()
		for _, l := range layouts {
			fixedWeights(l, lowFirst, highFirst)
		}
		fixedGemm()
	},
	"gated": func() {
		gatedPanel(false)
		gatedPanel(true)
	},
	"hints": func() {
		pause()
		prefetch()
	},
	"vector": func() {
		declare(append(expConstants(), geluCubic, geluScale, signBit, infinity, siluLeast, geluLeast)...)
		for _, s := range []isa{avx2, avx512} {
			reductions(s)
			maps(s)
			conversions(s)
		}
	},
	"attention": func() {
		for _, s := range []isa{avx2, avx512} {
			widenGroups(s)
			for _, n := range []number{f32, f16, i8} {
				scores(s, n)
				values(s, n)
			}
		}
	},
	"attentiontiles": func() {
		declare(expConstants()...)
		words := oddWords()
		splitRow(words)
		splitPairs()
		splitGemm()
		softmaxTile(words)
		scaleTile()
	},
	"sampler": func() {
		declareSampler()
		for _, s := range []isa{avx2, avx512} {
			scan(s)
			count(s)
			collect(s)
			weights(s, false)
			weights(s, true)
		}
	},
	"alternatives": func() {
		nibbleTable = fixedTable(q41)
		for _, s := range []isa{avx2, avx512} {
			floatVectorQ41(s)
			floatPanelQ41(s)
			floatPanelMul(s)
		}
		int8Q41()
	},
	"floats": func() {
		for _, s := range []isa{avx2, avx512} {
			for _, n := range []number{f32, f16, bf16} {
				floatVector(s, n)
				floatMatrix(s, n)
			}
		}
	},
}

func main() {
	room := flag.String("room", "", "which file to write")
	flag.Parse()
	write, ok := rooms[*room]
	if !ok {
		fmt.Fprintf(os.Stderr, "gen: -room is %q, want one of the names in rooms\n", *room)
		os.Exit(2)
	}
	ConstraintExpr("!noasm")
	write()
	Generate()
}
