//go:build js && wasm

package main

import (
	"math"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// tokenReading is what the inspector says about the token at a position; the
// one past the last is the token to come.
func (c *client) tokenReading(position int) reading {
	say := c.words.say
	tokens := c.shown.Tokens()
	if position < 0 || position > len(tokens) || len(tokens) == 0 {
		return reading{}
	}
	if position == len(tokens) {
		return reading{title: say("token.next_title"), value: "…", note: say("token.next_note")}
	}
	t := tokens[position]
	r := reading{
		title: say("token.title", "N", decimal(position)),
		value: session.Label(t.Bytes),
		rows: []row{
			fact(say("token.id"), c.tokenID(t.ID)),
			fact(say("token.bytes"), session.Hex(t.Bytes)),
			fact(say("token.kind"), originOf(c, t)),
		},
		note: say("token.note_given"), fn: view.FuncEncode,
	}
	if c.shown.Remote() != nil {
		r.note, r.fn = say("remote.note"), ""
	}
	for _, share := range view.Shares(tokens, position) {
		key := "token.part_bytes"
		if share.First == share.Last {
			key = "token.part_byte"
		}
		r.by = view.FuncShares
		r.rows = append(r.rows, fact(say("token.part"), say(key, "Character", share.Character,
			"First", decimal(share.First), "Last", decimal(share.Last), "Size", decimal(share.Size))))
	}
	if t.Flags&(wire.FlagDrawn|wire.FlagForced) == 0 {
		return r
	}
	r.note, r.fn = say("token.note_drawn"), view.FuncSample
	if t.Flags&wire.FlagForced != 0 {
		r.note, r.fn = say("token.note_forced"), view.FuncScore
	}
	if c.shown.Remote() != nil {
		r.note, r.fn = say("remote.note"), ""
	}
	number := func(name string, v float32) {
		if !math.IsNaN(float64(v)) {
			r.rows = append(r.rows, fact(say(name), exact(v)))
		}
	}
	number("token.prob", t.Prob)
	number("token.logprob", t.LogProb)
	number("token.draw", t.Draw)
	if t.Kept > 0 {
		r.rows = append(r.rows, fact(say("token.kept"),
			say("token.kept_of", "N", grouped(int(t.Kept)), "Vocab", grouped(int(c.shown.Model().Vocab)))))
	}
	if t.Micros > 0 {
		r.rows = append(r.rows, fact(say("token.micros"), milliseconds(t.Micros)))
	}
	return r
}

// originOf names the ways in which a token came into the sequence.
func originOf(c *client, t wire.Token) string {
	text := c.words.say("token.given")
	switch {
	case t.Flags&wire.FlagForced != 0:
		text = c.words.say("token.forced")
	case t.Flags&wire.FlagDrawn != 0:
		text = c.words.say("token.drawn")
	}
	if t.Flags&wire.FlagSpecial != 0 {
		text += ", " + c.words.say("token.special")
	}
	return text
}
