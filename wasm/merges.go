//go:build js && wasm

package main

import (
	"bytes"
	"slices"
	"syscall/js"
	"unicode/utf8"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// mergesPanel tells how the tokenizer put the chosen word together, merge by merge.
type mergesPanel struct {
	c             *client
	back, run, on page.Element
	count, says   *page.TextCell
	ladder        page.Element

	text    string  // that the tokenizer is asked about
	offset  int     // of the chosen token in text
	ids     []int32 // the sequence's tokens from text's beginning
	special bool    // the chosen token is special, and there is nothing to merge
	word    *wire.Word
	askedOf *wire.Merges // the answer that word is of
	step    int          // merges that are shown, 0 … len(word.Merges)
	playing bool
	timer   js.Value
	stale   bool // the panel does not show all this
}

func newMergesPanel(c *client) *mergesPanel {
	p := &mergesPanel{
		c: c, back: page.ByID("merge-back"), run: page.ByID("merge-run"), on: page.ByID("merge-on"),
		count: page.NewTextCell(page.ByID("merge-count")), says: page.NewTextCell(page.ByID("merge-says")), ladder: page.ByID("merge-ladder"),
	}
	p.back.OnClick(func() { p.stop(); p.show(p.step - 1) })
	p.on.OnClick(func() { p.stop(); p.show(p.step + 1) })
	p.run.OnClick(func() {
		if p.playing {
			p.stop()
			return
		}
		if p.word != nil && p.step == len(p.word.Merges) {
			p.show(0)
		}
		p.playing, p.stale = true, true
		p.tick()
	})
	return p
}

// mergePause is how long each merge stands while they play, in milliseconds.
const mergePause = 800

func (p *mergesPanel) tick() {
	p.timer = page.After(mergePause, func() {
		if p.word == nil || !p.playing {
			return
		}
		p.show(p.step + 1)
		if p.step == len(p.word.Merges) {
			p.stop()
			return
		}
		p.tick()
	})
}

func (p *mergesPanel) stop() {
	page.CancelTimer(p.timer)
	p.playing, p.stale = false, true
	p.c.wake()
}

// show shows the word after a number of merges.
func (p *mergesPanel) show(step int) {
	if p.word != nil {
		p.step = min(max(step, 0), len(p.word.Merges))
	}
	p.stale = true
	p.c.wake()
}

func (p *mergesPanel) update(what change) {
	if what.saw(changedLanguage) {
		p.stale = true
	}
	if !what.has(session.ChangeTokens|session.ChangeAnswer|session.ChangeProblem|session.ChangeState) && !what.saw(changedToken|changedSession) {
		return
	}
	if what.saw(changedSession) {
		p.word, p.askedOf = nil, nil
	}
	// While an answer is written the word is still changing under the eye.
	if p.c.play.running() && p.c.following {
		return
	}
	p.choose()
}

// choose asks about the chosen token's text and finds its word in the answer.
func (p *mergesPanel) choose() {
	tokens, at := p.c.shown.Tokens(), p.c.position()
	if at < 0 {
		return
	}
	p.special = tokens[at].Flags&wire.FlagSpecial != 0
	text, offset, ids := "", 0, []int32(nil)
	if !p.special {
		text, offset, ids = surrounding(tokens, at)
	}
	p.stale = true
	answer, known := p.c.shown.Merges(text)
	if known && answer == p.askedOf && offset == p.offset {
		return
	}
	p.text, p.offset, p.ids, p.word, p.askedOf = text, offset, ids, nil, answer
	switch {
	case text == "":
	case !known:
		p.c.ask(wire.Query{What: wire.QueryMerges, Text: text})
	default:
		for i := range answer.Words {
			if w := &answer.Words[i]; int(w.Start) <= offset && offset < int(w.End) {
				p.word, p.step = w, len(w.Merges)
			}
		}
	}
}

// surroundingBytes bounds the text before a token that the tokenizer is asked
// about. What lies further back does not change how the token's word is cut.
const surroundingBytes = 1024

// surrounding is the text around a token, up to the special tokens on both
// sides and to the end of its word, with the token's place in it and the ids
// of its tokens.
func surrounding(tokens []wire.Token, at int) (text string, offset int, ids []int32) {
	first, before := at, 0
	for first > 0 && tokens[first-1].Flags&wire.FlagSpecial == 0 {
		if before > surroundingBytes && bytes.HasPrefix(tokens[first].Bytes, []byte(" ")) {
			break
		}
		first--
		before += len(tokens[first].Bytes)
	}
	last := at + 1
	for last < len(tokens) && tokens[last].Flags&wire.FlagSpecial == 0 && !startsWord(tokens[last].Bytes) {
		last++
	}
	var b []byte
	for i, t := range tokens[first:last] {
		if first+i == at {
			offset = len(b)
		}
		b = append(b, t.Bytes...)
		ids = append(ids, t.ID)
	}
	for len(b) > 0 && !utf8.Valid(b) { // the last character is not whole yet
		b = b[:len(b)-1]
	}
	return string(b), offset, ids
}

func (p *mergesPanel) frame(float64) (again bool) {
	if !p.stale {
		return false
	}
	p.stale = false
	say := p.c.words.Say
	merges := 0
	if p.word != nil {
		merges = len(p.word.Merges)
	}
	p.run.SetFlag("data-running", p.playing)
	if p.playing {
		p.c.words.Name(p.run, "tokens.merge_pause")
	} else {
		p.c.words.Name(p.run, "tokens.merge_run")
	}
	p.run.SetDisabled(merges == 0)
	p.back.SetDisabled(p.word == nil || p.step == 0)
	p.on.SetDisabled(p.word == nil || p.step == merges)
	p.count.Show("")
	if merges > 0 {
		p.count.Show(say("tokens.merge_count", "N", page.Decimal(p.step), "Count", page.Decimal(merges)))
	}
	p.says.Show(p.sentence())
	p.ladder.Clear()
	if p.word == nil {
		return false
	}
	for i := 0; i <= p.step; i++ {
		p.ladder.Append(p.rung(i))
	}
	p.ladder.Set("scrollTop", p.ladder.Get("scrollHeight"))
	return false
}

// sentence says in words what is shown.
func (p *mergesPanel) sentence() string {
	w, say := p.word, p.c.words.Say
	switch {
	case p.special:
		return say("tokens.merge_special")
	case w == nil:
		if problem, refused := p.c.trouble(wire.Query{What: wire.QueryMerges, Text: p.text}); refused {
			return problem
		}
		return say("tokens.merge_none")
	case len(w.Merges) == 0 && len(w.IDs) == 1:
		return say("tokens.merge_whole")
	case p.step == len(w.Merges):
		done := p.c.words.Count("tokens.merge_done", len(w.IDs))
		if !p.asDrawn() {
			done = p.c.words.Sentences(done, say("tokens.merge_differs"))
		}
		return done
	case p.step == 0:
		return p.c.words.Count("tokens.merge_start", len(w.Initial), "Algorithm", p.askedOf.Algorithm)
	}
	m := w.Merges[p.step-1]
	before := p.symbols(p.step - 1)
	left, right := session.Label(before[m.Left]), session.Label(before[m.Left+1])
	if m.Rank < 0 {
		return say("tokens.merge_score", "Left", left, "Right", right, "Score", view.Number(float64(m.Score)))
	}
	return say("tokens.merge_rank", "Left", left, "Right", right, "Rank", page.Grouped(int(m.Rank)))
}

// asDrawn reports whether the sequence has the word in the tokens that the
// tokenizer makes of it; a model may draw others.
func (p *mergesPanel) asDrawn() bool {
	for i := range p.ids {
		if i+len(p.word.IDs) <= len(p.ids) && slices.Equal(p.ids[i:i+len(p.word.IDs)], p.word.IDs) {
			return true
		}
	}
	return false
}

// symbols are the word's symbols after a number of merges.
func (p *mergesPanel) symbols(merges int) [][]byte {
	if merges == 0 {
		return p.word.Initial
	}
	return p.word.Merges[merges-1].Symbols
}

// rung is a row of the ladder: the symbols after a number of merges. The one
// that was just made is marked, and those that are merged next are joined.
func (p *mergesPanel) rung(merges int) page.Element {
	row := page.Create("div", "rung")
	made, next := -1, -1
	if merges > 0 {
		made = int(p.word.Merges[merges-1].Left)
	}
	if merges < len(p.word.Merges) {
		next = int(p.word.Merges[merges].Left)
	}
	for i, symbol := range p.symbols(merges) {
		class := "symbol"
		if i == made {
			class += " made"
		}
		if i == next {
			class += " left"
		}
		if i == next+1 && next >= 0 {
			class += " right"
		}
		row.Append(page.Create("span", class).With(session.Label(symbol)))
	}
	if merges > 0 {
		m := p.word.Merges[merges-1]
		text := p.c.words.Say("tokens.rank", "N", page.Grouped(int(m.Rank)))
		if m.Rank < 0 {
			text = p.c.words.Say("tokens.score", "N", view.Number(float64(m.Score)))
		}
		row.Append(page.Create("small", "quiet mono").With(text))
	}
	return row
}

// startsWord says whether a token begins with what stands between words.
func startsWord(b []byte) bool { return len(b) > 0 && (b[0] == ' ' || b[0] == '\n') }
