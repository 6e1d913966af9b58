// Package serving measures how an engine serves many requests at once: a
// workload, written down in a file, is sent to engines that differ in their
// policies alone, and what each made of it is counted and timed.
package serving

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// Workload is a list of requests by the lengths of their prompts and answers.
// The tokens themselves are drawn from Seed, for the work does not depend on
// them: every answer runs to its length, whatever is in it.
type Workload struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// Source says in words where the lengths come from.
	Source string `json:"source"`
	Seed   uint64 `json:"seed"`
	// MaxModelLen is the longest sequence that the service admits, in tokens: what
	// a policy that reserves memory has to reserve for each request.
	MaxModelLen int `json:"max_model_len"`
	// SharedTokens is the length of the prompt that all requests begin with, as
	// with a system prompt; each request's own comes behind it.
	SharedTokens int       `json:"shared_tokens,omitempty"`
	Requests     []Request `json:"requests"`
}

// Request is one request of a workload.
type Request struct {
	// Arrival is the time from the first request to this one, in units of the
	// mean time between two requests.
	Arrival float64 `json:"arrival"`
	Prompt  int     `json:"prompt_tokens"` // behind the shared ones
	Output  int     `json:"output_tokens"`
}

// What a file may ask for: far more than a machine serves, and no more than
// fits into memory as lengths and ids.
const (
	maxFileBytes = 16 << 20
	maxRequests  = 100_000
	maxTokens    = 1 << 20
	maxArrival   = 1e9
)

//go:embed workloads/*.json
var files embed.FS

// Names are the workloads that come with the program.
var Names = []string{"mixed", "shared-prompt"}

// Open reads a workload by its name, or from the .json file at a path.
func Open(name string) (*Workload, error) {
	if slices.Contains(Names, name) {
		f, err := files.Open("workloads/" + name + ".json")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return Read(f)
	}
	if !strings.HasSuffix(name, ".json") {
		return nil, fmt.Errorf("got %q, want %s, or a .json file", name, strings.Join(Names, " or "))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}

// Read reads a workload and checks it. Errors name the field that is wrong.
func Read(r io.Reader) (*Workload, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxFileBytes {
		return nil, fmt.Errorf("want at most %d bytes", maxFileBytes)
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	var w Workload
	if err := d.Decode(&w); err != nil {
		return nil, fmt.Errorf("want a workload as JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("want one JSON object and nothing behind it")
	}
	return &w, w.check()
}

// check says which field is wrong.
func (w *Workload) check() error {
	switch {
	case w.Name == "":
		return errors.New("name: is empty")
	case w.MaxModelLen < 2 || w.MaxModelLen > maxTokens:
		return fmt.Errorf("max_model_len: got %d, want 2 to %d", w.MaxModelLen, maxTokens)
	case w.SharedTokens < 0 || w.SharedTokens >= w.MaxModelLen:
		return fmt.Errorf("shared_tokens: got %d, want 0 or more, and fewer than max_model_len", w.SharedTokens)
	case len(w.Requests) == 0 || len(w.Requests) > maxRequests:
		return fmt.Errorf("requests: got %d, want 1 to %d", len(w.Requests), maxRequests)
	}
	before := 0.0
	for i, r := range w.Requests {
		switch {
		case !(r.Arrival >= before && r.Arrival <= maxArrival):
			return fmt.Errorf("requests[%d].arrival: got %g, want %g (that of the request before) to %g", i, r.Arrival, before, maxArrival)
		case r.Prompt < 0 || r.Prompt+w.SharedTokens < 1 || r.Prompt > w.MaxModelLen:
			return fmt.Errorf("requests[%d].prompt_tokens: got %d, want a prompt of at least 1 token and at most max_model_len", i, r.Prompt)
		case r.Output < 1 || r.Output > w.MaxModelLen:
			return fmt.Errorf("requests[%d].output_tokens: got %d, want 1 to max_model_len", i, r.Output)
		case w.SharedTokens+r.Prompt+r.Output > w.MaxModelLen:
			return fmt.Errorf("requests[%d]: got %d tokens together, want at most max_model_len, which is %d", i, w.SharedTokens+r.Prompt+r.Output, w.MaxModelLen)
		}
		before = r.Arrival
	}
	return nil
}

// PromptTokens is the number of tokens of all prompts.
func (w *Workload) PromptTokens() int {
	n := len(w.Requests) * w.SharedTokens
	for _, r := range w.Requests {
		n += r.Prompt
	}
	return n
}

// OutputTokens is the number of tokens of all answers.
func (w *Workload) OutputTokens() int {
	n := 0
	for _, r := range w.Requests {
		n += r.Output
	}
	return n
}

// Head returns the workload with its first n requests alone; 0 means all.
func (w *Workload) Head(n int) *Workload {
	if n <= 0 || n >= len(w.Requests) {
		return w
	}
	short := *w
	short.Requests = w.Requests[:n]
	return &short
}

// Prompts draws the tokens of each request's prompt from a vocabulary. Each
// request has its own stream of random numbers, so that its prompt does not
// depend on the others.
func (w *Workload) Prompts(vocab int) [][]int32 {
	draw := func(stream uint64, n int) []int32 {
		random := rand.New(rand.NewPCG(w.Seed, stream))
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = random.Int32N(int32(min(vocab, math.MaxInt32)))
		}
		return ids
	}
	shared := draw(0, w.SharedTokens)
	prompts := make([][]int32, len(w.Requests))
	for i, r := range w.Requests {
		prompts[i] = slices.Concat(shared, draw(uint64(i)+1, r.Prompt))
	}
	return prompts
}
