//go:build js && wasm

package main

import (
	"strings"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// tokensView shows the sequence as chips, one a token, where a character that
// several tokens share holds them together, and how the chosen word was merged.
type tokensView struct {
	c         *client
	list      element
	segmenter js.Value // graphemes; undefined in a browser that has none
	merges    *mergesPanel

	tokens []wire.Token // what the chips show
	ends   []int        // where each group of chips in the page ends: the position after its last
	chosen element      // the chip that is marked
	stale  bool         // the chips do not show the session's tokens
	reveal bool         // the chosen chip has to come in sight
}

func newTokensView(c *client) *tokensView {
	v := &tokensView{c: c, list: byID("chips"), merges: newMergesPanel(c)}
	if segmenter := window.Get("Intl").Get("Segmenter"); segmenter.Truthy() {
		v.segmenter = segmenter.New()
	}
	v.list.on("click", func(event js.Value) {
		if at, ok := chipAt(event); ok {
			c.chooseToken(at)
		}
	})
	v.list.on("pointerover", func(event js.Value) {
		if at, ok := chipAt(event); ok {
			c.spine.pointAt(at)
		}
	})
	v.list.on("pointerleave", func(jsEvent) { c.spine.pointAt(-1) })
	return v
}

// chipAt is the position of the token whose chip an event is on.
func chipAt(event js.Value) (position int, ok bool) {
	chip := event.Get("target").Call("closest", "[data-at]")
	if chip.IsNull() {
		return 0, false
	}
	for _, digit := range attrOf(chip, "data-at") {
		position = 10*position + int(digit-'0')
	}
	return position, true
}

func (v *tokensView) name() string      { return "tokens" }
func (v *tokensView) needs() wire.Views { return 0 }
func (v *tokensView) ready() bool       { return len(v.c.shown.Tokens()) > 0 }

func (v *tokensView) update(what change) {
	if what.has(session.ChangeTokens) || what.saw(changedSession) {
		v.stale = true
	}
	if what.has(session.ChangeTokens) || what.saw(changedToken|changedSession) {
		v.reveal = true
	}
	v.merges.update(what)
}

// chipsAFrame bounds the chips that are made within one frame of the screen,
// so that a long conversation does not hold it up.
const chipsAFrame = 256

func (v *tokensView) frame(t float64) (again bool) {
	if v.stale {
		again = v.makeChips()
		v.stale = again
	}
	if v.reveal && !again {
		v.reveal = false
		v.mark()
	}
	return v.merges.frame(t) || again
}

// makeChips brings the chips to the session's tokens: groups that hold a token
// that differs go, and what follows is made anew. It reports whether more is
// left to be made.
func (v *tokensView) makeChips() (more bool) {
	tokens := v.c.shown.Tokens()
	same := 0
	for same < min(len(tokens), len(v.tokens)) && tokens[same].ID == v.tokens[same].ID && tokens[same].Flags == v.tokens[same].Flags {
		same++
	}
	if same == len(tokens) && same == len(v.tokens) {
		return false
	}
	keep := 0
	for keep < len(v.ends) && v.ends[keep] <= same {
		keep++
	}
	keep = max(keep-1, 0) // the last may grow: its character may not have been whole
	for i := len(v.ends); i > keep; i-- {
		v.list.Get("lastElementChild").Call("remove")
	}
	v.ends = v.ends[:keep]
	from := 0
	if keep > 0 {
		from = v.ends[keep-1]
	}
	to := min(len(tokens), from+chipsAFrame)
	var html strings.Builder
	for _, group := range v.group(tokens[from:to], from) {
		writeGroup(&html, group)
		v.ends = append(v.ends, group.Chips[len(group.Chips)-1].Position+1)
	}
	v.list.Call("insertAdjacentHTML", "beforeend", html.String())
	v.tokens = append(v.tokens[:from], tokens[from:to]...)
	v.reveal = true
	return to < len(tokens)
}

// group makes groups of tokens, the first of which stands at position first.
func (v *tokensView) group(tokens []wire.Token, first int) []view.Group {
	text := view.Text(tokens)
	return view.Groups(tokens, first, v.boundaries(text))
}

// boundaries are where the graphemes of a text begin, in UTF-16 code units.
// Without a segmenter every character is one.
func (v *tokensView) boundaries(text string) []int {
	var starts []int
	if isASCII(text) || v.segmenter.IsUndefined() {
		at := 0
		for _, r := range text {
			starts = append(starts, at)
			if at++; r > 0xffff {
				at++ // a surrogate pair
			}
		}
		return starts
	}
	segments := window.Get("Array").Call("from", v.segmenter.Call("segment", text))
	for i := range segments.Length() {
		starts = append(starts, segments.Index(i).Get("index").Int())
	}
	return starts
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// writeGroup writes a group as HTML: hundreds of chips cross into the page as
// one string instead of thousands of calls.
func writeGroup(w *strings.Builder, g view.Group) {
	w.WriteString(`<span class="group`)
	if strings.HasSuffix(g.Chips[len(g.Chips)-1].Label, "⏎") {
		w.WriteString(" ends")
	}
	if len(g.Chips) == 1 {
		w.WriteString(`">`)
		writeChip(w, g.Chips[0])
		w.WriteString(`</span>`)
		return
	}
	w.WriteString(`"><span class="cluster" role="group"><span class="graphemes">`)
	for _, grapheme := range g.Graphemes {
		w.WriteString(`<b>`)
		writeText(w, grapheme.Label)
		w.WriteString(`</b>`)
	}
	w.WriteString(`</span>`)
	for _, chip := range g.Chips {
		writeChip(w, chip)
	}
	w.WriteString(`</span></span>`)
}

// writeChip writes one token: its piece, its id and its bytes.
func writeChip(w *strings.Builder, c view.Chip) {
	at := decimal(c.Position)
	w.WriteString(`<span role="option" aria-selected="false" id="chip-` + at + `" data-at="` + at + `" class="chip ` + chipClass(c.Flags) + `"><b>`)
	writeText(w, c.Label)
	w.WriteString(`</b><i>` + decimal(int(c.ID)) + `</i><small>` + c.Hex + `</small></span>`)
}

// chipClass is the style sheet's name of what a token is.
func chipClass(flags wire.TokenFlag) string {
	class := "given"
	switch view.OriginOf(flags) {
	case view.Drawn:
		class = "drawn"
	case view.Forced:
		class = "forced"
	}
	if flags&wire.FlagSpecial != 0 {
		class += " special"
	}
	if flags&wire.FlagByte != 0 {
		class += " partial"
	}
	return class
}

// writeText writes text so that HTML takes it as text.
func writeText(w *strings.Builder, text string) {
	for i := range len(text) {
		switch text[i] {
		case '<':
			w.WriteString("&lt;")
		case '>':
			w.WriteString("&gt;")
		case '&':
			w.WriteString("&amp;")
		default:
			w.WriteByte(text[i])
		}
	}
}

// mark marks the chosen token's chip and brings it in sight.
func (v *tokensView) mark() {
	if v.chosen.Truthy() {
		v.chosen.setAttr("aria-selected", "false")
	}
	chip := document.Call("getElementById", "chip-"+decimal(v.c.position()))
	v.chosen = element{chip}
	if chip.IsNull() {
		v.list.Call("removeAttribute", "aria-activedescendant")
		return
	}
	v.chosen.setAttr("aria-selected", "true")
	v.list.setAttr("aria-activedescendant", v.chosen.attr("id"))
	if v.list.Get("scrollHeight").Int() > v.list.Get("clientHeight").Int() {
		// Only the list scrolls: in a narrow window, where it does not, the page stays
		// where the reader is.
		chip.Call("scrollIntoView", map[string]any{"block": "nearest"})
	}
}
