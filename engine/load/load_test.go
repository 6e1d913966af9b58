package load

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/engine/backend"
	"vitrine/engine/chat"
	"vitrine/engine/hub"
	"vitrine/engine/model"
	"vitrine/engine/modeltest/tinymodel"
)

func open(t *testing.T, name string, o Options) *Model {
	t.Helper()
	found, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Fetch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m, err := found.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return m
}

func TestFindByName(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("VITRINE_CACHE", cache)
	for _, name := range []string{hub.Default, "SmolLM2"} {
		found, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if found.Name != hub.Default || !strings.Contains(found.Title, "SmolLM2") || found.Licence != "Apache-2.0" || !strings.HasPrefix(found.Path, cache) {
			t.Errorf("%s is %+v", name, found)
		}
	}
	var unknown *hub.UnknownModelError
	if _, err := Find("smollm3"); !errors.As(err, &unknown) {
		t.Errorf("an unknown name gives %v", err)
	}
}

func TestFindByPath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "My.Model.Q4_1.gguf")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := Find(file)
	if err != nil || found.Name != "My.Model.Q4_1" || found.Path != file {
		t.Errorf("%+v, %v", found, err)
	}
	model := tinymodel.Folder(t)
	t.Chdir(model)
	found, err = Find(".")
	if err != nil || found.Name != filepath.Base(model) || found.Path != model {
		t.Errorf("%+v, %v; want the folder's own name", found, err)
	}
}

func TestOpen(t *testing.T) {
	var read int64
	path := tinymodel.Folder(t)
	m := open(t, path, Options{Threads: 2, Read: func(done, total int64) {
		if done < read || done > total {
			t.Errorf("read %d of %d after %d", done, total, read)
		}
		read = done
	}})
	if m.Threads != 2 || m.Backend().Name() != "cpu" || m.Config().Layers != 3 || read == 0 {
		t.Errorf("opened %+v after %d bytes", m, read)
	}
	if r := open(t, path, Options{Backend: "ref"}); r.Threads != 1 || r.Backend().Name() != "ref" {
		t.Errorf("ref runs on %s with %d threads", r.Backend().Name(), r.Threads)
	}
	two := open(t, path, Options{Threads: 3, TensorParallelSize: 2})
	if p, ok := two.Backend().(backend.Parallel); !ok || p.Ranks() != 2 || two.Threads != 3 || p.Name() != "cpu" {
		t.Errorf("two ranks run on %T with %d threads", two.Backend(), two.Threads)
	}
	if r := open(t, path, Options{Backend: "ref", TensorParallelSize: 2}); r.Threads != 2 || r.Backend().Name() != "ref" {
		t.Errorf("two ranks of ref run on %s with %d threads", r.Backend().Name(), r.Threads)
	}
	text, err := m.RenderChat([]chat.Message{{Role: "user", Content: "of"}})
	if want := "<s>user: of\nassistant: "; err != nil || text != want {
		t.Errorf("rendered %q, %v; want %q", text, err, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	found, err := Find(tinymodel.Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Backend: "gpu"}, {Threads: -1}, {Threads: maxThreads + 1}, {TensorParallelSize: -1}, {TensorParallelSize: maxRanks + 1},
	} {
		if _, err := found.Open(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	var wrong *model.DivisionError
	if _, err := found.Open(Options{TensorParallelSize: 3}); !errors.As(err, &wrong) || wrong.Most != 2 {
		t.Errorf("three ranks for two KV heads: %v", err)
	}
	if err := os.Remove(filepath.Join(found.Path, "model-00002-of-00002.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := found.Open(Options{}); err == nil || !strings.Contains(err.Error(), "model-00002-of-00002") {
		t.Errorf("half of the weights: %v, want the name of what is missing", err)
	}
}

// A context that the file makes up claims no more than half of the memory.
func TestPoolBlocks(t *testing.T) {
	for _, c := range []struct {
		context int
		most    uint64
		want    int
	}{
		{8192, 0, 512}, {8192, 100_000, 512}, {8193, 100_000, 513}, {256, 100_000, 512}, // enough for the context
		{1 << 24, 100_000, 50_000}, {256, 100, 50}, {8192, 1, 1}, // what half of the memory holds
		{1 << 24, 0, 1 << 20},
	} {
		if got := poolBlocks(c.context, 16, c.most); got != c.want {
			t.Errorf("a context of %d where %d blocks fit: %d blocks, want %d", c.context, c.most, got, c.want)
		}
	}
	m := open(t, tinymodel.Folder(t), Options{})
	if err := m.CheckPool(m.PoolBlocks(16), 16); err != nil {
		t.Error(err)
	}
}

func TestCheckPool(t *testing.T) {
	m := open(t, tinymodel.Folder(t), Options{})
	if err := m.CheckPool(64, 16); err != nil {
		t.Error(err)
	}
	for _, blocks := range []int{1 << 40, math.MaxInt} {
		if err := m.CheckPool(blocks, 16); err == nil || !strings.Contains(err.Error(), "memory") {
			t.Errorf("%d blocks: %v", blocks, err)
		}
	}
}
