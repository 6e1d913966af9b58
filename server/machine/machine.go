// Package machine says what a speed was measured on: the processor, how fast
// it reads memory, how busy it is, and how much memory the program holds.
package machine

import (
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/pbnjay/memory"
)

// Info names a machine.
type Info struct {
	CPU        string   `json:"cpu"`        // as the processor calls itself
	Features   []string `json:"features"`   // those of its vector units that matter to a language model
	Processors int      `json:"processors"` // that the program may use
	Memory     uint64   `json:"memory_bytes"`
	L3         int      `json:"l3_bytes"` // 0 where the processor does not say
}

// features are the extensions that kernels of matrix products are written for.
var features = []cpuid.FeatureID{
	cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.AVXVNNI,
	cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL, cpuid.AVX512VNNI, cpuid.AVX512BF16, cpuid.AVX512FP16,
	cpuid.AMXINT8, cpuid.AMXBF16, cpuid.ASIMD, cpuid.ASIMDDP, cpuid.SVE,
}

// Describe looks at the machine that the program runs on.
func Describe() Info {
	i := Info{
		CPU: strings.TrimSpace(cpuid.CPU.BrandName), Processors: runtime.GOMAXPROCS(0),
		Memory: memory.TotalMemory(), L3: max(0, cpuid.CPU.Cache.L3), Features: []string{},
	}
	if i.CPU == "" {
		i.CPU = runtime.GOARCH
	}
	for _, f := range features {
		if cpuid.CPU.Supports(f) {
			i.Features = append(i.Features, f.String())
		}
	}
	return i
}

// String is the machine in a line: "Intel(R) Xeon(R) Processor, 2 processors, AVX2 FMA3 F16C".
func (i Info) String() string {
	parts := []string{i.CPU, plural(i.Processors, "processor")}
	if len(i.Features) > 0 {
		parts = append(parts, strings.Join(i.Features, " "))
	}
	return strings.Join(parts, ", ")
}
