package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"vitrine/engine/backend/cpu/kernel"
	"vitrine/engine/hub"
	"vitrine/engine/load"
	"vitrine/engine/model"
)

// modelFlags say which model to open and on what it runs.
type modelFlags struct {
	name    string
	backend *choice
	threads int
	ranks   int
	cpu, kv *choice
	// cpuAsked says whether cpu was named on the command line.
	cpuAsked func() bool
	// invariant is whether a row's result must be the same to the bit whatever else is
	// in the batch.
	invariant bool
}

// addName adds --model alone, for commands that compute nothing.
func (m *modelFlags) addName(flags *pflag.FlagSet) {
	flags.StringVar(&m.name, "model", hub.Default, "a known model (see vitrine models), a .gguf file, or a folder with config.json, *.safetensors and tokenizer.json")
}

func (m *modelFlags) add(flags *pflag.FlagSet) {
	m.addName(flags)
	m.backend = newChoice(load.Backends[0], load.Backends...)
	flags.Var(m.backend, "backend", "what the model runs on: "+m.backend.list())
	flags.IntVar(&m.threads, "threads", 0, "threads of the cpu backend; 0 uses all processors")
	flags.IntVar(&m.ranks, "tensor-parallel-size", 1, "divide the model among so many ranks, each with its heads, its columns and its share of the threads")
	m.cpu = newChoice(load.CPULevels[0], load.CPULevels...)
	flags.Var(m.cpu, "cpu", "highest processor features that the cpu backend uses, where there are any: "+m.cpu.list()+"; GODEBUG=cpu.avx512vnni=off in the environment switches off a single one (avx2, fma, f16c, avx512f, avx512bw, avx512dq, avx512vl, avx512vnni, amxtile, amxint8, amxbf16, avx512vbmi2)")
	m.cpuAsked = func() bool { return flags.Changed("cpu") }
	m.kv = newChoice(load.KVFormats[0], load.KVFormats...)
	flags.Var(m.kv, "kv-cache-dtype", "number format of the cpu backend's KV cache: "+m.kv.list())
	flags.BoolVar(&m.invariant, "batch-invariant", true, "the cpu backend gives a token the same result to the bit whatever else is in the batch and however a prompt is cut; false reads prompts faster on processors with AMX, within some 0.1 % of the same logits")
}

// options returns what the flags say of where the model runs.
func (m *modelFlags) options() (load.Options, error) {
	o := load.Options{Backend: m.backend.value, Threads: m.threads, TensorParallelSize: m.ranks, CPU: m.cpu.value, KV: m.kv.value, BatchVariant: !m.invariant}
	if m.ranks == 0 { // which is a default for programs, but nothing that a user means
		return o, usagef("--tensor-parallel-size: got 0, want at least 1")
	}
	if err := o.Check(); err != nil {
		return o, usagef("--%w", err)
	}
	return o, nil
}

// open opens the model that the flags name, after fetching it if needed.
func (c *cli) open(ctx context.Context, m *modelFlags) (*load.Model, error) {
	o, err := m.options()
	if err != nil {
		return nil, err
	}
	c.tellMissing(m)
	found, err := c.fetch(ctx, m.name)
	if err != nil {
		return nil, err
	}
	return openModel(found, o)
}

// tellMissing logs what this machine lacks for the features that --cpu names: it runs
// without them then.
func (c *cli) tellMissing(m *modelFlags) {
	level, err := kernel.ParseLevel(m.cpu.value)
	if err != nil || !m.cpuAsked() || m.backend.value != load.Backends[0] {
		return
	}
	if lacks := kernel.Missing(level); len(lacks) > 0 {
		c.log.Warn("this machine lacks what --cpu names", "cpu", level, "lacks", strings.Join(lacks, ", "), "uses", kernel.Best())
	}
}

// openModel opens a model that has been fetched.
func openModel(found *load.Found, o load.Options) (*load.Model, error) {
	m, err := found.Open(o)
	var wrong *model.DivisionError
	if errors.As(err, &wrong) {
		return nil, usagef("--tensor-parallel-size%s", strings.TrimPrefix(wrong.Error(), "tensor_parallel_size"))
	}
	return m, err
}

// close closes the model at a command's end, when its work is done.
func (c *cli) close(m *load.Model) {
	if err := m.Close(); err != nil {
		c.log.Warn("closing the model", "error", err)
	}
}

// fetch finds a model, downloads it if it is not here, and shows the progress
// of that.
func (c *cli) fetch(ctx context.Context, name string) (*load.Found, error) {
	found, err := load.Find(name)
	if err != nil {
		return nil, modelUsage(err)
	}
	download := newDownloadDisplay(c.err)
	defer download.close()
	return found, found.Fetch(ctx, download.show)
}

// modelUsage turns an error about a model's name into one about the command
// line.
func modelUsage(err error) error {
	var unknown *hub.UnknownModelError
	var path *hub.PathError
	if errors.As(err, &unknown) || errors.As(err, &path) {
		return usagef("model: %w", err)
	}
	return err
}
