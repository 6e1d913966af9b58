//go:build js && wasm

package main

import (
	"strings"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// tokensView shows the sequence as chips, one a token, where a character that
// several tokens share holds them together, and how the chosen word was merged.
type tokensView struct {
	c         *client
	list      page.Element
	segmenter js.Value // graphemes; undefined in a browser that has none
	merges    *mergesPanel
	height    int // of the list, in pixels

	tokens    []wire.Token // what the chips show
	groups    []chipGroup  // the groups of chips in the page
	paragraph page.Element // the last one, which the next chips go into
	chosen    page.Element // the chip that is marked
	stale     bool         // the chips do not show the session's tokens
	reveal    bool         // the chosen chip has to come in sight
}

func newTokensView(c *client) *tokensView {
	v := &tokensView{c: c, list: page.ByID("chips"), merges: newMergesPanel(c)}
	if segmenter := page.Window.Get("Intl").Get("Segmenter"); segmenter.Truthy() {
		v.segmenter = segmenter.New()
	}
	v.list.On("click", func(event js.Value) {
		if at, ok := chipAt(event); ok {
			c.keepToken(at)
		}
	})
	v.list.On("pointerover", func(event js.Value) {
		if at, ok := chipAt(event); ok {
			c.spine.pointAt(at)
		}
	})
	v.list.On("pointerleave", func(jsEvent) { c.spine.pointAt(-1) })
	return v
}

// chipAt is the position of the token whose chip an event is on.
func chipAt(event js.Value) (position int, ok bool) {
	chip := event.Get("target").Call("closest", "[data-at]")
	if chip.IsNull() {
		return 0, false
	}
	for _, digit := range page.AttrOf(chip, "data-at") {
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
	told := v.merges.stale
	again = v.merges.frame(t) || again
	if told { // the merges may take another part of the list's room
		height := v.list.Get("clientHeight").Int()
		v.reveal = v.reveal || height != v.height
		v.height = height
	}
	if v.reveal && !again {
		v.reveal = false
		v.mark()
	}
	return again
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
	for keep < len(v.groups) && v.groups[keep].end <= same {
		keep++
	}
	v.cut(max(keep-1, 0)) // the last may grow: its character may not have been whole
	from := 0
	if n := len(v.groups); n > 0 {
		from = v.groups[n-1].end
	}
	to := min(len(tokens), from+chipsAFrame)
	var html strings.Builder
	open := v.paragraph // whose chips are being written; undefined for one that is yet to be made
	flush := func() {
		if html.Len() > 0 {
			open.Call("insertAdjacentHTML", "beforeend", html.String())
			html.Reset()
		}
	}
	for _, group := range v.group(tokens[from:to], from) {
		begins := v.beginsParagraph()
		if begins {
			flush()
			open = page.Create("div", "paragraph")
			v.list.Append(open)
		}
		v.writeGroup(&html, group)
		last := group.Chips[len(group.Chips)-1]
		v.groups = append(v.groups, chipGroup{end: last.Position + 1, begins: begins, label: last.Label})
	}
	flush()
	v.paragraph = open
	v.tokens = append(v.tokens[:from], tokens[from:to]...)
	v.reveal = true
	return to < len(tokens)
}

// chipGroup is a group of chips in the page.
type chipGroup struct {
	end    int    // the position after its last token
	begins bool   // it begins a paragraph
	label  string // of its last token
}

// A paragraph of chips is laid out by itself, so that one more token does not
// lay all of them out again. It ends where the text has a new line; without
// one, after a sentence once it is long, and at last anywhere.
const (
	longParagraph    = 40
	longestParagraph = 160
)

// beginsParagraph reports whether the next group begins a paragraph.
func (v *tokensView) beginsParagraph() bool {
	n := len(v.groups)
	if n == 0 {
		return true
	}
	length := n - v.beginOf(n-1)
	last := v.groups[n-1].label
	return strings.HasSuffix(last, "⏎") || length >= longestParagraph ||
		length >= longParagraph && (strings.HasSuffix(last, ".") || strings.HasSuffix(last, "。"))
}

// cut takes the groups from the keep-th on out of the page.
func (v *tokensView) cut(keep int) {
	for i := len(v.groups) - 1; i >= keep; i-- {
		if v.groups[i].begins {
			v.list.Get("lastElementChild").Call("remove")
			continue
		}
		// Those of a paragraph that goes altogether go with it.
		if begin := v.beginOf(i); begin < keep {
			v.list.Get("lastElementChild").Get("lastElementChild").Call("remove")
		}
	}
	v.groups = v.groups[:keep]
	v.paragraph = page.Element{Value: v.list.Get("lastElementChild")}
}

// beginOf is the first group of the paragraph of the i-th.
func (v *tokensView) beginOf(i int) int {
	for !v.groups[i].begins {
		i--
	}
	return i
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
	segments := page.Window.Get("Array").Call("from", v.segmenter.Call("segment", text))
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
func (v *tokensView) writeGroup(w *strings.Builder, g view.Group) {
	if len(g.Chips) == 1 {
		v.writeChip(w, g.Chips[0])
		return
	}
	w.WriteString(`<span class="cluster" role="group"><span class="graphemes">`)
	for _, grapheme := range g.Graphemes {
		w.WriteString(`<b>`)
		writeText(w, grapheme.Label)
		w.WriteString(`</b>`)
	}
	w.WriteString(`</span>`)
	for _, chip := range g.Chips {
		v.writeChip(w, chip)
	}
	w.WriteString(`</span>`)
}

// writeChip writes one token: its piece, its id and its bytes.
func (v *tokensView) writeChip(w *strings.Builder, c view.Chip) {
	at := page.Decimal(c.Position)
	w.WriteString(`<span role="option" aria-selected="false" id="chip-` + at + `" data-at="` + at + `" class="chip ` + chipClass(c.Flags) + `"><b>`)
	writeText(w, c.Label)
	w.WriteString(`</b><i>` + v.c.tokenID(c.ID) + `</i><small>` + c.Hex + `</small></span>`)
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
		v.chosen.SetAttr("aria-selected", "false")
	}
	chip := page.Document.Call("getElementById", "chip-"+page.Decimal(v.c.position()))
	v.chosen = page.Element{Value: chip}
	if chip.IsNull() {
		v.list.Call("removeAttribute", "aria-activedescendant")
		return
	}
	v.chosen.SetAttr("aria-selected", "true")
	v.list.SetAttr("aria-activedescendant", v.chosen.Attr("id"))
	if v.list.Get("scrollHeight").Int() > v.list.Get("clientHeight").Int() {
		// Only the list scrolls: in a narrow window, where it does not, the page stays
		// where the reader is.
		chip.Call("scrollIntoView", map[string]any{"block": "nearest"})
	}
}
