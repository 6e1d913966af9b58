package web

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"golang.org/x/net/html"
)

// sites are the pages, and the folders whose programs look for their elements.
var sites = []struct {
	name    string
	page    func(Props) templ.Component
	sources []string
}{
	{"chat", Page, []string{"", "page"}},
	{"hall", HallPage, []string{"hall", "page"}},
}

// rendered is the first page in one language, parsed.
func rendered(t *testing.T, lang string) *html.Node {
	t.Helper()
	return parsed(t, Page, lang)
}

func parsed(t *testing.T, page func(Props) templ.Component, lang string) *html.Node {
	t.Helper()
	var b strings.Builder
	if err := page(Props{Lang: lang, Version: "1.2.3 <&>"}).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// elements lists the page's elements in order.
func elements(doc *html.Node) []*html.Node {
	var all []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// TestPolicy: nothing in the page needs a content security policy to allow
// inline scripts or styles, nor anything from elsewhere.
func TestPolicy(t *testing.T) {
	for _, n := range slices.Concat(elements(rendered(t, "en")), elements(parsed(t, HallPage, "en"))) {
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
			}
			if (a.Key == "src" || a.Key == "href") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("<%s> leads to %s", n.Data, a.Val)
			}
		}
		if n.Data == "style" {
			t.Error("the page has a <style>")
		}
		if kind, _ := attribute(n, "type"); n.Data == "script" && n.FirstChild != nil && kind != "application/json" {
			t.Error("the page has an inline script")
		}
	}
}

// references are the attributes that name the ids of other elements.
var references = []string{"for", "aria-controls", "aria-labelledby", "aria-describedby"}

// TestIDs: ids are unique, and what names one names one that is there, in the
// markup as well as in the client.
func TestIDs(t *testing.T) {
	byID := regexp.MustCompile(`\bByID\("([^"]+)"\)`)
	for _, site := range sites {
		ids := map[string]bool{}
		all := elements(parsed(t, site.page, "en"))
		for _, n := range all {
			if id, ok := attribute(n, "id"); ok {
				if ids[id] {
					t.Errorf("%s: id %s stands twice", site.name, id)
				}
				ids[id] = true
			}
		}
		for _, n := range all {
			for _, name := range references {
				if id, ok := attribute(n, name); ok && !ids[id] {
					t.Errorf("%s: <%s %s=%q>: there is no such id", site.name, n.Data, name, id)
				}
			}
		}
		for _, folder := range site.sources {
			sources, err := filepath.Glob(filepath.Join("..", "wasm", folder, "*.go"))
			if err != nil || len(sources) < 8 {
				t.Fatalf("%d sources in wasm/%s, %v", len(sources), folder, err)
			}
			for _, source := range sources {
				text, err := os.ReadFile(source)
				if err != nil {
					t.Fatal(err)
				}
				for _, match := range byID.FindAllStringSubmatch(string(text), -1) {
					if !ids[match[1]] {
						t.Errorf("%s looks for #%s, which is not in the page %s", filepath.Base(source), match[1], site.name)
					}
				}
			}
		}
	}
}

// TestNames: every control has a name, and the page says its language.
func TestNames(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		t.Run(lang, func(t *testing.T) {
			all := slices.Concat(elements(rendered(t, lang)), elements(parsed(t, HallPage, lang)))
			labels := map[string]bool{}
			for _, n := range all {
				if id, ok := attribute(n, "for"); ok {
					labels[id] = true
				}
			}
			for _, n := range all {
				switch n.Data {
				case "html":
					if got, _ := attribute(n, "lang"); got != lang {
						t.Errorf("lang is %q", got)
					}
				case "button", "input", "select", "textarea":
					id, _ := attribute(n, "id")
					_, named := attribute(n, "aria-label")
					_, hidden := attribute(n, "hidden")
					if !named && !hidden && !labels[id] && strings.TrimSpace(text(n)) == "" && !insideLabel(n) {
						t.Errorf("<%s id=%q> has no name", n.Data, id)
					}
				}
			}
		})
	}
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func insideLabel(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Data == "label" {
			return true
		}
	}
	return false
}

// TestSaidInBothLanguages: what the markup says is the message under the key
// that it leaves for the client, in either language.
func TestSaidInBothLanguages(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		said := 0
		for _, n := range slices.Concat(elements(rendered(t, lang)), elements(parsed(t, HallPage, lang))) {
			for _, a := range n.Attr {
				switch name, isAttribute := strings.CutPrefix(a.Key, "data-t-"); {
				case isAttribute:
					said++
					if got, _ := attribute(n, name); got != catalogues.messages[lang][a.Val].Other {
						t.Errorf("%s: %s of <%s> is %q", lang, name, n.Data, got)
					}
				case a.Key == "data-t":
					said++
					if got := text(n); got != catalogues.messages[lang][a.Val].Other {
						t.Errorf("%s: %s says %q", lang, a.Val, got)
					}
				}
			}
		}
		if said < 50 {
			t.Errorf("%s: only %d messages on the page", lang, said)
		}
	}
}

// TestCatalogueInThePage: the client finds every message of both languages.
func TestCatalogueInThePage(t *testing.T) {
	all := elements(rendered(t, "zh"))
	i := slices.IndexFunc(all, func(n *html.Node) bool { id, _ := attribute(n, "id"); return id == "catalogue" })
	if i < 0 {
		t.Fatal("the page has no #catalogue")
	}
	var got map[string]map[string]message
	if err := json.Unmarshal([]byte(text(all[i])), &got); err != nil {
		t.Fatal(err)
	}
	if got["en"]["tokens.tab"].Other != "Tokens" || got["zh"]["attention.tab"].Other != "注意力" {
		t.Errorf("tabs are %q and %q", got["en"]["tokens.tab"], got["zh"]["attention.tab"])
	}
}

func TestUnknownLanguageIsEnglish(t *testing.T) {
	for _, n := range elements(rendered(t, "tlh")) {
		if got, _ := attribute(n, "lang"); n.Data == "html" && got != "en" {
			t.Errorf("lang is %q", got)
		}
	}
}

// Where another server runs the model, the hall says in either language why
// there is none, and leads to the chat; there is no program to wait for.
func TestHallElsewhere(t *testing.T) {
	for lang, want := range map[string]string{"en": "needs an engine of its own", "zh": "大厅需要一个自己的引擎"} {
		var b strings.Builder
		if err := HallPage(Props{Lang: lang, Remote: true}).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		links, said := map[string]bool{}, 0
		for _, n := range elements(doc) {
			key, _ := attribute(n, "data-t")
			href, _ := attribute(n, "href")
			links[href] = links[href] || n.Data == "a"
			switch {
			case n.Data == "html":
				if got, _ := attribute(n, "lang"); got != lang {
					t.Errorf("%s: lang is %q", lang, got)
				}
			case n.Data == "script":
				t.Errorf("%s: it has a program", lang)
			case key == "shell.other_language":
			case key != "":
				said++
				if got := text(n); got != catalogues.messages[lang][key].Other {
					t.Errorf("%s: %s says %q", lang, key, got)
				}
			}
		}
		if !strings.Contains(text(doc), want) || said < 6 || !links["/"] || !links["/serving?lang="+catalogues.in(lang).twinLang()] {
			t.Errorf("%s: %d messages, links to %v: %s", lang, said, links, text(doc))
		}
	}
}

// Where another server runs the model, the page starts with what every
// OpenAI-compatible server takes.
func TestRemoteParameters(t *testing.T) {
	for remote, topK := range map[bool]string{false: "40", true: "0"} {
		var b strings.Builder
		if err := Page(Props{Lang: "en", Remote: remote}).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		want, got := map[string]string{"param-top-k": topK, "slide-top-k": topK, "param-top-p": "0.95"}, map[string]string{}
		for _, n := range elements(doc) {
			if id, _ := attribute(n, "id"); want[id] != "" {
				got[id], _ = attribute(n, "value")
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("remote %v: the page starts with %v, want %v", remote, got, want)
		}
	}
}
