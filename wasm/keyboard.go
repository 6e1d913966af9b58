//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/wasm/page"
)

// jsEvent is an event that its handler does not look at.
type jsEvent = js.Value

// listenToKeys acts on the keys that web's helpKeys lists. Keys that go to a
// field or to a part of the page that takes arrows itself are left to it.
func (c *client) listenToKeys() {
	page.Element{Value: page.Document}.On("keydown", func(event js.Value) {
		if event.Get("defaultPrevented").Bool() || event.Get("isComposing").Bool() ||
			event.Get("ctrlKey").Bool() || event.Get("metaKey").Bool() || event.Get("altKey").Bool() {
			return
		}
		key := event.Get("key").String()
		target := page.Element{Value: event.Get("target")}
		if isField(target) {
			if key == "Escape" {
				target.Call("blur")
			}
			return
		}
		if page.Document.Call("querySelector", "dialog[open]").Truthy() {
			return // a dialog has its own keys
		}
		if c.key(key, target) {
			event.Call("preventDefault")
		}
	})
	page.ByID("help-open").OnClick(c.openHelp)
}

// key acts on a key and reports whether it was one of the page's.
func (c *client) key(key string, target page.Element) bool {
	switch key {
	case "1", "2", "3", "4", "5", "6", "7", "8", "9":
		c.tabs.choose(int(key[0] - '1'))
	case "ArrowLeft":
		c.moveToken(-1)
	case "ArrowRight":
		c.moveToken(+1)
	case "Home":
		c.chooseToken(0)
	case "End":
		c.chooseToken(len(c.shown.Tokens()) - 1)
	case " ":
		if target.Call("matches", "button,summary,input").Bool() {
			return false // Space presses what has the focus
		}
		c.play.toggle()
	case ".":
		c.play.step()
	case "r":
		c.rewind()
	case "s":
		c.play.end()
	case "n":
		c.newChat()
	case "/":
		c.chat.say.Focus()
	case "l":
		c.switchLanguage()
	case "t":
		c.theme.Next()
	case "?":
		c.openHelp()
	case "Escape":
		c.inspector.Release()
		c.status.calm()
	default:
		return false
	}
	return true
}

// isField reports whether keys belong to e: it is written into, or slid.
func isField(e page.Element) bool {
	switch e.Get("tagName").String() {
	case "TEXTAREA", "SELECT":
		return true
	case "INPUT":
		return e.Get("type").String() != "checkbox"
	}
	return false
}

func (c *client) openHelp() { page.ByID("help").Call("showModal") }
