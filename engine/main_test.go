package engine_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"vitrine/engine/hub"
)

// The examples run on the default model where it is in the cache. An example
// cannot be skipped from within, and a test is no reason to fetch 98 MB.
func TestMain(m *testing.M) {
	flag.Parse()
	found, err := hub.New(hub.Options{}).Resolve(hub.Default)
	if err != nil || !found.Model.Cached {
		if os.Getenv("CI") == "true" {
			fmt.Fprintln(os.Stderr, "the examples of LLM need the model, and it is not here; run `go run ./server pull`")
			os.Exit(1)
		}
		skip := "^Example(LLM|New)"
		if more := flag.Lookup("test.skip").Value.String(); more != "" {
			skip += "|" + more
		}
		if err := flag.Set("test.skip", skip); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "the examples of LLM are left out: the model is not here; run `go run ./server pull`")
	}
	os.Exit(m.Run())
}
