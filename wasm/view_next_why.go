//go:build js && wasm

package main

import (
	"strings"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
	"vitrine/wasm/resample"
)

// nextWhy answers "why not that one?" for any token of the vocabulary, and can
// put it into the place of the one that was drawn.
type nextWhy struct {
	v       *nextView
	search  page.Element
	found   page.Element
	verdict *page.TextCell
	instead page.Element
	asked   int // tokens whose names were asked for, from the first on
	text    string
	shown   string // what found lists
}

// foundMost is how many tokens a search lists.
const foundMost = 8

// piecesAtOnce is how many names are asked for in one question.
const piecesAtOnce = 1024

func newNextWhy(v *nextView) *nextWhy {
	w := &nextWhy{
		v: v, search: page.ByID("next-search"), found: page.ByID("next-found"), verdict: page.NewTextCell(page.ByID("next-verdict")), instead: page.ByID("next-instead"),
	}
	w.search.On("input", func(jsEvent) {
		w.text = w.search.FieldValue()
		v.redraw = true
		v.c.wake()
	})
	w.instead.OnClick(func() {
		if v.outcome == nil || v.asked < 0 {
			return
		}
		v.c.play.halt()
		v.c.control(wire.Control{Op: wire.OpBranch, Position: uint32(v.outcome.Position), Token: v.asked})
		v.c.inspector.Release()
	})
	return w
}

// fetch asks for the names of the next part of the vocabulary, and reports
// whether more are to be asked for: a part a frame of the screen, so that none
// of them is held up. Names that were asked for draw by draw would come too
// late while an answer is written.
func (w *nextWhy) fetch() (more bool) {
	vocab := int(w.v.c.shown.Model().Vocab)
	if w.v.outcome == nil || w.v.c.replay != nil || !w.v.c.canAsk() || w.asked >= vocab {
		return false
	}
	ids := make([]int32, 0, piecesAtOnce)
	for id := w.asked; id < min(w.asked+piecesAtOnce, vocab); id++ {
		ids = append(ids, int32(id))
	}
	w.v.askNames(ids)
	w.asked += len(ids)
	return w.asked < vocab
}

// again begins anew: what was asked on an earlier connection is not answered
// any more. Names that are known are not asked for twice.
func (w *nextWhy) again() { w.asked = 0 }

func (w *nextWhy) show() {
	w.showFound()
	v, say := w.v, w.v.c.words.Say
	if v.outcome == nil || v.asked < 0 || int(v.asked) >= v.outcome.Vocab() {
		w.verdict.Show(say("next.why_ask"))
		w.instead.SetHidden(true)
		return
	}
	verdict := v.outcome.Why(v.asked)
	w.verdict.Show(v.verdict(&verdict))
	t, there := v.token()
	w.instead.SetHidden(v.c.replay != nil || !v.c.canAsk() || there && t.ID == v.asked)
	w.instead.SetText(say("next.instead", "Piece", v.piece(v.asked)))
	w.instead.SetAttr("title", say("next.instead_help"))
}

// showFound lists the tokens that were searched for.
func (w *nextWhy) showFound() {
	v := w.v
	if v.outcome == nil || strings.TrimSpace(w.text) == "" && w.text == "" {
		w.list("", nil)
		return
	}
	known := 0
	ids := resample.Search(&v.outcome.Report, w.text, foundMost, func(id int32) ([]byte, bool) {
		p, ok := v.c.shown.Piece(id)
		if ok {
			known++
		}
		return p.Bytes, ok
	})
	note := ""
	switch {
	case len(ids) > 0:
	case known < v.outcome.Vocab() && !v.c.shown.Recorded():
		note = v.c.words.Count("next.found_loading", known)
	default:
		note = v.c.words.Say("next.found_none")
	}
	w.list(note, ids)
}

// list writes what was found, if it differs from what stands there.
func (w *nextWhy) list(note string, ids []int32) {
	v := w.v
	key := note + v.c.words.Lang
	for _, id := range ids {
		key += " " + page.Decimal(int(id)) + v.piece(id) + view.Percent(v.outcome.ProbAt(0, id))
	}
	if key == w.shown {
		return
	}
	w.shown = key
	w.found.Clear()
	if note != "" {
		w.found.Append(page.Create("small", "quiet").With(note))
	}
	for _, id := range ids {
		button := page.Create("button", "token")
		button.SetAttr("type", "button")
		button.Append(page.Create("b", "").With(v.piece(id)), page.Create("small", "mono").With(page.Decimal(int(id))))
		button.SetAttr("aria-label", v.c.words.Say("next.found_one", "Piece", v.piece(id), "ID", page.Decimal(int(id)), "P", view.Percent(v.outcome.ProbAt(0, id))))
		button.OnClick(func() { v.choose(id) })
		w.found.Append(button)
	}
}

// nextTree is the conversation's branches as a small tree.
type nextTree struct {
	c      *client
	panel  page.Element
	list   page.Element
	stale  bool
	active uint32
}

func newNextTree(c *client) *nextTree {
	return &nextTree{c: c, panel: page.ByID("next-branches"), list: page.ByID("next-tree"), stale: true}
}

func (t *nextTree) update(what change) {
	if what.has(session.ChangeBranches) || what.saw(changedSession|changedLanguage) || t.active != t.c.shown.ActiveBranch() {
		t.stale = true
	}
}

func (t *nextTree) frame() {
	if !t.stale {
		return
	}
	t.stale = false
	say := t.c.words.Say
	branches := t.c.shown.Branches()
	t.active = t.c.shown.ActiveBranch()
	t.panel.SetHidden(len(branches) < 2)
	t.list.Clear()
	if len(branches) < 2 {
		return
	}
	for _, b := range view.BranchTree(branches) {
		button := page.Create("button", "")
		button.SetAttr("type", "button")
		button.SetAttr("aria-pressed", page.BoolText(b.ID == t.active))
		button.SetAttr("aria-current", page.BoolText(b.ID == t.active))
		button.SetDisabled(t.c.replay != nil)
		pairs := []string{"N", page.Decimal(b.Number), "Fork", page.Decimal(int(b.Fork)), "Length", page.Decimal(int(b.Length)), "Text", b.Text}
		key := "next.branch"
		if b.Depth == 0 {
			key = "next.branch_first"
		} else {
			button.Append(page.Create("small", "mono").With(say("next.branch_fork", pairs...)))
		}
		button.SetAttr("aria-label", say(key, pairs...))
		button.Append(page.Create("span", "").With(b.Text))
		button.OnClick(func() { t.c.control(wire.Control{Op: wire.OpSwitch, Branch: b.ID}) })
		item := page.Create("li", "").Append(button)
		item.SetStyle("--depth", page.Decimal(b.Depth))
		t.list.Append(item)
	}
}
