// Package fakellama plays llama.cpp's llama-bench and llama-batched-bench in
// tests: the test's own program, under their names.
package fakellama

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Fake says what the programs do.
type Fake struct {
	Rate        float64 // tokens a second that llama-bench tells
	BatchedRate float64 // that llama-batched-bench tells
	Alone       bool    // there is no llama-batched-bench
	Says        string  // if not empty, what they print instead of what was asked
	Fails       string  // if not empty, what they say before they fail
}

const (
	orders  = "fake.json"  // beside the programs: the Fake
	journal = "called.txt" // beside them: a line for each call
)

// Install puts the programs into a temporary folder and returns the path of
// llama-bench. The test's TestMain calls [Main].
func (f Fake) Install(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"llama-bench", "llama-batched-bench"}
	if f.Alone {
		names = names[:1]
	}
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Skipf("this system makes no symbolic links: %v", err)
		}
	}
	body, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, orders), body, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, names[0])
}

// Calls returns the command lines so far of the programs beside bench, without their folder.
func Calls(t testing.TB, bench string) []string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(filepath.Dir(bench), journal))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(body)), "\n")
}

// Main plays a program and ends, if the test's program was started under its
// name; else it does nothing.
func Main() {
	name := filepath.Base(os.Args[0])
	if name != "llama-bench" && name != "llama-batched-bench" {
		return
	}
	if err := play(filepath.Dir(os.Args[0]), name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(dir, name string) error {
	var f Fake
	body, err := os.ReadFile(filepath.Join(dir, orders))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return err
	}
	calls, err := os.OpenFile(filepath.Join(dir, journal), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer calls.Close()
	if _, err := fmt.Fprintln(calls, name, strings.Join(os.Args[1:], " ")); err != nil {
		return err
	}
	switch {
	case f.Fails != "":
		return fmt.Errorf("%s", f.Fails)
	case f.Says != "":
		fmt.Println(f.Says)
		return nil
	case name == "llama-bench":
		return f.bench()
	}
	return f.batchedBench()
}

// bench answers as llama-bench -o json does, one test at a time.
func (f *Fake) bench() error {
	flags := flag.NewFlagSet("llama-bench", flag.ContinueOnError)
	_ = flags.String("m", "", "")
	threads, prompt, output, depth := flags.Int("t", 0, ""), flags.Int("p", 512, ""), flags.Int("n", 128, ""), flags.Int("d", 0, "")
	_, format := flags.Int("r", 5, ""), flags.String("o", "md", "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if *format != "json" {
		return fmt.Errorf("this fake prints JSON only")
	}
	return json.NewEncoder(os.Stdout).Encode([]map[string]any{{
		"build_commit": "abc123", "build_number": 7, "backends": "CPU", "cpu_info": "a processor",
		"n_prompt": *prompt, "n_gen": *output, "n_depth": *depth, "n_threads": *threads,
		"avg_ts": f.Rate, "samples_ts": []float64{f.Rate},
	}})
}

// batchedBench answers as llama-batched-bench --output-format jsonl does, the
// empty lines around included.
func (f *Fake) batchedBench() error {
	flags := flag.NewFlagSet("llama-batched-bench", flag.ContinueOnError)
	_ = flags.String("m", "", "")
	threads, context := flags.Int("t", 0, ""), flags.Int("c", 0, "")
	prompt, output, streams := flags.Int("npp", 0, ""), flags.Int("ntg", 0, ""), flags.Int("npl", 0, "")
	format := flags.String("output-format", "md", "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	fmt.Println()
	if *format == "jsonl" && *context >= *streams*(*prompt+*output) { // it leaves out what does not fit
		fmt.Printf(`{"n_threads": %d, "pp": %d, "tg": %d, "pl": %d, "speed_tg": %f}`+"\n", *threads, *prompt, *output, *streams, f.BatchedRate)
	}
	return nil
}
