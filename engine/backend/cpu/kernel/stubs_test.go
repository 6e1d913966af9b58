//go:build amd64 && !noasm

package kernel

import (
	"os"
	"testing"

	"vitrine/engine/internal/asmtest"
)

// The Go in the comments of the stubs is what the assembly computes: with it in the
// assembly's place the tests of the kernels pass, the same to the bit at all levels.
func TestStubsAreGo(t *testing.T) {
	if testing.Short() || os.Getenv("GODEBUG") != "" {
		t.Skip("with all features of the processor once is enough")
	}
	asmtest.Run(t, "^Test(ProductsOf|FusedRows|Fixed|GatePanel|AttentionTiles|SplitRow|Quantize|Maps|ExpSum|RMSNorm|ToHalf|Alternatives)",
		asmtest.Package{Folder: ".", Helpers: "testdata/stubs.go", Without: []string{"Pause", "prefetch"}},
		asmtest.Package{Folder: "internal/alternatives", Helpers: "internal/alternatives/testdata/stubs.go"})
}
