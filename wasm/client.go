//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// client is the page's program. Everything in it runs in the browser's event
// loop, one event at a time: there are no other goroutines and no locks.
type client struct {
	words      *page.Words
	theme      *page.Theme
	live       *session.Session // what the server tells
	shown      *session.Session // what the page shows: live, or a recording's
	replay     *replay          // the recording that is shown, nil for the live session
	socket     *page.Socket
	saved      *saved
	recordings *recordings

	status    *status
	chat      *chat
	params    *params
	play      *play
	badge     *speed
	spine     *spine
	inspector *page.Inspector
	source    *source
	tabs      *tabs
	address   *address
	voice     *voice

	at        place
	following bool       // the chosen token moves on with the sequence
	still     bool       // the reader asked for reduced motion
	watched   wire.Views // what the server was last told that the page watches
	greeted   bool       // the server said hello on this connection
	anew      bool       // a new conversation is asked for: the next prompt is its first

	pending change
	asked   bool // a frame of the screen is asked for
	opening bool // frames that came together are taken one by one
	drawing bool // a frame is being drawn
	more    bool // and asked for another one
	pace    *page.Pace
	onFrame js.Func
	screen  js.Value // window.requestAnimationFrame
}

// place is what all views show: a token, and for those that need them a
// layer, a query head and a key position.
type place struct {
	token int // position; len(tokens) is the token to come, −1 none
	layer int
	head  int
	key   int // −1 for none
}

// sessionKey is where the tab keeps the name of its session, so that a
// reload of the page finds it again.
const sessionKey = "vitrine.session"

func newClient() *client {
	c := &client{
		words: page.NewWords(), live: session.New(), at: place{token: -1, key: -1}, following: true,
		screen: page.Window.Get("requestAnimationFrame"),
	}
	c.shown = c.live
	c.pace = page.NewPace()
	c.onFrame = js.FuncOf(func(_ js.Value, args []js.Value) any {
		c.draw(args[0].Float())
		return nil
	})
	c.theme = page.NewTheme(c.words, func() { c.changed(change{page: changedTheme}) })
	c.saved = newSaved(c)
	c.recordings = newRecordings(c)
	c.status = newStatus(c)
	c.inspector = page.NewInspector(c.words, c.wake, func(fn string) { c.source.open(fn) })
	c.inspector.Resting = func() page.Reading { return c.tokenReading(c.at.token) }
	c.source = newSource(c)
	c.params = newParams(c)
	c.chat = newChat(c)
	c.play = newPlay(c)
	c.badge = newSpeed(c)
	c.spine = newSpine(c)
	c.voice = newVoice(c)
	c.tabs = newTabs(c, newViews(c))
	c.address = newAddress(c)
	page.ByID("language").OnClick(c.switchLanguage)
	c.listenToKeys()
	page.OnStill(func(still bool) {
		c.still = still
		c.changed(change{page: changedTheme})
	})
	c.socket = &page.Socket{Path: "/ws", Opened: c.open, Frame: c.receive, Lost: c.lose}
	return c
}

// start connects to the server and draws for the first time.
func (c *client) start() {
	c.socket.Connect()
	c.changed(everything)
}

// changed takes note of a change; everyone is told with the next frame of the screen.
func (c *client) changed(what change) {
	c.pending.frames |= what.frames
	c.pending.page |= what.page
	c.wake()
}

// wake asks for a frame of the screen; while an answer is written, when the
// page has rested enough.
func (c *client) wake() {
	switch {
	case c.asked, c.opening:
	case c.drawing:
		c.more = true // when this drawing is paid for
	case c.writing():
		c.pace.Rest(c.askFrame)
	default:
		c.askFrame()
	}
}

func (c *client) askFrame() {
	if !c.asked {
		c.asked = true
		c.screen.Invoke(c.onFrame)
	}
}

// draw is called once a frame of the screen, while there is something to do:
// everyone is told what changed, and draws. Canvases come before the page's texts: to
// set a font on a canvas has the browser lay out what was written before.
func (c *client) draw(t float64) {
	c.asked, c.drawing, c.more = false, true, false
	c.pace.Begin()
	what := c.pending
	c.pending = change{}
	if !what.isNone() {
		if c.keepPlace() {
			what.page |= changedToken
		}
		c.recordings.update(what)
		c.tabs.update(what)
		c.spine.update(what)
	}
	again := c.spine.frame()
	again = c.tabs.frame(t) || again
	if !what.isNone() {
		c.status.update(what)
		c.chat.update(what)
		c.play.update(what)
		c.badge.update(what)
		c.source.update()
		c.voice.update(what)
		c.address.update(what)
		c.pace.Tell(c.socket, c.writing())
		c.watch()
	}
	c.chat.frame()
	c.inspector.Frame()
	c.chat.keepAbove()
	c.drawing = false
	c.pace.End()
	if again || c.more {
		c.wake()
	}
}

// open says hello to the server on a new connection.
func (c *client) open() {
	c.greeted = false
	c.status.lostFor = -1
	c.socket.Send(&wire.Open{Session: page.Stored("sessionStorage", sessionKey), Locale: c.words.Lang})
	c.pace.TellAnew(c.socket)
	c.changed(change{page: changedSocket})
}

// lose takes note that the connection is gone.
func (c *client) lose(seconds int) {
	c.greeted, c.watched = false, 0
	c.status.lostFor = seconds
	c.changed(change{page: changedSocket})
}

// receive takes one message from the server. raw is not used again by the socket.
func (c *client) receive(raw []byte) {
	frame, err := wire.DecodeFrame(raw)
	if err != nil {
		c.status.complain(func() string { return c.words.Unreadable(err) })
		return
	}
	if together, ok := frame.(*wire.Bundle); ok {
		c.opening = true
		for _, raw := range together.Frames {
			c.receive(raw)
		}
		c.opening = false
		c.wake()
		return
	}
	c.address.take(frame)
	changed := c.live.Apply(frame)
	c.saved.take(raw, frame, changed)
	switch f := frame.(type) {
	case *wire.Hello:
		c.greet(f)
	case *wire.Problem:
		if f.Query == 0 {
			if f.Code != "gone" || !c.address.asking { // a link goes on when the server is back
				c.chat.giveBack()
				c.address.leave()
			}
			c.status.complain(func() string { return c.status.problemIn(f) })
		}
	case *wire.State:
		if c.live.Hello().Resumed && f.State != wire.StateIdle {
			c.params.adopt(f)
		}
		c.address.joined()
	case *wire.Status:
		c.arrive(f.Phase)
	}
	if changed&session.ChangeBlocks != 0 && c.live.NeedSnapshot() {
		c.watched = 0 // subscribing anew asks for a snapshot
	}
	if c.replay != nil {
		changed &= session.ChangeStatus // the rest is not what is shown
		c.source.update()               // but it may have asked the server
	}
	c.changed(change{frames: changed})
}

// greet begins a conversation with a server that said hello: a session that it
// has lost is given back.
func (c *client) greet(hello *wire.Hello) {
	c.greeted, c.watched = true, 0
	c.status.calm() // what the last connection complained of is over
	page.Store("sessionStorage", sessionKey, hello.Session)
	if !hello.Resumed && hello.Phase == wire.PhaseReady {
		if len(c.live.Tokens()) > 0 {
			c.restore()
		}
		c.address.again()
	}
	c.arrive(hello.Phase)
	c.changed(change{page: changedSocket})
}

// restore gives the conversation, with all its branches, back to a server that was
// restarted, and lets an answer that was being written go on.
func (c *client) restore() {
	command, missing := c.live.Restore()
	command.Params = c.inUse()
	if missing > 0 {
		c.status.complain(func() string { return c.words.Count("problem.branches", missing) })
	}
	writing := c.writing()
	c.socket.Send(command)
	if writing && !c.address.goOn() {
		c.control(wire.Control{Op: wire.OpResume})
	}
}

// inUse are the parameters that the answer is drawn with, whatever the sliders
// say by now.
func (c *client) inUse() wire.Params {
	state := c.live.State()
	params := state.Params
	params.Seed, params.HasSeed = state.Seed, true
	return params
}

// arrive acts on how far the server is: with a model a link asks what it has to
// ask, and without one a recording plays.
func (c *client) arrive(phase wire.Phase) {
	switch {
	case phase == wire.PhaseReady:
		c.address.ask()
	case c.replay == nil && len(c.live.Tokens()) == 0:
		c.recordings.fetch()
	}
}

// phase is how far the server is on its way to a model.
func (c *client) phase() wire.Phase { return c.live.Status().Phase }

// canAsk reports whether the engine can be asked now.
func (c *client) canAsk() bool { return c.greeted && c.phase() == wire.PhaseReady }

// writing reports whether the shown session's answer is being computed.
func (c *client) writing() bool {
	switch c.shown.State().State {
	case wire.StateWaiting, wire.StatePrefill, wire.StateRunning, wire.StatePreempted:
		return c.replay == nil
	}
	return false
}

// hasNext reports whether there is a cell for the token to come: the sequence
// stands still and could go on.
func (c *client) hasNext() bool {
	return len(c.shown.Tokens()) > 0 && !c.play.running()
}

// ask passes a question of a view to the server, unless the session has the
// answer or has asked already. The answer comes as session.ChangeAnswer.
func (c *client) ask(q wire.Query) {
	if c.replay == nil && !c.canAsk() {
		return
	}
	if q, send := c.shown.Want(q); send {
		c.socket.Send(&q)
	}
}

// trouble says in words why a question has no answer, if it was refused, or
// if a recording does not hold it.
func (c *client) trouble(q wire.Query) (words string, refused bool) {
	return c.troubleOf(c.shown, q)
}

func (c *client) troubleOf(s *session.Session, q wire.Query) (words string, refused bool) {
	if s.Recorded() {
		return c.words.Say("recording.not_recorded"), true
	}
	if problem, refused := s.Refusal(q); refused {
		return c.status.problemIn(problem), true
	}
	return "", false
}

// control steers the live request. A server that has not the conversation yet is
// told nothing of it.
func (c *client) control(command wire.Control) {
	if c.canAsk() {
		c.socket.Send(&command)
	}
}

// watch tells the server which frames the open view needs, when that changes.
func (c *client) watch() {
	if !c.greeted {
		return
	}
	var views wire.Views
	if c.replay == nil {
		views = c.tabs.needs()
	}
	if views != c.watched {
		c.watched = views
		c.socket.Send(&wire.Subscribe{Views: views})
	}
}

// say sends a message to the model and reports whether it went out. paused has
// the engine stop before the first token. A model without a chat template goes
// on with the text.
func (c *client) say(text string, paused bool) bool {
	if !c.canAsk() {
		key := "problem.no_model"
		if !c.greeted {
			key = "problem.no_server"
		}
		c.status.complain(func() string { return c.words.Say(key, "Detail", "") })
		return false
	}
	if !c.params.right() {
		c.status.complain(func() string { return c.words.Say("params.not_sent") })
		return false
	}
	c.leaveReplay()
	if c.writing() {
		c.control(wire.Control{Op: wire.OpAbort})
	}
	paced := c.play.asked(!paused)
	c.watch() // before the prompt is read: what the open view shows of it then comes by itself
	c.follow()
	c.chat.sent = text
	if !c.live.Model().HasTemplate {
		return c.socket.Send(&wire.Complete{Text: text, Params: c.params.now, Paused: paused || paced})
	}
	command := &wire.Chat{Text: text, Params: c.params.now, Paused: paused || paced}
	if c.anew || len(c.live.Messages()) == 0 {
		command.System = c.chat.system.FieldValue()
	}
	c.anew = false
	return c.socket.Send(command)
}

// newChat begins a new conversation.
func (c *client) newChat() {
	c.leaveReplay()
	c.address.leave()
	c.control(wire.Control{Op: wire.OpNew})
	c.anew = true
	c.inspector.Release()
	c.chat.say.Focus()
}

// rewind takes the model back to before the chosen token, which is then the
// token to come.
func (c *client) rewind() {
	position := c.at.token
	if c.replay != nil || !c.canAsk() || position < 1 || position >= len(c.live.Tokens()) {
		return
	}
	c.play.pause()
	c.control(wire.Control{Op: wire.OpRewind, Position: uint32(position)})
	c.follow()
}

// moveToken chooses the next token or the one before. Past the last token of
// an answer that stands still the engine is asked for one more.
func (c *client) moveToken(by int) {
	last := len(c.shown.Tokens()) - 1
	if by > 0 && c.at.token >= last && last >= 0 {
		if c.canStep() {
			c.play.step()
		}
		return
	}
	c.chooseToken(c.at.token + by)
}

// canStep reports whether one more token can be had, from the engine or from
// the recording.
func (c *client) canStep() bool {
	if c.replay != nil {
		return !c.replay.Done()
	}
	return c.canAsk() && !c.writing()
}

// keepToken chooses a token that was clicked, and keeps its reading.
func (c *client) keepToken(position int) {
	c.chooseToken(position)
	c.inspector.Keep(func() page.Reading { return c.tokenReading(position) })
}

// chooseToken makes the token at a position the one that all views show.
func (c *client) chooseToken(position int) {
	tokens := len(c.shown.Tokens())
	limit := tokens - 1
	if c.hasNext() {
		limit = tokens
	}
	position = min(max(position, 0), limit)
	c.following = position >= tokens-1
	if position != c.at.token {
		c.at.token = position
		c.changed(change{page: changedToken})
	}
}

// choosePlace sets the layer, head and key that the views show; −1 for any of them
// leaves it as it is, and forgets the key.
func (c *client) choosePlace(layer, head, key int) {
	to := c.at
	m := c.shown.Model()
	if layer >= 0 {
		to.layer = min(layer, int(m.Layers)) // the last is the one after the final norm
	}
	if head >= 0 {
		to.head = min(head, max(int(m.Heads)-1, 0))
	}
	to.key = key
	if to != c.at {
		c.at = to
		c.changed(change{page: changedPlace})
	}
}

// position is the chosen token for views that show a token that is there: the
// last one where the one to come is chosen, −1 if there is none.
func (c *client) position() int { return min(c.at.token, len(c.shown.Tokens())-1) }

// follow lets the chosen token move on with the sequence.
func (c *client) follow() { c.following = true }

// keepPlace brings the chosen token to the sequence as it now is, and reports
// whether another one is chosen.
func (c *client) keepPlace() bool {
	tokens := len(c.shown.Tokens())
	to := c.at.token
	switch {
	case tokens == 0:
		to = -1
	case c.address.wantsToken(tokens):
		to = c.address.takeToken()
	case c.following && c.shown.State().State == wire.StatePaused && to >= tokens:
		to = tokens // rewound: the token to come is the one that was chosen
	case c.following, to >= tokens && !c.hasNext():
		to = tokens - 1
	}
	changed := to != c.at.token
	c.at.token = to
	c.at.key = min(c.at.key, to)
	return changed
}

// switchLanguage changes between English and Chinese, without a reload.
func (c *client) switchLanguage() {
	if c.words.Lang == "en" {
		c.words.Use("zh")
	} else {
		c.words.Use("en")
	}
	c.changed(change{page: changedLanguage})
}
