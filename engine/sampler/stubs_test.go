//go:build amd64 && !noasm

package sampler

import (
	"os"
	"testing"

	"vitrine/engine/internal/asmtest"
)

// The Go in the comments of the stubs is what the assembly computes: with it in the
// assembly's place the tests that compare the passes with plain Go still pass.
func TestStubsAreGo(t *testing.T) {
	if testing.Short() || os.Getenv("GODEBUG") != "" {
		t.Skip("with all features of the processor once is enough")
	}
	asmtest.Run(t, "^(TestPasses|TestWeightsOfAllSteps|TestSampleAtEveryLevel)$", asmtest.Package{Folder: ".", Helpers: "testdata/stubs.go"})
}
