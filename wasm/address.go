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
	settled bool        // the address that the page was opened with was acted on
	written string
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
	if inPage && (!a.settled || len(wanted.Steps) == 0 || link.State{Steps: wanted.Steps}.Fragment() == link.State{Steps: stepsOf(a.c.live)}.Fragment()) {
		a.c.changed(change{page: changedToken})
		return
	}
	if wanted.Params != nil {
		a.c.params.touched = true
		a.c.params.set(*wanted.Params)
	}
	if wanted.System != "" {
		a.c.chat.system.SetValue(wanted.System)
	}
	a.steps, a.placed = wanted.Steps, link.Step{}
	if inPage {
		a.c.newChat()
		a.askNext()
	}
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

// refused gives up the whole link, for a part of it was refused: what comes after builds
// on that.
func (a *address) refused() {
	a.drop()
	a.placed, a.token = link.Step{}, -1
}

// askNext asks the next prompt of the link, or puts its next token into its place.
func (a *address) askNext() {
	a.asking = false
	if len(a.steps) == 0 {
		return
	}
	step := a.steps[0]
	a.steps = a.steps[1:]
	if step.Position > 0 {
		a.placed, a.asking = step, true
		a.c.control(wire.Control{Op: wire.OpBranch, Position: uint32(step.Position), Token: step.Token})
		return
	}
	a.asking = a.c.say(step.Prompt)
	if !a.asking {
		a.c.chat.say.SetValue(step.Prompt)
		a.refused()
	}
}

// wantsToken reports whether the link's token is there to be chosen.
func (a *address) wantsToken(tokens int) bool {
	return a.token >= 0 && len(a.steps) == 0 && a.inPlace() && a.token < tokens
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
	if a.asking && what.has(session.ChangeState) && len(a.steps) > 0 && a.inPlace() {
		switch a.c.live.State().State {
		case wire.StateStopped, wire.StateLengthCapped:
			a.askNext()
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
	s := link.State{Steps: stepsOf(a.c.live), View: a.c.tabs.name(), Token: -1, Layer: -1, Head: -1, Key: -1}
	if len(s.Steps) > 0 {
		params := a.c.inUse()
		s.Model = a.c.live.Model().Name
		s.Params, s.System = &params, a.c.chat.system.FieldValue()
		s.Token, s.Layer, s.Head, s.Key = a.c.at.token, a.c.at.layer, a.c.at.head, a.c.at.key
	}
	fragment := s.Fragment()
	if fragment == a.written || len(fragment) > link.MaxLength {
		return
	}
	a.written = fragment
	page.Window.Get("history").Call("replaceState", nil, "", "#"+fragment)
}

// stepsOf lists the user's messages and the tokens that were put in the place
// of drawn ones.
func stepsOf(s *session.Session) (steps []link.Step) {
	messages, tokens := s.Messages(), s.Tokens()
	for at := range len(tokens) + 1 { // the last message may have no token yet
		for len(messages) > 0 && int(messages[0].First) <= at {
			if messages[0].Role == wire.RoleUser {
				steps = append(steps, link.Step{Prompt: messages[0].Text})
			}
			messages = messages[1:]
		}
		if at > 0 && at < len(tokens) && tokens[at].Flags&wire.FlagForced != 0 {
			steps = append(steps, link.Step{Position: at, Token: tokens[at].ID})
		}
	}
	return steps
}
