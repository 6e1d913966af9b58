//go:build js && wasm

package main

import (
	"strings"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/resample"
)

// nextWhy answers "why not that one?" for any token of the vocabulary, and can
// put it into the place of the one that was drawn.
type nextWhy struct {
	v       *nextView
	search  element
	found   element
	verdict *textCell
	instead element
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
		v: v, search: byID("next-search"), found: byID("next-found"), verdict: newTextCell(byID("next-verdict")), instead: byID("next-instead"),
	}
	w.search.on("input", func(jsEvent) {
		w.text = w.search.value()
		v.redraw = true
		v.c.wake()
	})
	w.instead.onClick(func() {
		if v.outcome == nil || v.asked < 0 {
			return
		}
		v.c.play.halt()
		v.c.control(wire.Control{Op: wire.OpBranch, Position: uint32(v.outcome.Position), Token: v.asked})
		v.c.inspector.release()
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
	v, say := w.v, w.v.c.words.say
	if v.outcome == nil || v.asked < 0 || int(v.asked) >= v.outcome.Vocab() {
		w.verdict.show(say("next.why_ask"))
		w.instead.setHidden(true)
		return
	}
	verdict := v.outcome.Why(v.asked)
	w.verdict.show(v.verdict(&verdict))
	t, there := v.token()
	w.instead.setHidden(v.c.replay != nil || !v.c.canAsk() || there && t.ID == v.asked)
	w.instead.setText(say("next.instead", "Piece", v.piece(v.asked)))
	w.instead.setAttr("title", say("next.instead_help"))
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
		note = v.c.words.count("next.found_loading", known)
	default:
		note = v.c.words.say("next.found_none")
	}
	w.list(note, ids)
}

// list writes what was found, if it differs from what stands there.
func (w *nextWhy) list(note string, ids []int32) {
	v := w.v
	key := note + v.c.words.lang
	for _, id := range ids {
		key += " " + decimal(int(id)) + v.piece(id) + view.Percent(v.outcome.ProbAt(0, id))
	}
	if key == w.shown {
		return
	}
	w.shown = key
	w.found.clear()
	if note != "" {
		w.found.append(create("small", "quiet").with(note))
	}
	for _, id := range ids {
		button := create("button", "token")
		button.setAttr("type", "button")
		button.append(create("b", "").with(v.piece(id)), create("small", "mono").with(decimal(int(id))))
		button.setAttr("aria-label", v.c.words.say("next.found_one", "Piece", v.piece(id), "ID", decimal(int(id)), "P", view.Percent(v.outcome.ProbAt(0, id))))
		button.onClick(func() { v.choose(id) })
		w.found.append(button)
	}
}

// nextTree is the conversation's branches as a small tree.
type nextTree struct {
	c      *client
	panel  element
	list   element
	stale  bool
	active uint32
}

func newNextTree(c *client) *nextTree {
	return &nextTree{c: c, panel: byID("next-branches"), list: byID("next-tree"), stale: true}
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
	say := t.c.words.say
	branches := t.c.shown.Branches()
	t.active = t.c.shown.ActiveBranch()
	t.panel.setHidden(len(branches) < 2)
	t.list.clear()
	if len(branches) < 2 {
		return
	}
	for _, b := range view.BranchTree(branches) {
		button := create("button", "")
		button.setAttr("type", "button")
		button.setAttr("aria-pressed", boolText(b.ID == t.active))
		button.setAttr("aria-current", boolText(b.ID == t.active))
		button.setDisabled(t.c.replay != nil)
		pairs := []string{"N", decimal(b.Number), "Fork", decimal(int(b.Fork)), "Length", decimal(int(b.Length)), "Text", b.Text}
		key := "next.branch"
		if b.Depth == 0 {
			key = "next.branch_first"
		} else {
			button.append(create("small", "mono").with(say("next.branch_fork", pairs...)))
		}
		button.setAttr("aria-label", say(key, pairs...))
		button.append(create("span", "").with(b.Text))
		button.onClick(func() { t.c.control(wire.Control{Op: wire.OpSwitch, Branch: b.ID}) })
		item := create("li", "").append(button)
		item.setStyle("--depth", decimal(b.Depth))
		t.list.append(item)
	}
}
