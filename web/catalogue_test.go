package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var placeholder = regexp.MustCompile(`\{\{\.[A-Za-z]+\}\}`)

// TestLanguagesSayTheSame: both languages have the same keys with the same
// placeholders, and no message is empty.
func TestLanguagesSayTheSame(t *testing.T) {
	en, zh := catalogues.messages["en"], catalogues.messages["zh"]
	if len(catalogues.messages) != 2 || len(en) < 100 {
		t.Fatalf("%d languages, %d English messages: the catalogues are not read", len(catalogues.messages), len(en))
	}
	for key, m := range en {
		other, ok := zh[key]
		if !ok {
			t.Errorf("%s is not said in Chinese", key)
			continue
		}
		if m.Other == "" || other.Other == "" {
			t.Errorf("%s is empty", key)
		}
		if got, want := placeholders(other.Other), placeholders(m.Other); !slices.Equal(got, want) {
			t.Errorf("%s: placeholders are %v in Chinese and %v in English", key, got, want)
		}
		if m.One != "" && !slices.Equal(placeholders(m.One), placeholders(m.Other)) {
			t.Errorf("%s: placeholders of one and other differ", key)
		}
		if other.One != "" {
			t.Errorf("%s: Chinese does not tell one from many", key)
		}
	}
	for key := range zh {
		if _, ok := en[key]; !ok {
			t.Errorf("%s is not said in English", key)
		}
	}
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// literal is a string in Go, templ or JavaScript that may be a key.
var literal = regexp.MustCompile(`["'` + "`" + `]([a-z]+\.[a-z0-9_.]+)["'` + "`" + `]`)

// TestKeysAreUsed: every key in the sources exists, and every key that exists
// is used. A key is a literal whose first word is a room's: keys are not put
// together from parts, so that they can be found.
func TestKeysAreUsed(t *testing.T) {
	en := catalogues.messages["en"]
	rooms := map[string]bool{}
	for key := range en {
		room, _, _ := strings.Cut(key, ".")
		rooms[room] = true
	}
	used := map[string]bool{}
	files := 0
	for _, root := range []string{".", filepath.Join("..", "wasm"), filepath.Join("..", "server", "app"), filepath.Join("..", "server", "session"), filepath.Join("..", "server", "serving"), filepath.Join("..", "server", "telling")} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name := entry.Name()
			source := strings.HasSuffix(name, ".templ") || strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".go")
			if entry.IsDir() || !source || strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			for _, match := range literal.FindAllStringSubmatch(string(text), -1) {
				key := match[1]
				if room, _, _ := strings.Cut(key, "."); !rooms[room] {
					continue
				}
				used[key] = true
				if _, exists := en[key]; !exists {
					t.Errorf("%s says %s, which is in no catalogue", path, key)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 20 {
		t.Fatalf("only %d sources were looked at", files)
	}
	for key := range en {
		if !used[key] {
			t.Errorf("%s is said nowhere", key)
		}
	}
}

// TestTermsHaveTheirTwins: on each page a tab carries the term in the other
// language too.
func TestTermsHaveTheirTwins(t *testing.T) {
	for _, view := range Views() {
		for lang, other := range map[string]string{"en": "zh", "zh": "en"} {
			here, there := catalogues.messages[lang], catalogues.messages[other]
			if here[view.Twin].Other == here[view.Tab].Other {
				t.Errorf("%s: the twin of %q is itself", lang, here[view.Tab].Other)
			}
			if han := regexp.MustCompile(`\p{Han}`); han.MatchString(there[view.Twin].Other) == han.MatchString(here[view.Twin].Other) {
				t.Errorf("%s: %q is not in the other language", view.Twin, here[view.Twin].Other)
			}
		}
	}
}
