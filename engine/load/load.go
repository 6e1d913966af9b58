// Package load opens what runs: it finds a model by name or path, fetches it
// where needed, and reads its weights, tokenizer and chat template.
package load

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"vitrine/engine/backend"
	"vitrine/engine/backend/cpu"
	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/backend/parallel"
	"vitrine/engine/backend/ref"
	"vitrine/engine/hub"
	"vitrine/engine/model"
	"vitrine/engine/sampler"
	"vitrine/engine/tokenizer"
)

// Options say on what a model runs.
type Options struct {
	// Backend is one of [Backends]; empty means the first.
	Backend string
	// Threads the cpu backend uses; 0 means one for each processor.
	Threads int
	// TensorParallelSize is the number of ranks that divide the model and the
	// threads among themselves; 0 means 1. A model cannot be divided among more
	// than it has KV heads: [Found.Open] returns a *[model.DivisionError] then.
	TensorParallelSize int
	// CPU is the highest level of processor features that the cpu backend and
	// the program's samplers use, one of [CPULevels]; empty means the best that
	// there is.
	CPU string
	// KV is the format of keys and values of the cpu backend, one of [KVFormats];
	// empty means the first.
	KV string
	// BatchVariant gives up batch invariance of the cpu backend for speed where
	// there is AMX: see [cpu.Options].
	BatchVariant bool
	// Read is told how many bytes of the weights are in memory; may be nil.
	Read func(done, total int64)
}

// Backends names what models run on, the default first.
var Backends = []string{"cpu", "ref"}

// CPULevels names the levels of processor features, the best first.
var CPULevels = []string{kernel.AMX.String(), kernel.AVX512.String(), kernel.AVX2.String(), kernel.Go.String()}

// KVFormats names the formats of keys and values, the default first.
var KVFormats = []string{kernel.KVF16.String(), kernel.KVF32.String(), kernel.KVI8.String()}

// maxThreads is more than any machine has processors; maxRanks is more than any
// model has KV heads.
const (
	maxThreads = 1024
	maxRanks   = 256
)

// OptionError says which option is wrong, and what would be right.
type OptionError struct {
	Option string // as the commands call it, "kv-cache-dtype"
	Got    string
	Want   string
}

// Error returns "OPTION: got GOT, want WANT".
func (e *OptionError) Error() string { return e.Option + ": got " + e.Got + ", want " + e.Want }

// Check says which option is out of range, without opening anything. The error is
// an *[OptionError].
func (o Options) Check() error {
	if o.Threads < 0 || o.Threads > maxThreads {
		return &OptionError{"threads", strconv.Itoa(o.Threads), fmt.Sprintf("0 (all processors) to %d", maxThreads)}
	}
	if o.TensorParallelSize < 0 || o.TensorParallelSize > maxRanks {
		return &OptionError{"tensor-parallel-size", strconv.Itoa(o.TensorParallelSize), fmt.Sprintf("1 to %d", maxRanks)}
	}
	for _, f := range []struct {
		name, value string
		want        []string
	}{{"backend", o.Backend, Backends}, {"cpu", o.CPU, CPULevels}, {"kv-cache-dtype", o.KV, KVFormats}} {
		if f.value != "" && !slices.Contains(f.want, f.value) {
			return &OptionError{f.name, strconv.Quote(f.value), strings.Join(f.want, " or ")}
		}
	}
	return nil
}

// Model is an open model with what it needs to be talked to.
type Model struct {
	*model.Model
	Name      string // its name in the registry, or that of its file or folder
	Title     string // as people write it
	Licence   string // as the file gives it, else the registry
	Path      string
	Threads   int // that the backend uses
	Tokenizer *tokenizer.Tokenizer
	// Loading is the time that [Found.Open] took: for the vocabulary, and for the
	// weights to be read and laid out for the kernels.
	Loading time.Duration
}

// Found is a model that has been found by its name.
type Found struct {
	Name, Title, Licence string // as in [Model]
	Path                 string // where it lies or, once fetched, will lie
	inRegistry           bool
	hub                  *hub.Hub
}

// Find finds a model by its name in the registry or its path. Nothing is
// fetched. Errors are those of [hub.Hub.Resolve].
func Find(name string) (*Found, error) { return FindIn(hub.New(hub.Options{}), name) }

// FindIn is Find with a hub of the caller's.
func FindIn(h *hub.Hub, name string) (*Found, error) {
	where, err := h.Resolve(name)
	if err != nil {
		return nil, err
	}
	if m := where.Model; m != nil {
		return &Found{Name: m.Name, Title: m.Title, Licence: m.Licence, Path: where.Path, inRegistry: true, hub: h}, nil
	}
	// A path may be ".", and need not be clean.
	path, err := filepath.Abs(where.Path)
	if err != nil {
		return nil, err
	}
	title := filepath.Base(path)
	if where.Format == hub.GGUF {
		title = strings.TrimSuffix(title, filepath.Ext(title))
	}
	return &Found{Name: title, Title: title, Path: path, hub: h}, nil
}

// Fetch fetches the model into the cache if it is not there. progress may be
// nil; it is told nothing of a model that is there already. Errors are those of
// [hub.Hub.Pull].
func (f *Found) Fetch(ctx context.Context, progress hub.Progress) error {
	name := f.Path
	if f.inRegistry {
		name = f.Name
	}
	_, err := f.hub.Pull(ctx, name, progress)
	return err
}

// Open reads the model's weights and tokenizer; the model has been fetched.
func (f *Found) Open(o Options) (*Model, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	start := time.Now()
	t, err := tokenizer.Load(f.Path)
	if err != nil {
		return nil, err
	}
	sampler.Limit(o.CPU)
	b, err := newBackend(o)
	if err != nil {
		return nil, err
	}
	weights, err := model.Load(f.Path, b, model.LoadOptions{Progress: o.Read})
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	m := &Model{Model: weights, Name: f.Name, Title: f.Title, Licence: weights.Config().Licence, Path: f.Path, Threads: max(b.Threads(), 1), Tokenizer: t}
	if m.Licence == "" {
		m.Licence = f.Licence
	}
	m.Loading = time.Since(start)
	debug.FreeOSMemory() // what was in the way of the vocabulary and the weights
	return m, nil
}

// newBackend returns a backend, or one of several ranks.
func newBackend(o Options) (backend.Backend, error) {
	threads := o.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	n := o.TensorParallelSize
	if n <= 1 {
		return newRank(o, threads), nil
	}
	ranks := make([]backend.Backend, n)
	for r := range ranks { // each has its share of the threads, and one at least
		ranks[r] = newRank(o, max(threads*(r+1)/n-threads*r/n, 1))
	}
	return parallel.New(ranks...)
}

// newRank returns a backend with so many threads.
func newRank(o Options, threads int) backend.Backend {
	if o.Backend == "ref" {
		return ref.New()
	}
	options := cpu.Options{Threads: threads, Level: kernel.Best(), KV: kernel.KVF16, BatchVariant: o.BatchVariant}
	if level, err := kernel.ParseLevel(o.CPU); err == nil {
		options.Level = level
	}
	if kv, err := kernel.ParseKV(o.KV); err == nil {
		options.KV = kv
	}
	return cpu.With(options)
}

// Close frees the model and its backend.
func (m *Model) Close() error {
	return errors.Join(m.Model.Close(), m.Backend().Close())
}
