package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// LlamaCpp runs the programs with which llama.cpp is measured, with their
// default settings beside the model, the number of threads and what is run.
type LlamaCpp struct {
	bench   string // llama-bench: one sequence
	batched string // llama-batched-bench: several together; "" where it does not lie beside llama-bench
	model   string // the .gguf file
	threads int
}

// FindLlamaCpp looks for llama-bench at path and llama-batched-bench beside it.
func FindLlamaCpp(path, model string, threads int) (*LlamaCpp, error) {
	bench, err := exec.LookPath(path)
	if err != nil {
		var reason *exec.Error
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, fmt.Errorf("llama-bench: %s is no program that can be run: %w", path, err)
	}
	// Without a slash, LookPath finds it on the path; with one, where it says.
	if bench, err = filepath.Abs(bench); err != nil {
		return nil, err
	}
	l := &LlamaCpp{bench: bench, model: model, threads: threads}
	batched := filepath.Join(filepath.Dir(bench), "llama-batched-bench")
	if runtime.GOOS == "windows" {
		batched += ".exe"
	}
	if info, err := os.Stat(batched); err == nil && info.Mode().IsRegular() {
		l.batched = batched
	}
	return l, nil
}

// Build names what ran: "build 0c1e570 (1), CPU".
type Build struct {
	Commit   string `json:"build_commit"`
	Number   int    `json:"build_number"`
	Backends string `json:"backends"`
}

// String is the build in words.
func (b Build) String() string {
	return fmt.Sprintf("build %s (%d), %s", b.Commit, b.Number, b.Backends)
}

// Runs says whether the programs that are there can run the case.
func (l *LlamaCpp) Runs(c Case) bool { return c.Batch == 1 || l.batched != "" && c.Depth > 0 }

// Run runs a case once and returns tokens a second: of the prefill, where the
// case has a prompt, else of the decode. Unlike this program's own, the
// figures hold no sampler: llama.cpp measures with random tokens.
func (l *LlamaCpp) Run(ctx context.Context, c Case) (float64, Build, error) {
	switch {
	case !l.Runs(c):
		return 0, Build{}, fmt.Errorf("llama-batched-bench is not beside %s, and llama-bench runs one sequence only", l.bench)
	case c.Batch > 1:
		rate, err := l.together(ctx, c)
		return rate, Build{}, err
	}
	return l.alone(ctx, c)
}

// benchResult is what is read of an entry of llama-bench -o json.
type benchResult struct {
	Build
	Prompt  *int    `json:"n_prompt"`
	Output  *int    `json:"n_gen"`
	Depth   *int    `json:"n_depth"`
	Threads *int    `json:"n_threads"`
	Rate    float64 `json:"avg_ts"`
}

// alone runs one sequence: the prefill of a prompt, or the decode at a depth.
func (l *LlamaCpp) alone(ctx context.Context, c Case) (float64, Build, error) {
	output := c.Output
	if c.Prompt > 0 {
		output = 0
	}
	out, err := l.run(ctx, l.bench, "-p", strconv.Itoa(c.Prompt), "-n", strconv.Itoa(output), "-d", strconv.Itoa(c.Depth), "-r", "1", "-o", "json")
	if err != nil {
		return 0, Build{}, err
	}
	var results []benchResult
	if err := json.Unmarshal(out, &results); err != nil {
		return 0, Build{}, unexpected(l.bench, "want a JSON array: "+err.Error(), out)
	}
	if len(results) != 1 || !is(results[0].Prompt, c.Prompt) || !is(results[0].Output, output) || !is(results[0].Depth, c.Depth) ||
		!is(results[0].Threads, l.threads) || !(results[0].Rate > 0) {
		want := fmt.Sprintf("want one result with n_prompt %d, n_gen %d, n_depth %d, n_threads %d and avg_ts", c.Prompt, output, c.Depth, l.threads)
		return 0, Build{}, unexpected(l.bench, want, out)
	}
	return results[0].Rate, results[0].Build, nil
}

// batchedResult is what is read of the line of llama-batched-bench's jsonl.
type batchedResult struct {
	Prompt  *int    `json:"pp"`
	Output  *int    `json:"tg"`
	Batch   *int    `json:"pl"`
	Threads *int    `json:"n_threads"`
	Rate    float64 `json:"speed_tg"`
}

// together runs several sequences, each with a prompt of its own.
func (l *LlamaCpp) together(ctx context.Context, c Case) (float64, error) {
	out, err := l.run(ctx, l.batched, "-c", strconv.Itoa(c.Batch*(c.Depth+c.Output)),
		"-npp", strconv.Itoa(c.Depth), "-ntg", strconv.Itoa(c.Output), "-npl", strconv.Itoa(c.Batch), "--output-format", "jsonl")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(out) {
		var r batchedResult
		if !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &r) != nil {
			continue // what it says of its own doings
		}
		if is(r.Prompt, c.Depth) && is(r.Output, c.Output) && is(r.Batch, c.Batch) && is(r.Threads, l.threads) && r.Rate > 0 {
			return r.Rate, nil
		}
	}
	want := fmt.Sprintf("want a line of JSON with pp %d, tg %d, pl %d, n_threads %d and speed_tg", c.Depth, c.Output, c.Batch, l.threads)
	return 0, unexpected(l.batched, want, out)
}

func is(got *int, want int) bool { return got != nil && *got == want }

// run runs a program and returns its standard output.
func (l *LlamaCpp) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	args = append([]string{"-m", l.model, "-t", strconv.Itoa(l.threads)}, args...)
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		said := lastLine(errOut.Bytes())
		if said == "" {
			said = lastLine(out.Bytes())
		}
		return nil, fmt.Errorf("%s %s: %w, and said last %q", filepath.Base(program), strings.Join(args, " "), err, said)
	}
	return out.Bytes(), nil
}

// unexpected is the error for output that is not what it should be.
func unexpected(program, want string, out []byte) error {
	const most = 200
	shown := strings.TrimSpace(string(out))
	if len(shown) > most {
		shown = shown[:most] + "…"
	}
	return fmt.Errorf("%s printed what this program does not understand: %s; got %q", filepath.Base(program), want, shown)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
