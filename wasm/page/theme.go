//go:build js && wasm

package page

import (
	"strconv"
	"strings"
	"syscall/js"

	"vitrine/visualizer/paint"
)

// themeKey is where the chosen theme is kept; boot.js reads it before the first paint.
const themeKey = "vitrine.theme"

// Theme is the page's colours as the style sheet resolves them at the moment.
type Theme struct {
	words                                                       *Words
	changed                                                     func() // other colours or another size of letters
	chosen                                                      string // "light", "dark", or "" for the system's
	dark                                                        bool
	Paper, margin, Raised, Ink, Quiet, Line, Edge, Accent, Wash string
	Mark, warn, Bar, Q, K, V                                    string
	Sans, serif, Mono                                           string  // font families
	Rem                                                         float64 // CSS pixels
	Paint                                                       *paint.Theme
}

// NewTheme reads the page's colours; changed is called whenever they are others.
func NewTheme(w *Words, changed func()) *Theme {
	t := &Theme{words: w, changed: changed, chosen: root.Get("dataset").Get("theme").String()}
	if t.chosen != "light" && t.chosen != "dark" {
		t.chosen = ""
	}
	t.read()
	again := func(js.Value) {
		t.read()
		t.changed()
	}
	Element{Window.Call("matchMedia", "(prefers-color-scheme: dark)")}.On("change", again)
	Element{Window}.On("resize", func(event js.Value) {
		if rem := t.readRem(); rem != t.Rem {
			again(event)
		}
	})
	button := ByID("theme")
	button.OnClick(t.Next)
	return t
}

// Next goes round: as the system has it, then the other one, then the system's own by name.
func (t *Theme) Next() {
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
	Store("localStorage", themeKey, t.chosen)
	if t.chosen == "" {
		root.Call("removeAttribute", "data-theme")
	} else {
		root.SetAttr("data-theme", t.chosen)
	}
	t.read()
	t.nameButton()
	t.changed()
}

func (t *Theme) nameButton() {
	key := "shell.theme_auto"
	switch t.chosen {
	case "light":
		key = "shell.theme_light"
	case "dark":
		key = "shell.theme_dark"
	}
	t.words.Name(ByID("theme"), key)
}

func (t *Theme) systemDark() bool {
	return Window.Call("matchMedia", "(prefers-color-scheme: dark)").Get("matches").Bool()
}

func (t *Theme) readRem() float64 {
	rem, _ := strconv.ParseFloat(strings.TrimSuffix(Window.Call("getComputedStyle", root.Value).Get("fontSize").String(), "px"), 64)
	return rem
}

// read resolves the style sheet's colours: a canvas does not know custom
// properties, nor light-dark().
func (t *Theme) read() {
	t.dark = t.chosen == "dark" || t.chosen == "" && t.systemDark()
	probe := Create("span", "")
	probe.SetHidden(true)
	root.Append(probe)
	style := Window.Call("getComputedStyle", probe.Value)
	colour := func(name string) string {
		probe.SetStyle("color", "var(--"+name+")")
		return style.Get("color").String()
	}
	t.Paper, t.margin, t.Raised = colour("paper"), colour("margin"), colour("raised")
	t.Ink, t.Quiet, t.Line, t.Edge = colour("ink"), colour("quiet"), colour("line"), colour("edge")
	t.Accent, t.Wash, t.Mark, t.warn = colour("accent"), colour("wash"), colour("mark"), colour("warn")
	t.Bar = colour("bar")
	t.Q, t.K, t.V = colour("q"), colour("k"), colour("v")
	family := func(name string) string {
		return strings.TrimSpace(style.Call("getPropertyValue", "--"+name).String())
	}
	t.Sans, t.serif, t.Mono = family("sans"), family("serif"), family("mono")
	probe.Remove()
	t.Rem = t.readRem()

	palette := paint.LightPalette()
	if t.dark {
		palette = paint.DarkPalette()
	}
	palette.Paper, palette.Ink, palette.Dim = rgb(t.Paper), rgb(t.Ink), rgb(t.Quiet)
	palette.Line, palette.Accent, palette.Soft, palette.Hot = rgb(t.Line), rgb(t.Accent), rgb(t.Wash), rgb(t.Mark)
	palette.Q, palette.K, palette.V = rgb(t.Q), rgb(t.K), rgb(t.V)
	t.Paint = paint.NewTheme(palette)
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

// Font is a CSS font of so many rem.
func (t *Theme) Font(family string, size float64) string {
	return strconv.FormatFloat(size*t.Rem, 'f', 2, 64) + "px " + family
}
