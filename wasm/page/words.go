//go:build js && wasm

package page

import (
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/wire"
)

// Words is the page's catalogue of messages, in the language that is chosen.
type Words struct {
	Lang      string   // "en" or "zh"
	catalogue js.Value // by language, by key: {one, other}
	one       map[string]string
	other     map[string]string
}

// NewWords reads the catalogue that the page carries.
func NewWords() *Words {
	text := ByID("catalogue").Get("textContent")
	w := &Words{
		Lang:      root.Get("lang").String(),
		catalogue: Window.Get("JSON").Call("parse", text),
	}
	w.forget()
	return w
}

func (w *Words) forget() {
	w.one, w.other = map[string]string{}, map[string]string{}
}

// look reads a message across the border once.
func (w *Words) look(key string) {
	if _, known := w.other[key]; known {
		return
	}
	w.other[key] = key // a missing key stands for itself, as it does in the markup
	m := w.catalogue.Get(w.Lang).Get(key)
	if m.IsUndefined() {
		return
	}
	w.other[key] = m.Get("other").String()
	if one := m.Get("one"); one.Type() == js.TypeString {
		w.one[key] = one.String()
	}
}

// Say is the message under key, its placeholders {{.Name}} filled from pairs
// of name and value.
func (w *Words) Say(key string, pairs ...string) string {
	w.look(key)
	return fill(w.other[key], pairs)
}

// Count is the message under key for a count of n, which fills {{.N}}.
func (w *Words) Count(key string, n int, pairs ...string) string {
	w.look(key)
	text := w.other[key]
	if one, has := w.one[key]; has && n == 1 {
		text = one
	}
	return fill(text, append(pairs, "N", strconv.Itoa(n)))
}

// Told is what say says in both languages, as one string that [wire.Told] takes apart:
// for what is kept in a file, which may be opened in the other language.
func (w *Words) Told(say func(*Words) string) string {
	in := func(lang string) string {
		other := &Words{Lang: lang, catalogue: w.catalogue}
		other.forget()
		return say(other)
	}
	return wire.Tell(in("en"), in("zh"))
}

// Sentences puts sentences one after the other; in Chinese the full stop brings
// its own space.
func (w *Words) Sentences(all ...string) string {
	if w.Lang == "zh" {
		return strings.Join(all, "")
	}
	return strings.Join(all, " ")
}

func fill(text string, pairs []string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		text = strings.ReplaceAll(text, "{{."+pairs[i]+"}}", pairs[i+1])
	}
	return text
}

// Name gives a control whose face is a picture another name, which the next
// change of language knows too.
func (w *Words) Name(e Element, key string) {
	text := w.Say(key)
	e.SetAttr("aria-label", text)
	e.SetAttr("data-t-aria-label", key)
	e.SetAttr("title", text)
	e.SetAttr("data-t-title", key)
}

// Use switches the page to lang: everything that the markup says is said
// again; the rest follows because changedLanguage is told to everyone.
func (w *Words) Use(lang string) {
	w.Lang = lang
	w.forget()
	root.SetAttr("lang", lang)
	Document.Set("cookie", "vitrine_lang="+lang+"; path=/; max-age=31536000; samesite=lax")
	// What the address said of the language would win over the cookie.
	at := Window.Get("URL").New(Window.Get("location").Get("href"))
	at.Get("searchParams").Call("delete", "lang")
	Window.Get("history").Call("replaceState", nil, "", at.Get("href"))
	for _, e := range (Element{Document}).FindAll("[data-t]") {
		e.SetText(w.Say(e.Attr("data-t")))
	}
	for _, name := range []string{"aria-label", "title", "placeholder"} {
		for _, e := range (Element{Document}).FindAll("[data-t-" + name + "]") {
			e.SetAttr(name, w.Say(e.Attr("data-t-"+name)))
		}
	}
	twin := "zh"
	if lang == "zh" {
		twin = "en"
	}
	for _, e := range (Element{Document}).FindAll("[data-twin]") {
		e.SetAttr("lang", twin)
	}
}
