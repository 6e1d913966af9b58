package source

import (
	"strings"
	"testing"
	"testing/fstest"
)

const pool = `package kvcache

// NewPool makes
// a pool.
func NewPool(n int) *Pool { return nil }

// Len counts.
func (t Table) Len() int { return 0 }

func (p *Pool) Len() int {
	return 1
}
`

func TestFind(t *testing.T) {
	trees := Trees{
		"engine":         fstest.MapFS{"kvcache/pool.go": {Data: []byte(pool)}, "kvcache/pool_test.go": {Data: []byte("package kvcache\n\nfunc TestPool() {}\n")}, "engine.go": {Data: []byte("package engine\n\nfunc New() {}\n")}},
		"server/session": fstest.MapFS{"operands.go": {Data: []byte("package session\n\nfunc attend() {}\n")}},
	}
	for name, want := range map[string]Function{
		"engine/kvcache.NewPool":     {"engine/kvcache/pool.go", 5, "// NewPool makes\n// a pool.\nfunc NewPool(n int) *Pool { return nil }"},
		"engine/kvcache.Table.Len":   {"engine/kvcache/pool.go", 8, "// Len counts.\nfunc (t Table) Len() int { return 0 }"},
		"engine/kvcache.(*Pool).Len": {"engine/kvcache/pool.go", 10, "func (p *Pool) Len() int {\n\treturn 1\n}"},
		"engine.New":                 {"engine/engine.go", 3, "func New() {}"},
		"server/session.attend":      {"server/session/operands.go", 3, "func attend() {}"},
	} {
		if got, err := trees.Find(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, name := range []string{
		"", ".", "/", "engine", "engine.", "os.Exit", "server.main", "engine/kvcache.Pool", "engine/kvcache.TestPool",
		"engine/../engine.New", "engine/../../etc/passwd.x", "engine/*.NewPool", "engine/kv*.NewPool", "/engine.New", "engine/.New", "server/session/x.attend",
	} {
		if got, err := trees.Find(name); err == nil || !strings.Contains(err.Error(), "want a name such as") {
			t.Errorf("%q: %+v, %v; want it refused", name, got, err)
		}
	}
	broken := Trees{"engine": fstest.MapFS{"a.go": {Data: []byte("package engine\nfunc {")}}}
	if _, err := broken.Find("engine.New"); err == nil || !strings.Contains(err.Error(), "a.go") {
		t.Errorf("a file that is not Go: %v, want an error that names it", err)
	}
}
