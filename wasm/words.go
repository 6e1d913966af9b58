//go:build js && wasm

package main

import (
	"strconv"
	"strings"
	"syscall/js"
)

// words is the page's catalogue of messages, in the language that is chosen.
type words struct {
	lang      string   // "en" or "zh"
	catalogue js.Value // by language, by key: {one, other}
	one       map[string]string
	other     map[string]string
}

func newWords() *words {
	text := byID("catalogue").Get("textContent")
	w := &words{
		lang:      root.Get("lang").String(),
		catalogue: window.Get("JSON").Call("parse", text),
	}
	w.forget()
	return w
}

func (w *words) forget() {
	w.one, w.other = map[string]string{}, map[string]string{}
}

// look reads a message across the border once.
func (w *words) look(key string) {
	if _, known := w.other[key]; known {
		return
	}
	w.other[key] = key // a missing key stands for itself, as it does in the markup
	m := w.catalogue.Get(w.lang).Get(key)
	if m.IsUndefined() {
		return
	}
	w.other[key] = m.Get("other").String()
	if one := m.Get("one"); one.Type() == js.TypeString {
		w.one[key] = one.String()
	}
}

// say is the message under key, its placeholders {{.Name}} filled from pairs
// of name and value.
func (w *words) say(key string, pairs ...string) string {
	w.look(key)
	return fill(w.other[key], pairs)
}

// count is the message under key for a count of n, which fills {{.N}}.
func (w *words) count(key string, n int, pairs ...string) string {
	w.look(key)
	text := w.other[key]
	if one, has := w.one[key]; has && n == 1 {
		text = one
	}
	return fill(text, append(pairs, "N", strconv.Itoa(n)))
}

// sentences puts sentences one after the other; in Chinese the full stop brings
// its own space.
func (w *words) sentences(all ...string) string {
	if w.lang == "zh" {
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

// name gives a control whose face is a picture another name, which the next
// change of language knows too.
func (w *words) name(e element, key string) {
	text := w.say(key)
	e.setAttr("aria-label", text)
	e.setAttr("data-t-aria-label", key)
	e.setAttr("title", text)
	e.setAttr("data-t-title", key)
}

// use switches the page to lang: everything that the markup says is said
// again; the rest follows because changedLanguage is told to everyone.
func (w *words) use(lang string) {
	w.lang = lang
	w.forget()
	root.setAttr("lang", lang)
	document.Set("title", w.say("shell.title"))
	document.Set("cookie", "vitrine_lang="+lang+"; path=/; max-age=31536000; samesite=lax")
	for _, e := range (element{document}).findAll("[data-t]") {
		e.setText(w.say(e.attr("data-t")))
	}
	for _, name := range []string{"aria-label", "title", "placeholder"} {
		for _, e := range (element{document}).findAll("[data-t-" + name + "]") {
			e.setAttr(name, w.say(e.attr("data-t-"+name)))
		}
	}
	twin := "zh"
	if lang == "zh" {
		twin = "en"
	}
	for _, e := range (element{document}).findAll("[data-twin]") {
		e.setAttr("lang", twin)
	}
}
