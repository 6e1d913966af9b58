package hub

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEmbeddedRegistry(t *testing.T) {
	models, err := readRegistry(embeddedRegistry)
	if err != nil {
		t.Fatal(err)
	}
	if models[0].Name != Default {
		t.Errorf("the first model is %s, want %s", models[0].Name, Default)
	}
	for _, m := range models {
		if m.Title == "" || m.Architecture == "" || m.Quantization == "" || m.Licence == "" || m.LicenceURL == "" || len(m.Languages) == 0 || m.Context <= 0 {
			t.Errorf("%s: something is not said: %+v", m.Name, m)
		}
		if m.GoodFor.En == "" || m.GoodFor.Zh == "" {
			t.Errorf("%s: what it is good for is not said in both languages", m.Name)
		}
		if m.Hub == nil && m.Mirror == nil && len(m.Packages) == 0 {
			t.Errorf("%s has no source", m.Name)
		}
		if m.Path != "" || m.Cached {
			t.Errorf("%s: the registry says where it lies", m.Name)
		}
	}
}

func TestRegistryRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Model)
	}{
		{"name", func(m *Model) { m.Name = "../up" }},
		{"name", func(m *Model) { m.Name = "" }},
		{"name", func(m *Model) { m.Aliases = []string{"A"} }},
		{"file", func(m *Model) { m.File = "a/b.gguf" }},
		{"file", func(m *Model) { m.File = "..gguf" }},
		{"file", func(m *Model) { m.File = "model.exe" }},
		{"size", func(m *Model) { m.Size = -1 }},
		{"sha256", func(m *Model) { m.SHA256 = "abc" }},
		{"sha256", func(m *Model) { m.SHA256 = strings.ToUpper(m.SHA256) }},
		{"repository", func(m *Model) { m.Hub.Repository = "a/../b" }},
		{"repository", func(m *Model) { m.Mirror.Repository = "a" }},
		{"revision", func(m *Model) { m.Hub.Revision = "a/b?c" }},
		{"file", func(m *Model) { m.Hub.File = "../../etc/passwd" }},
		{"package name", func(m *Model) { m.Packages = []Package{{Name: "--index-url", Version: "1", Member: "a"}} }},
		{"package version", func(m *Model) { m.Packages = []Package{{Name: "a", Version: "1 --x", Member: "a"}} }},
		{"member", func(m *Model) { m.Packages = []Package{{Name: "a", Version: "1", Member: "/etc/passwd"}} }},
		{"member", func(m *Model) { m.Packages = []Package{{Name: "a", Version: "1", Member: `..\up`}} }},
		{"wheel_size", func(m *Model) { m.Packages = []Package{{Name: "a", Version: "1", Member: "a", WheelSize: -1}} }},
		{"packages", func(m *Model) { m.SHA256, m.Packages = "", []Package{{Name: "a", Version: "1", Member: "a"}} }},
	}
	for _, test := range tests {
		m := testModel()
		test.change(&m)
		data, err := json.Marshal([]Model{m})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readRegistry(data); err == nil || !strings.Contains(err.Error(), test.name+": ") {
			t.Errorf("%s: error %v", test.name, err)
		}
		if _, err := New(Options{Cache: t.TempDir(), Models: []Model{m}}).Resolve("x"); err == nil || !strings.Contains(err.Error(), test.name+": ") {
			t.Errorf("%s in options: error %v", test.name, err)
		}
	}
	a, b := testModel(), testModel()
	b.Name = "other"
	data, err := json.Marshal([]Model{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readRegistry(data); err == nil || !strings.Contains(err.Error(), `the name "tiny-model" is taken by "tiny"`) {
		t.Errorf("the same alias twice: error %v", err)
	}
	for _, text := range []string{"", "{}", `[{"unknown":"x"}]`} {
		if _, err := readRegistry([]byte(text)); err == nil {
			t.Errorf("registry %q was read", text)
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gguf, text := write("own.GGUF"), write("notes.txt")
	for _, name := range []string{"config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json"} {
		write(filepath.Join("whole[1]", name))
	}
	write(filepath.Join("half", "config.json"))
	cache := filepath.Join(dir, "cache")
	h := New(Options{Cache: cache})

	named := filepath.Join(cache, Default, "SmolLM2-135M-Instruct.Q4_1.gguf")
	good := []struct {
		name, path string
		format     Format
		model      string
	}{
		{Default, named, GGUF, Default},
		{"SmolLM2", named, GGUF, Default},
		{gguf, gguf, GGUF, ""},
		{filepath.Join(dir, "whole[1]"), filepath.Join(dir, "whole[1]"), Safetensors, ""},
	}
	for _, test := range good {
		got, err := h.Resolve(test.name)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got.Path != test.path || got.Format != test.format || (got.Model != nil) != (test.model != "") || got.Model != nil && got.Model.Name != test.model {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	if path, err := h.Pull(t.Context(), gguf, nil); err != nil || path != gguf {
		t.Errorf("pulling a path: %q, %v", path, err)
	}
	bad := map[string]string{
		text:                             "not a .gguf file; name the folder for a model in safetensors",
		filepath.Join(dir, "half"):       "not a model folder: there is no *.safetensors, no tokenizer.json",
		filepath.Join(dir, "gone"):       "no such file or directory",
		filepath.Join(dir, "x\x00.gguf"): "invalid argument",
	}
	for name, want := range bad {
		_, err := h.Resolve(name)
		var path *PathError
		if !errors.As(err, &path) || path.Path != name || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", name, err, want)
		}
	}
}

func TestNearestNames(t *testing.T) {
	h := New(Options{Cache: t.TempDir()})
	tests := []struct {
		name    string
		nearest []string
	}{
		{"smolm2", []string{Default}},
		{"qwen2", []string{"qwen3-0.6b", "qwen2.5-0.5b-instruct"}},
		{"qwen2.5-0.5b-instrct", []string{"qwen2.5-0.5b-instruct"}},
		{"gpt2", nil},
		{"", nil},
		{strings.Repeat("x", 5000), nil},
	}
	for _, test := range tests {
		_, err := h.Resolve(test.name)
		var unknown *UnknownModelError
		if !errors.As(err, &unknown) {
			t.Errorf("%.20q: error %v", test.name, err)
			continue
		}
		if !slices.Equal(unknown.Nearest, test.nearest) || len(unknown.Known) != len(h.models) {
			t.Errorf("%.20q: nearest %q, want %q", test.name, unknown.Nearest, test.nearest)
		}
	}
	_, err := h.Resolve("smolm2")
	if want := `no model "smolm2"; did you mean smollm2-135m-instruct? (known: smollm2-135m-instruct, `; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q", err)
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"same", "same", 0}}
	for _, test := range tests {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("%q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
