//go:build js && wasm

package main

import (
	"strings"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/link"
	"vitrine/wasm/page"
)

// address keeps the page's address so that it reproduces what is seen, and
// reproduces what an address asks for.
type address struct {
	c       *client
	steps   []link.Step // still to be asked and chosen, in order
	placed  link.Step   // the last token that was put in its place
	token   int         // to be chosen once it is there, −1 for none
	asking  bool        // a prompt of the link is being answered
	asked   int         // prompts of the link so far
	prompt  string      // the last of them
	fresh   bool        // nothing was drawn yet for the step that is next
	stood   int         // tokens when more were last drawn for it
	moved   bool        // what was last asked or drawn is under way, or was
	said    int         // tokens when the page said that the link waits
	back    bool        // the session was joined, and has not told its state yet
	history link.History
	settled bool // the address that the page was opened with was acted on
	written string
	long    bool // too long for a link, which the page said
	timed   bool // a write is due
}

// settleAfter is how long the address waits, so that a running answer does not
// rewrite it with every token (browsers allow some hundred in a minute).
const settleAfter = 700 // milliseconds

func newAddress(c *client) *address {
	a := &address{c: c, token: -1}
	page.Element{Value: page.Window}.On("hashchange", func(jsEvent) { a.arrive(true) })
	return a
}

// arrive reads the address: the place at once, the prompts when there is a model, before
// which it is not known whether it is the link's either.
// A link that is opened in a page that talks already begins a new chat if it
// asks something else.
func (a *address) arrive(inPage bool) {
	wanted, wrong := link.Parse(page.Window.Get("location").Get("hash").String())
	if wanted.View != "" && !a.c.tabs.chooseName(wanted.View) {
		wrong = append(wrong, "view="+wanted.View)
	}
	if a.settled && wanted.Model != "" && wanted.Model != a.c.live.Model().Name {
		wrong = append(wrong, "model="+wanted.Model)
	}
	if parts := strings.Join(wrong, ", "); parts != "" {
		a.c.status.complain(func() string { return a.c.words.Say("problem.link", "Parts", parts) })
	}
	a.c.choosePlace(wanted.Layer, wanted.Head, wanted.Key)
	a.token = wanted.Token
	if inPage && (!a.settled || len(wanted.Steps) == 0 || asks(wanted) == asks(a.state())) {
		a.c.changed(change{page: changedToken})
		return
	}
	if wanted.Params != nil {
		a.c.params.touched = true
		a.c.params.set(*wanted.Params)
	}
	if len(wanted.Steps) > 0 {
		a.c.chat.system.SetValue(wanted.System)
	}
	if inPage {
		a.c.newChat()
	}
	a.steps, a.placed, a.asked, a.token = wanted.Steps, link.Step{}, 0, wanted.Token
	if inPage {
		a.askNext()
	}
}

// asks is the part of a link that says what is computed.
func asks(s link.State) string {
	return link.State{Steps: s.Steps, System: s.System, Params: s.Params}.Fragment()
}

// ask is called when the server has a model: the prompts of the address that
// the page was opened with are asked, unless the session goes on.
func (a *address) ask() {
	if a.settled {
		return
	}
	a.settled = true
	a.arrive(false)
	if len(a.c.live.Tokens()) > 0 || a.c.live.Hello().Resumed {
		a.drop()
		return
	}
	a.askNext()
}

// drop gives up what the link has still to ask.
func (a *address) drop() { a.steps = nil }

// leave gives up the whole link: a part of it was refused, and what comes after builds on
// that, or the person wants something else.
func (a *address) leave() {
	a.drop()
	a.said = -1
	a.placed, a.token, a.asking = link.Step{}, -1, false
}

// askNext asks the next prompt of the link, or puts its next token into its place.
func (a *address) askNext() {
	a.asking = false
	if len(a.steps) == 0 {
		return
	}
	step := a.steps[0]
	a.fresh, a.moved = true, false
	if step.Until {
		a.asking = true
		a.drawUntil(step)
		return
	}
	a.steps = a.steps[1:]
	switch {
	case step.Dice != nil:
		a.c.params.set(*step.Dice)
		if len(a.steps) > 0 && a.steps[0].Prompt == "" { // a prompt brings them itself
			a.c.socket.Send(&wire.SetParams{Params: a.c.params.now})
		}
		a.askNext()
	case step.Position > 0:
		a.placed, a.asking = step, true
		a.place()
	default:
		a.prompt = step.Prompt
		a.asked++
		a.sayPrompt()
	}
}

// sayPrompt says the last prompt that was taken from the link.
func (a *address) sayPrompt() {
	a.asking = a.c.say(a.prompt, len(a.steps) > 0 && a.steps[0].Until)
	if !a.asking {
		a.c.chat.say.SetValue(a.prompt)
		a.leave()
	}
}

// place puts the last token that was taken from the link into its place.
func (a *address) place() {
	a.c.control(wire.Control{Op: wire.OpBranch, Position: uint32(a.placed.Position), Token: a.placed.Token})
}

// again is called when the server has the conversation again after the connection was
// lost: what the link asked last may be lost with it.
func (a *address) again() {
	switch {
	case !a.asking:
	case !a.heard():
		if a.asked == 1 { // so may be the new chat
			a.c.control(wire.Control{Op: wire.OpNew})
			a.c.anew = true
		}
		a.sayPrompt()
	case !a.inPlace():
		a.place()
	case a.rests() && !a.moved: // a step that was lost with the connection, and nobody's pause
		a.goOn()
	}
}

// goOn draws as far as the link goes next, and reports whether it has something to draw.
func (a *address) goOn() bool {
	if !a.asking || len(a.steps) == 0 || !a.steps[0].Until || !a.heard() || len(a.c.live.Tokens()) >= a.steps[0].Position {
		return false
	}
	a.c.status.calm()
	a.fresh, a.said = true, -1
	a.drawUntil(a.steps[0])
	return true
}

// joined is called when the server has told the state of a session that the page came
// back to.
func (a *address) joined() {
	if a.back {
		a.back = false
		a.again()
	}
}

// waits says that the link has more, and that someone stopped it.
func (a *address) waits() {
	if have := len(a.c.live.Tokens()); have != a.said && !a.c.play.running() {
		a.said = have
		a.c.status.complain(func() string { return a.c.words.Say("problem.link_waits", "At", page.Decimal(have)) })
	}
}

// drawUntil has the answer drawn as far as a step says, and compares what stands there then
// with what the link was made of.
func (a *address) drawUntil(step link.Step) {
	tokens, state := a.c.live.Tokens(), a.c.live.State().State
	switch have := len(tokens); {
	case have == step.Position:
		a.steps = a.steps[1:]
		if link.Sum(tokens) != step.Sum {
			a.differs(have)
		}
		a.askNext()
	case step.Position < int(a.c.live.State().Prompt): // which is not drawn
		a.differs(step.Position)
		a.leave()
	case have > step.Position: // someone let it run meanwhile
		a.c.control(wire.Control{Op: wire.OpRewind, Position: uint32(step.Position)})
	case a.fresh, state != wire.StatePaused && state != wire.StateAborted && have > a.stood:
		a.fresh, a.moved, a.stood = false, false, have
		a.c.control(wire.Control{Op: wire.OpStep, Count: uint32(step.Position - have)})
	case !a.moved: // the server has not heard it yet
	case state == wire.StatePaused, state == wire.StateAborted:
		a.waits()
	default: // it has ended
		a.differs(have)
		a.leave()
	}
}

// differs says that what is drawn is not what the link was made of.
func (a *address) differs(before int) {
	a.c.status.complain(func() string { return a.c.words.Say("problem.link_differs", "At", page.Decimal(before)) })
}

// rests reports whether the live answer stands still.
func (a *address) rests() bool {
	switch a.c.live.State().State {
	case wire.StatePaused, wire.StateStopped, wire.StateLengthCapped, wire.StateAborted:
		return true
	}
	return false
}

// heard reports whether the last prompt of the link is in the conversation.
func (a *address) heard() bool {
	n, last := a.asked, ""
	for _, m := range a.c.live.Messages() {
		if m.Role == wire.RoleUser {
			n--
			last = m.Text
		}
	}
	return n == 0 && last == a.prompt // or it is still the chat before
}

// wantsToken reports whether the link's token is there to be chosen.
func (a *address) wantsToken(tokens int) bool {
	return a.token >= 0 && len(a.steps) == 0 && a.inPlace() && (a.token < tokens || a.token == tokens && a.c.hasNext())
}

// inPlace reports whether the last token that the link put in the place of
// another stands there.
func (a *address) inPlace() bool {
	tokens, at := a.c.live.Tokens(), a.placed.Position
	return at == 0 || at < len(tokens) && tokens[at].Flags&wire.FlagForced != 0 && tokens[at].ID == a.placed.Token
}

func (a *address) takeToken() int {
	token := a.token
	a.token = -1
	a.c.following = false // the answer may still be on its way
	return token
}

func (a *address) update(what change) {
	if a.asking && what.has(session.ChangeState|session.ChangeMessages) && a.inPlace() && a.heard() && a.rests() {
		switch state := a.c.live.State().State; {
		case len(a.steps) == 0:
			a.asking = false
		case a.steps[0].Until:
			a.drawUntil(a.steps[0])
		case state == wire.StateStopped, state == wire.StateLengthCapped:
			a.askNext()
		case a.moved:
			a.waits()
		}
	}
	if !a.settled || a.c.replay != nil || a.timed || a.c.following && a.c.play.atFullSpeed() {
		return // what the answer changes by itself is written when it rests
	}
	a.timed = true
	page.After(settleAfter, func() {
		a.timed = false
		a.write()
	})
}

// write puts what is seen into the address.
func (a *address) write() {
	if a.c.replay != nil || a.token >= 0 || len(a.steps) > 0 {
		return
	}
	state := a.state()
	fragment := state.Fragment()
	long := len(fragment) > link.MaxLength
	if long {
		fragment = link.State{View: state.View, Token: -1, Layer: -1, Head: -1, Key: -1}.Fragment()
	}
	if long && !a.long {
		a.c.status.complain(func() string { return a.c.words.Say("problem.link_long") })
	}
	a.long = long
	if fragment == a.written {
		return
	}
	a.written = fragment
	page.Window.Get("history").Call("replaceState", nil, "", "#"+fragment)
}

// state is what is seen.
func (a *address) state() link.State {
	s := link.Empty()
	s.View = a.c.tabs.name()
	params, steps := a.history.Steps(a.c.live, a.c.live.Remote() == nil, a.rests())
	if len(steps) == 0 {
		return s
	}
	s.Model, s.Params, s.Steps = a.c.live.Model().Name, &params, steps
	if first := a.c.live.Messages()[0]; first.Role == wire.RoleSystem {
		s.System = first.Text
	}
	s.Token, s.Layer, s.Head, s.Key = a.c.at.token, a.c.at.layer, a.c.at.head, a.c.at.key
	return s
}

// historyKey is where the tab keeps with which parameters was drawn.
const historyKey = "vitrine.dice"

// take passes a frame from the server on to the history.
func (a *address) take(f wire.Frame) {
	switch f := f.(type) {
	case *wire.Hello:
		a.back = f.Resumed
		if f.Resumed {
			a.history.Read(page.Stored("sessionStorage", historyKey))
		}
	case *wire.State:
		switch f.State {
		case wire.StateWaiting, wire.StatePrefill, wire.StateRunning, wire.StatePreempted:
			a.moved = true
		}
	}
	if a.history.Apply(f) {
		page.Store("sessionStorage", historyKey, a.history.String())
	}
}
