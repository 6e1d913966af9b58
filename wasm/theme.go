//go:build js && wasm

package main

import (
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/paint"
)

// themeKey is where the chosen theme is kept; boot.js reads it before the first paint.
const themeKey = "vitrine.theme"

// theme is the page's colours as the style sheet resolves them at the moment.
type theme struct {
	c                                                           *client
	chosen                                                      string // "light", "dark", or "" for the system's
	dark                                                        bool
	paper, margin, raised, ink, quiet, line, edge, accent, wash string
	mark, warn, bar, q, k, v                                    string
	sans, serif, mono                                           string  // font families
	rem                                                         float64 // CSS pixels
	paint                                                       *paint.Theme
}

func newTheme(c *client) *theme {
	t := &theme{c: c, chosen: root.Get("dataset").Get("theme").String()}
	if t.chosen != "light" && t.chosen != "dark" {
		t.chosen = ""
	}
	t.read()
	changed := func(js.Value) {
		t.read()
		c.changed(change{page: changedTheme})
	}
	element{window.Call("matchMedia", "(prefers-color-scheme: dark)")}.on("change", changed)
	element{window}.on("resize", func(event js.Value) {
		if rem := t.readRem(); rem != t.rem {
			changed(event)
		}
	})
	button := byID("theme")
	button.onClick(t.next)
	return t
}

// next goes round: as the system has it, then the other one, then the system's own by name.
func (t *theme) next() {
	switch t.chosen {
	case "":
		t.chosen = "dark"
		if t.dark {
			t.chosen = "light"
		}
	case "dark":
		t.chosen = "light"
		if t.systemDark() {
			t.chosen = ""
		}
	case "light":
		t.chosen = ""
		if t.systemDark() {
			t.chosen = "dark"
		}
	}
	store("localStorage", themeKey, t.chosen)
	if t.chosen == "" {
		root.Call("removeAttribute", "data-theme")
	} else {
		root.setAttr("data-theme", t.chosen)
	}
	t.read()
	t.nameButton()
	t.c.changed(change{page: changedTheme})
}

func (t *theme) nameButton() {
	key := "shell.theme_auto"
	switch t.chosen {
	case "light":
		key = "shell.theme_light"
	case "dark":
		key = "shell.theme_dark"
	}
	t.c.words.name(byID("theme"), key)
}

func (t *theme) systemDark() bool {
	return window.Call("matchMedia", "(prefers-color-scheme: dark)").Get("matches").Bool()
}

func (t *theme) readRem() float64 {
	rem, _ := strconv.ParseFloat(strings.TrimSuffix(window.Call("getComputedStyle", root.Value).Get("fontSize").String(), "px"), 64)
	return rem
}

// read resolves the style sheet's colours: a canvas does not know custom
// properties, nor light-dark().
func (t *theme) read() {
	t.dark = t.chosen == "dark" || t.chosen == "" && t.systemDark()
	probe := create("span", "")
	probe.setHidden(true)
	root.append(probe)
	style := window.Call("getComputedStyle", probe.Value)
	colour := func(name string) string {
		probe.setStyle("color", "var(--"+name+")")
		return style.Get("color").String()
	}
	t.paper, t.margin, t.raised = colour("paper"), colour("margin"), colour("raised")
	t.ink, t.quiet, t.line, t.edge = colour("ink"), colour("quiet"), colour("line"), colour("edge")
	t.accent, t.wash, t.mark, t.warn = colour("accent"), colour("wash"), colour("mark"), colour("warn")
	t.bar = colour("bar")
	t.q, t.k, t.v = colour("q"), colour("k"), colour("v")
	family := func(name string) string {
		return strings.TrimSpace(style.Call("getPropertyValue", "--"+name).String())
	}
	t.sans, t.serif, t.mono = family("sans"), family("serif"), family("mono")
	probe.remove()
	t.rem = t.readRem()

	palette := paint.LightPalette()
	if t.dark {
		palette = paint.DarkPalette()
	}
	palette.Paper, palette.Ink, palette.Dim = rgb(t.paper), rgb(t.ink), rgb(t.quiet)
	palette.Line, palette.Accent, palette.Soft, palette.Hot = rgb(t.line), rgb(t.accent), rgb(t.wash), rgb(t.mark)
	palette.Q, palette.K, palette.V = rgb(t.q), rgb(t.k), rgb(t.v)
	t.paint = paint.NewTheme(palette)
}

// rgb reads what getComputedStyle says of an opaque colour: "rgb(12, 34, 56)".
func rgb(computed string) paint.Color {
	var hex uint32
	body := strings.TrimSuffix(strings.TrimPrefix(computed, "rgb("), ")")
	for part := range strings.SplitSeq(body, ",") {
		n, _ := strconv.Atoi(strings.TrimSpace(part))
		hex = hex<<8 | uint32(n)&0xff
	}
	return paint.RGB(hex)
}

// font is a CSS font of so many rem.
func (t *theme) font(family string, size float64) string {
	return strconv.FormatFloat(size*t.rem, 'f', 2, 64) + "px " + family
}
