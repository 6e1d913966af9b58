//go:build js && wasm

package main

import (
	"strings"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/speech"
)

// voice gives a screen reader the answer, sentence by sentence, through a live
// region that is not seen.
type voice struct {
	c         *client
	region    element
	message   int    // the message that is being read
	read      string // of its text, what was taken
	sentences speech.Sentences
}

func newVoice(c *client) *voice { return &voice{c: c, region: byID("speech"), message: -1} }

func (v *voice) update(what change) {
	if what.saw(changedSession) {
		v.message, v.read, v.sentences = -1, "", speech.Sentences{}
		v.region.clear()
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
	v.region.append(create("p", "").with(sentence))
	if v.region.Get("childElementCount").Int() > spokenKept {
		element{v.region.Get("firstElementChild")}.remove()
	}
}
