//go:build js && wasm

package main

import (
	"strings"
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
	"vitrine/wasm/textspan"
)

// chat is the conversation's column: its messages, and what is written next.
type chat struct {
	c       *client
	list    page.Element
	scroll  page.Element // around the list; its place is counted from the list's end
	welcome page.Element
	say     page.Element
	system  page.Element
	send    page.Element
	branch  page.Element
	cells   []*messageCell

	pointerX, pointerY float64
	pointer            bool // the pointer moved over the messages since the last frame
	chosen, pointed    *lit
	repaint            bool
	sent               string  // the message that went out and is not among the messages yet
	greeted            bool    // there are messages, and the welcome is out of sight
	grown              bool    // the list was written since it was last kept in its place
	astray             bool    // the reader scrolled away from the end
	above              float64 // CSS pixels of the list above what is in sight, while the reader is astray
}

// messageCell is one message in the page.
type messageCell struct {
	page.Element
	node js.Value // its text node, which grows while the answer is written
	text string
	role wire.Role
}

func newChat(c *client) *chat {
	t := &chat{
		c: c, list: page.ByID("messages"), scroll: page.ByID("conversation"), welcome: page.ByID("welcome"), say: page.ByID("say"), system: page.ByID("system"),
		send: page.ByID("send"), branch: page.ByID("branches"),
		chosen: newLit("chosen"), pointed: newLit("pointed"),
	}
	page.ByID("composer").On("submit", func(event js.Value) {
		event.Call("preventDefault")
		t.submit()
	})
	t.say.On("keydown", func(event js.Value) {
		// An Enter that ends a composition belongs to the input method.
		if event.Get("key").String() != "Enter" || event.Get("shiftKey").Bool() ||
			event.Get("isComposing").Bool() || event.Get("keyCode").Int() == keyCodeComposing {
			return
		}
		event.Call("preventDefault")
		t.submit()
	})
	page.ByID("chat-new").OnClick(c.newChat)
	for _, opener := range t.welcome.FindAll(".opener") {
		opener.OnClick(func() {
			t.say.SetValue(opener.Get("textContent").String())
			t.submit()
		})
	}
	t.list.On("pointermove", func(event js.Value) {
		t.pointerX, t.pointerY = event.Get("clientX").Float(), event.Get("clientY").Float()
		t.pointer = true
		c.wake()
	})
	t.scroll.On("scroll", func(jsEvent) { t.measureEnd() })
	t.list.On("pointerleave", func(jsEvent) {
		t.pointer = false
		t.pointed.clear()
		c.spine.pointAt(-1)
	})
	t.list.On("click", func(event js.Value) {
		if page.Window.Call("getSelection").Get("type").String() == "Range" {
			return // text is being selected, to be copied
		}
		if position, ok := t.tokenAt(event.Get("clientX").Float(), event.Get("clientY").Float()); ok {
			c.keepToken(position)
		}
	})
	return t
}

// keyCodeComposing is what older browsers report for keys that an input method takes.
const keyCodeComposing = 229

// submit sends what is written.
func (t *chat) submit() {
	text := strings.TrimSpace(t.say.FieldValue())
	if text == "" {
		return
	}
	t.c.status.calm()
	if t.c.say(text, false) {
		t.c.address.leave()
		t.say.SetValue("")
	}
}

// giveBack puts a message that the server refused back to where it was written.
func (t *chat) giveBack() {
	if t.sent != "" && t.say.FieldValue() == "" {
		t.say.SetValue(t.sent)
	}
	t.sent = ""
}

func (t *chat) update(what change) {
	if what.has(session.ChangeMessages) {
		t.sent = ""
	}
	if what.saw(changedSession) {
		for _, cell := range t.cells {
			cell.Remove()
		}
		t.cells = nil
	}
	if what.has(session.ChangeModel) {
		t.showField()
	}
	if what.has(session.ChangeMessages|session.ChangeTokens|session.ChangeState) || what.saw(changedSession|changedLanguage) {
		t.showMessages(what.saw(changedLanguage))
	}
	if what.has(session.ChangeBranches) || what.saw(changedSession|changedLanguage) {
		t.showBranches()
	}
	if what.has(session.ChangeTokens|session.ChangeMessages) || what.saw(changedToken|changedSession) {
		t.repaint = true
	}
}

// showField says what becomes of what is written: a model without a chat template goes on
// with it.
func (t *chat) showField() {
	m := t.c.live.Model()
	name, hint := "chat.say", "chat.placeholder"
	plain := m.Name != "" && !m.HasTemplate
	if plain {
		name, hint = "chat.complete", "chat.complete_placeholder"
	}
	t.c.resayAttr(t.say, "aria-label", name)
	t.c.resayAttr(t.say, "placeholder", hint)
	t.system.SetDisabled(plain)
}

// showMessages brings the list to the session's messages, writing only what grew.
func (t *chat) showMessages(relabel bool) {
	messages := t.c.shown.Messages()
	for len(t.cells) > len(messages) {
		last := len(t.cells) - 1
		t.cells[last].Remove()
		t.cells = t.cells[:last]
	}
	for i, m := range messages {
		if i == len(t.cells) {
			t.cells = append(t.cells, t.newCell())
			if t.astray && m.Role == wire.RoleUser {
				t.astray = false
				t.scroll.Set("scrollTop", 0)
			}
		}
		cell := t.cells[i]
		if cell.text == "" || cell.role != m.Role || relabel {
			cell.role = m.Role
			cell.SetAttr("data-role", roleName(m.Role))
			cell.SetAttr("aria-label", t.c.words.Say(roleKey(m.Role)))
		}
		switch {
		case m.Text == cell.text:
		case strings.HasPrefix(m.Text, cell.text):
			cell.node.Call("appendData", m.Text[len(cell.text):])
		default:
			cell.node.Set("data", m.Text)
		}
		cell.text = m.Text
		cell.SetClass("writing", i == len(messages)-1 && m.Role == wire.RoleAssistant && t.c.writing())
	}
	if some := len(messages) > 0; some != t.greeted {
		t.greeted = some
		t.welcome.SetHidden(some)
		t.scroll.SetFlag("data-some", some)
	}
	t.grown = true
}

// measureEnd takes note of whether the end of the list is in sight, when the list was
// scrolled. While it is, the browser keeps it there.
func (t *chat) measureEnd() {
	top := t.scroll.Get("scrollTop").Float() // 0 at the end, and less above it
	t.astray = top <= -48
	if t.astray {
		t.above = t.hidden() + top
	}
}

// hidden is how much longer the list is than its place, in CSS pixels.
func (t *chat) hidden() float64 {
	return t.scroll.Get("scrollHeight").Float() - t.scroll.Get("clientHeight").Float()
}

// keepAbove keeps in sight what a reader who scrolled away from the end looks at. It
// comes last in a frame, so that what it makes the browser lay out is laid out once.
func (t *chat) keepAbove() {
	if t.grown && t.astray {
		t.scroll.Set("scrollTop", t.above-t.hidden())
	}
	t.grown = false
}

func (t *chat) newCell() *messageCell {
	cell := &messageCell{Element: page.Create("article", "message"), node: page.Document.Call("createTextNode", "")}
	cell.Call("appendChild", cell.node)
	t.list.Append(cell.Element)
	return cell
}

func roleName(r wire.Role) string {
	switch r {
	case wire.RoleUser:
		return "user"
	case wire.RoleAssistant:
		return "assistant"
	}
	return "system"
}

func roleKey(r wire.Role) string {
	switch r {
	case wire.RoleUser:
		return "chat.role_user"
	case wire.RoleAssistant:
		return "chat.role_assistant"
	}
	return "chat.role_system"
}

// showBranches offers the conversation's branches once there is more than one.
func (t *chat) showBranches() {
	branches := t.c.shown.Branches()
	t.branch.Clear()
	t.branch.SetHidden(len(branches) < 2)
	if len(branches) < 2 {
		return
	}
	active := t.c.shown.ActiveBranch()
	for i, b := range branches {
		button := page.Create("button", "").With(page.Decimal(i + 1))
		button.SetAttr("type", "button")
		button.SetAttr("aria-pressed", page.BoolText(b.ID == active))
		label := t.c.words.Say("chat.branch", "N", page.Decimal(i+1), "Text", b.Text)
		button.SetAttr("aria-label", label)
		button.SetAttr("title", label)
		button.OnClick(func() { t.c.control(wire.Control{Op: wire.OpSwitch, Branch: b.ID}) })
		t.branch.Append(button)
	}
}

// frame lights up the chosen token in the text, and the one under the pointer.
func (t *chat) frame() {
	if t.repaint {
		t.repaint = false
		t.light(t.chosen, t.c.at.token)
	}
	if t.pointer {
		t.pointer = false
		position, ok := t.tokenAt(t.pointerX, t.pointerY)
		if !ok {
			position = -1
		}
		t.light(t.pointed, position)
		t.c.spine.pointAt(position)
	}
}

// light lights up the words of the token at a position.
func (t *chat) light(l *lit, position int) {
	tokens, messages := t.c.shown.Tokens(), t.c.shown.Messages()
	for i := len(messages) - 1; i >= 0 && position >= 0; i-- {
		if int(messages[i].First) > position || i >= len(t.cells) {
			continue
		}
		if from, to, ok := textspan.New(tokens, int(messages[i].First), t.cells[i].text).Range(position); ok {
			l.set(t.cells[i].node, from, to)
			return
		}
		break
	}
	l.clear()
}

// tokenAt is the position of the token whose words are at a point of the window.
func (t *chat) tokenAt(x, y float64) (position int, ok bool) {
	node, offset := caretAt(x, y)
	if node.IsUndefined() {
		return 0, false
	}
	tokens, messages := t.c.shown.Tokens(), t.c.shown.Messages()
	for i, cell := range t.cells {
		if i < len(messages) && cell.node.Equal(node) {
			return textspan.New(tokens, int(messages[i].First), cell.text).Position(offset)
		}
	}
	return 0, false
}

// caretAt is the text node at a point and the place in it, in UTF-16 code units.
func caretAt(x, y float64) (node js.Value, offset int) {
	if page.Document.Get("caretPositionFromPoint").Truthy() {
		if at := page.Document.Call("caretPositionFromPoint", x, y); at.Truthy() {
			return at.Get("offsetNode"), at.Get("offset").Int()
		}
	} else if page.Document.Get("caretRangeFromPoint").Truthy() {
		if at := page.Document.Call("caretRangeFromPoint", x, y); at.Truthy() {
			return at.Get("startContainer"), at.Get("startOffset").Int()
		}
	}
	return js.Undefined(), 0
}

// lit is a piece of text that is lit up without an element of its own (CSS
// Custom Highlight API). In a browser that has none, nothing is lit.
type lit struct {
	highlight js.Value
	filled    bool
}

func newLit(name string) *lit {
	l := &lit{}
	if !page.Window.Get("Highlight").Truthy() {
		return l
	}
	l.highlight = page.Window.Get("Highlight").New()
	page.Window.Get("CSS").Get("highlights").Call("set", name, l.highlight)
	return l
}

func (l *lit) clear() {
	if l.filled {
		l.filled = false
		l.highlight.Call("clear")
	}
}

func (l *lit) set(node js.Value, from, to int) {
	if l.highlight.IsUndefined() || node.Get("length").Int() < to {
		return
	}
	l.clear()
	r := page.Document.Call("createRange")
	r.Call("setStart", node, from)
	r.Call("setEnd", node, to)
	l.highlight.Call("add", r)
	l.filled = true
}
