package serving

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vitrine/visualizer/hall"
)

// Every function that the hall names can be shown.
func TestEveryFunctionHasItsSource(t *testing.T) {
	for _, name := range hall.Functions() {
		f, err := sources.Find(name)
		if err != nil {
			t.Error(err)
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.File)))
		if err != nil {
			t.Error(err)
			continue
		}
		lines, short := strings.Split(string(text), "\n"), name[strings.LastIndexByte(name, '.')+1:]
		if f.Line > len(lines) || !strings.Contains(lines[f.Line-1], short+"(") || !strings.Contains(string(text), f.Text) {
			t.Errorf("%s is said to stand at %s:%d", name, f.File, f.Line)
		}
	}
}
