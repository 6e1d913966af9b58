package main

import (
	"fmt"
	"strings"
	"testing"
)

// Types that computing is embedded in are printed with their own figures.
func TestPrintingKeepsTheFigures(t *testing.T) {
	c := computing{Backend: "cpu", CPU: "avx2", KV: "f16", Threads: 2, Ranks: 1}
	if got, want := c.line(), "cpu (avx2, f16 KV), 2 threads, not batch-invariant"; got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
	for _, v := range []any{measurement{Model: "smollm2", computing: c}, comparison{Model: "smollm2", computing: c}, servedRun{Model: "smollm2", computing: c}} {
		if got := fmt.Sprintf("%+v", v); !strings.Contains(got, "Model:smollm2") || !strings.Contains(got, "Threads:2") {
			t.Errorf("%T is printed as %s", v, got)
		}
	}
}
