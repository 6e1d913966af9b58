//go:build js && wasm

package main

import (
	"strings"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
	"vitrine/wasm/speech"
)

// voice gives a screen reader the answer, sentence by sentence, through a live
// region that is not seen.
type voice struct {
	c         *client
	region    page.Element
	message   int    // the message that is being read
	read      string // of its text, what was taken
	sentences speech.Sentences
}

func newVoice(c *client) *voice { return &voice{c: c, region: page.ByID("speech"), message: -1} }

func (v *voice) update(what change) {
	if what.saw(changedSession) {
		v.message, v.read, v.sentences = -1, "", speech.Sentences{}
		v.region.Clear()
	}
	if !what.has(session.ChangeMessages | session.ChangeState) {
		return
	}
	messages := v.c.shown.Messages()
	last := len(messages) - 1
	if last < 0 || messages[last].Role != wire.RoleAssistant {
		return
	}
	text := messages[last].Text
	if last != v.message || !strings.HasPrefix(text, v.read) { // another answer, or one that was rewound
		v.message, v.read, v.sentences = last, "", speech.Sentences{}
		if !v.c.writing() {
			v.read = text // an old answer is not read again
		}
	}
	v.say(v.sentences.Add(text[len(v.read):]))
	v.read = text
	if !v.c.writing() {
		v.say(v.sentences.Flush())
	}
}

// spokenKept is the number of sentences that the region keeps: a reader may go
// back to them.
const spokenKept = 20

func (v *voice) say(sentence string) {
	if sentence == "" {
		return
	}
	v.region.Append(page.Create("p", "").With(sentence))
	if v.region.Get("childElementCount").Int() > spokenKept {
		page.Element{Value: v.region.Get("firstElementChild")}.Remove()
	}
}
