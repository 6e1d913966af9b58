//go:build !noasm

package sampler

import "golang.org/x/sys/cpu"

// levels are the passes that this processor can run, the slowest first.
var levels = func() []*passes {
	list := []*passes{&plain}
	x := &cpu.X86
	if !(x.HasAVX2 && x.HasPOPCNT) {
		return list
	}
	list = append(list, &passes{
		level: "avx2", scanBlocks: scanAVX2, countVectors: countAVX2, collectVectors: collectAVX2,
		sumVectors: sumWeightsAVX2, weighVectors: weighAVX2,
	})
	if !(x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL) {
		return list
	}
	return append(list, &passes{
		level: "avx512", scanBlocks: scanAVX512, countVectors: countAVX512, collectVectors: collectAVX512,
		sumVectors: sumWeightsAVX512, weighVectors: weighAVX512,
	})
}()
