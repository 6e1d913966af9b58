//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// nearTokens lists the tokens of the vocabulary whose embeddings are nearest
// to the chosen token's, and lets the reader walk on from one to the next.
type nearTokens struct {
	v     *vectorsView
	c     *client
	says  *page.TextCell
	trail page.Element
	list  page.Element

	way     []step           // from the chosen token on; never empty once there is one
	drawn   *wire.Neighbours // that the list shows
	stale   bool
	rebuild bool // the trail and the list are made anew
}

// step is a token on the way through the vocabulary.
type step struct {
	id    int32
	bytes []byte
}

func newNearTokens(v *vectorsView) *nearTokens {
	return &nearTokens{v: v, c: v.c, says: page.NewTextCell(page.ByID("near-says")), trail: page.ByID("near-trail"), list: page.ByID("near-list")}
}

// of is the token whose neighbours are shown.
func (n *nearTokens) of() int32 {
	if len(n.way) == 0 {
		return 0
	}
	return n.way[len(n.way)-1].id
}

func (n *nearTokens) update(what change) {
	tokens, at := n.c.shown.Tokens(), n.c.position()
	if at < 0 {
		return
	}
	if len(n.way) == 0 || n.way[0].id != tokens[at].ID {
		n.way = append(n.way[:0], step{tokens[at].ID, tokens[at].Bytes})
		n.rebuild = true
	}
	if what.saw(changedLanguage | changedSession) {
		n.rebuild = true
	}
	n.stale = true
}

// walk goes on to a neighbour; one that was passed already is gone back to.
func (n *nearTokens) walk(to step) {
	for i, passed := range n.way {
		if passed.id == to.id {
			n.back(i)
			return
		}
	}
	n.way = append(n.way, to)
	n.rebuild = true
	n.c.inspector.Leave()
	n.c.changed(change{page: changedPlace})
}

// back goes back to the i-th token of the way.
func (n *nearTokens) back(i int) {
	n.way = n.way[:i+1]
	n.rebuild = true
	n.c.inspector.Leave()
	n.c.changed(change{page: changedPlace})
}

func (n *nearTokens) frame() {
	if !n.stale || len(n.way) == 0 {
		return
	}
	n.stale = false
	answer, known := n.c.shown.Neighbours(n.of())
	if known {
		n.says.Show(n.c.words.Say("vectors.near_says"))
	} else {
		query := wire.Query{What: wire.QueryNeighbours, Token: n.of()}
		words, refused := n.c.trouble(query)
		switch {
		case refused:
		case n.v.busy():
			words = n.c.words.Say("vectors.wait_rest")
		default:
			words = n.c.words.Say("vectors.asking")
		}
		n.says.Show(words)
		answer = nil
	}
	if n.rebuild {
		n.makeTrail()
	}
	if n.rebuild || answer != n.drawn {
		n.makeList(answer)
	}
	n.rebuild = false
}

// makeTrail writes the way so far; the last token of it is where it stands.
func (n *nearTokens) makeTrail() {
	n.trail.Clear()
	last := len(n.way) - 1
	for i, s := range n.way {
		if i > 0 {
			n.trail.Append(page.Create("span", "quiet").With("›"))
		}
		label := session.Label(s.bytes)
		if i == last {
			here := page.Create("b", "mono").With(label)
			here.SetAttr("aria-current", "true")
			n.trail.Append(here)
			continue
		}
		crumb := page.Create("button", "plain mono").With(label)
		crumb.SetAttr("type", "button")
		crumb.OnClick(func() { n.back(i) })
		n.trail.Append(crumb)
	}
}

// makeList writes the neighbours: piece, bar and cosine of each.
func (n *nearTokens) makeList(answer *wire.Neighbours) {
	n.drawn = answer
	n.list.Clear()
	if answer == nil {
		return
	}
	for _, near := range answer.Tokens {
		label := session.Label(near.Bytes)
		value := strconv.FormatFloat(float64(near.Cosine), 'f', 3, 32)
		bar := page.Create("i", "")
		bar.SetStyle("--share", strconv.FormatFloat(min(max(float64(near.Cosine), 0), 1), 'f', 4, 64))
		button := page.Create("button", "near").Append(page.Create("b", "mono").With(label), bar, page.Create("span", "mono").With(value))
		button.SetAttr("type", "button")
		button.SetAttr("aria-label", n.c.words.Say("vectors.near_row", "Piece", label, "Value", value))
		at := func() page.Reading { return n.reading(answer.Token, near) }
		button.OnClick(func() { n.walk(step{near.ID, near.Bytes}) })
		for _, event := range []string{"pointerenter", "focus"} {
			button.On(event, func(jsEvent) { n.c.inspector.Point(at) })
		}
		for _, event := range []string{"pointerleave", "blur"} {
			button.On(event, func(jsEvent) { n.c.inspector.Leave() })
		}
		n.list.Append(page.Create("li", "").Append(button))
	}
	n.list.Set("scrollTop", 0)
}

// reading is what the inspector says about a neighbour of token of.
func (n *nearTokens) reading(of int32, near wire.Neighbour) page.Reading {
	say, m, from := n.c.words.Say, n.c.shown.Model(), ""
	for _, s := range n.way {
		if s.id == of {
			from = session.Label(s.bytes)
		}
	}
	return page.Reading{
		Title: say("vectors.near_title", "A", from, "B", session.Label(near.Bytes)),
		Value: page.Exact(near.Cosine),
		Shape: say("vectors.near_shape", "Width", page.Grouped(int(m.Width))),
		Rows: append(page.Formula(view.CosineLines(of, near.ID, near.Cosine)),
			page.Fact(say("token.id"), page.Decimal(int(near.ID))), page.Fact(say("token.bytes"), session.Hex(near.Bytes))),
		Note: say("vectors.near_note", "Vocab", page.Grouped(int(m.Vocab))),
		Fn:   view.FuncNeighbours,
		By:   view.FuncCosineLines,
	}
}
