//go:build !noasm

package kernel

import "golang.org/x/sys/cpu"

// A feature is something that the kernels of a level need. Package cpu lets
// GODEBUG=cpu.SWITCH=off switch it off.
type feature struct {
	level Level
	// name is what the processor's maker calls it, and switchName what GODEBUG does.
	name, switchName string
	has              *bool
}

var features = []feature{
	{AVX2, "AVX2", "avx2", &cpu.X86.HasAVX2},
	{AVX2, "FMA", "fma", &cpu.X86.HasFMA},
	{AVX2, "F16C", "f16c", &cpu.X86.HasF16C},
	{AVX512, "AVX512F", "avx512f", &cpu.X86.HasAVX512F},
	{AVX512, "AVX512BW", "avx512bw", &cpu.X86.HasAVX512BW},
	{AVX512, "AVX512DQ", "avx512dq", &cpu.X86.HasAVX512DQ},
	{AVX512, "AVX512VL", "avx512vl", &cpu.X86.HasAVX512VL},
	{AVX512, "AVX512_VNNI", "avx512vnni", &cpu.X86.HasAVX512VNNI},
	{AMX, "AMX-TILE", "amxtile", &cpu.X86.HasAMXTile},
	{AMX, "AMX-INT8", "amxint8", &cpu.X86.HasAMXInt8},
	{AMX, "AMX-BF16", "amxbf16", &cpu.X86.HasAMXBF16},
	{AMX, "AVX512_VBMI2", "avx512vbmi2", &cpu.X86.HasAVX512VBMI2},
}

// Best is the highest level that this processor has.
func Best() Level { return best }

var best = func() Level {
	for l := AVX2; l <= AMX; l++ {
		if len(Missing(l)) > 0 {
			return l - 1
		}
	}
	return AMX
}()

// Missing names what this machine lacks for a level: features of the processor,
// or that GODEBUG has switched off, and for [AMX] the system's leave to use its tiles.
func Missing(l Level) []string {
	var out []string
	for _, f := range features {
		if f.level <= l && !*f.has {
			out = append(out, f.name)
		}
	}
	if l == AMX && len(out) == 0 && !permitTiles() {
		out = append(out, "the system's permission for AMX tiles")
	}
	return out
}
