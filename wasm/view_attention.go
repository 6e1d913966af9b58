//go:build js && wasm

package main

import (
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// attentionView shows all heads at once and, below them, one of three parts
// about what is chosen: the head, the layer, or the lens over all layers.
type attentionView struct {
	c     *client
	atlas *atlas
	dials *attentionDials
	parts []attentionPart
	shows []page.Element // the buttons of the parts
	open  int
	live  *page.TextCell // tells assistive technology what was chosen
	held  change         // not told to the parts yet
}

// An attentionPart is what stands below the atlas. While it is closed it is
// told nothing, and it is told that everything changed when it opens.
type attentionPart interface {
	section() page.Element
	update(what change)
	// frame draws what is due; see [view].
	frame(t float64) (again bool)
}

func newAttentionView(c *client) *attentionView {
	v := &attentionView{c: c, live: page.NewTextCell(page.ByID("attention-live"))}
	v.atlas = newAtlas(c, v.say)
	v.dials = newAttentionDials(c)
	v.parts = []attentionPart{newHeadPart(c, v.say), newFlowPart(c, v.say), newLensPart(c)}
	for i, id := range []string{"show-head", "show-flow", "show-lens"} {
		button := page.ByID(id)
		v.shows = append(v.shows, button)
		button.OnClick(func() { v.show(i) })
	}
	return v
}

func (v *attentionView) name() string      { return "attention" }
func (v *attentionView) needs() wire.Views { return wire.ViewAttention }
func (v *attentionView) ready() bool {
	m := v.c.shown.Model()
	return len(v.c.shown.Tokens()) > 0 && m.Layers > 0 && m.Heads > 0
}

// show opens a part in the place of another.
func (v *attentionView) show(part int) {
	if part == v.open {
		return
	}
	v.parts[v.open].section().SetHidden(true)
	v.shows[v.open].SetAttr("aria-pressed", "false")
	v.open = part
	v.parts[part].section().SetHidden(false)
	v.shows[part].SetAttr("aria-pressed", "true")
	v.parts[part].update(everything)
	v.c.wake()
}

// withToken is what changes with every token that is drawn.
const withToken = session.ChangeTokens | session.ChangeMessages | session.ChangeStep

// say tells assistive technology what was chosen with the keyboard.
func (v *attentionView) say(text string) { v.live.Show(text) }

func (v *attentionView) update(what change) {
	what = change{frames: what.frames | v.held.frames, page: what.page | v.held.page}
	v.held = change{}
	// At full speed the rows of a step are right behind its token: both are drawn at once.
	if v.c.replay == nil && v.c.following && v.c.play.atFullSpeed() && what.frames&^withToken == 0 && what.page&^changedToken == 0 {
		v.held = what
		return
	}
	v.atlas.update(what)
	v.dials.update(what)
	v.parts[v.open].update(what)
}

func (v *attentionView) frame(t float64) (again bool) {
	again = v.atlas.frame(t)
	again = v.parts[v.open].frame(t) || again
	v.atlas.write()
	return again
}

// layer is the chosen layer for views that show what happens in one: the last
// one where what comes after the final norm is chosen.
func (c *client) layer() int { return max(min(c.at.layer, int(c.shown.Model().Layers)-1), 0) }

// head is the chosen query head.
func (c *client) head() int { return max(min(c.at.head, int(c.shown.Model().Heads)-1), 0) }

// attentionDials are the sliders for layer and head.
type attentionDials struct {
	c           *client
	layer, head dial
}

// dial is a slider with its number.
type dial struct {
	slider page.Element
	output *page.TextCell
	limit  int
	at     int
}

func newDial(id string, moved func(to int)) dial {
	d := dial{slider: page.ByID(id), limit: -1, at: -1}
	d.output = page.NewTextCell(page.Element{Value: d.slider.Get("parentElement")}.Find("output"))
	d.slider.On("input", func(jsEvent) {
		to := 0
		for _, digit := range d.slider.FieldValue() {
			to = 10*to + int(digit-'0')
		}
		moved(to)
	})
	return d
}

func (d *dial) show(at, limit int) {
	if limit != d.limit {
		d.limit = limit
		d.slider.SetAttr("max", page.Decimal(limit))
	}
	if at != d.at {
		d.at = at
		d.slider.SetValue(page.Decimal(at))
		d.output.Show(page.Decimal(at))
	}
}

func newAttentionDials(c *client) *attentionDials {
	return &attentionDials{
		c:     c,
		layer: newDial("attention-layer", func(to int) { c.choosePlace(to, -1, c.at.key) }),
		head:  newDial("attention-head", func(to int) { c.choosePlace(-1, to, c.at.key) }),
	}
}

func (d *attentionDials) update(what change) {
	if what.has(session.ChangeModel) || what.saw(changedPlace|changedSession) {
		m := d.c.shown.Model()
		d.layer.show(d.c.layer(), int(m.Layers)-1)
		d.head.show(d.c.head(), int(m.Heads)-1)
	}
}

// A patience asks questions that cost the engine a run through the model, one
// at a time: when the choice has rested for a moment and, while an answer is being
// written, which moves the choice with every token, so seldom that the answer
// is hardly slowed down.
type patience struct {
	c     *client
	due   question
	since float64 // when due became what it is
	last  question
	asked float64 // when last was asked
	took  float64 // how long its answer was on its way; 0 while it still is
	timed bool
}

// question is what makes one query differ from another.
type question struct {
	what          wire.QueryKind // never zero: no part asks for merges
	position, key int
	layer, head   int
}

func questionOf(q wire.Query) question {
	return question{what: q.What, position: int(q.Position), key: int(q.Key), layer: int(q.Layer), head: int(q.Head)}
}

const (
	restBeforeAsking = 110.0  // milliseconds
	pauseInWriting   = 1000.0 // milliseconds between two questions at least
	shareInWriting   = 12.0   // times as long as an answer takes is the pause before the next question
	longestAnswer    = 8000.0 // milliseconds after which an answer is not waited for any more
	lookAgain        = 250.0  // milliseconds until what is still wanted is looked at again at most
)

// want asks q, in the frame at time t, as soon as it is time. It has to be
// called in every frame in which q is still wanted, and wakes the page for it.
func (p *patience) want(t float64, q wire.Query) {
	now := questionOf(q)
	if now != p.due {
		p.due, p.since = now, t
	}
	waiting := p.waiting()
	if p.last.what != 0 && p.took == 0 && !waiting {
		p.took = t - p.asked
	}
	wait := p.since + restBeforeAsking - t
	if !p.c.resting() {
		wait = p.asked + max(pauseInWriting, shareInWriting*p.took) - t
	}
	if p.last != now && waiting {
		wait = max(wait, p.asked+longestAnswer-t) // the answer wakes the page before
	}
	if wait > 0 {
		p.wakeAfter(min(wait, lookAgain))
		return
	}
	if p.last != now {
		p.asked, p.took, p.last = t, 0, now
	}
	p.c.ask(q)
}

// waiting reports whether the last question has no answer yet.
func (p *patience) waiting() bool {
	q, s := p.last, p.c.shown
	if q.what == 0 || q.position >= len(s.Tokens()) {
		return false
	}
	held := false
	switch q.what {
	case wire.QueryFlow:
		_, held = s.Flow(q.position, q.layer)
	case wire.QueryLens:
		_, held = s.Lens(q.position)
	case wire.QueryCell:
		_, held = s.Cell(q.layer, q.head, q.position, q.key)
	case wire.QueryHead:
		_, held = s.Head(q.layer, q.head)
	}
	_, refused := s.Refusal(wire.Query{
		What: q.what, Position: uint32(q.position), Key: uint32(q.key), Layer: uint16(q.layer), Head: uint16(q.head),
	})
	return !held && !refused
}

func (p *patience) wakeAfter(wait float64) {
	if p.timed {
		return
	}
	p.timed = true
	page.After(int(wait)+1, func() {
		p.timed = false
		p.c.wake()
	})
}

// resting reports whether the shown session's model stands still, so that a
// question takes time from no answer.
func (c *client) resting() bool {
	switch c.shown.State().State {
	case wire.StatePaused, wire.StateStopped, wire.StateLengthCapped, wire.StateAborted:
		return true
	}
	return c.replay != nil
}

// arrows reads an arrow key as a step right and a step down.
func arrows(key string) (right, down int, ok bool) {
	switch key {
	case "ArrowLeft":
		return -1, 0, true
	case "ArrowRight":
		return 1, 0, true
	case "ArrowUp":
		return 0, -1, true
	case "ArrowDown":
		return 0, 1, true
	}
	return 0, 0, false
}

// tokenName names the token at a position by its text, as it stands in a sentence.
func (c *client) tokenName(position int) string {
	tokens := c.shown.Tokens()
	if position < 0 || position >= len(tokens) {
		return ""
	}
	return c.words.Say("attention.token", "N", page.Decimal(position), "Piece", session.Label(tokens[position].Bytes))
}
