//go:build js && wasm

package main

import (
	"math"

	"vitrine/visualizer/session"
	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// tokenReading is what the inspector says about the token at a position; the
// one past the last is the token to come.
func (c *client) tokenReading(position int) page.Reading {
	say := c.words.Say
	tokens := c.shown.Tokens()
	if position < 0 || position > len(tokens) || len(tokens) == 0 {
		return page.Reading{}
	}
	if position == len(tokens) {
		return page.Reading{Title: say("token.next_title"), Value: "…", Note: say("token.next_note")}
	}
	t := tokens[position]
	r := page.Reading{
		Title: say("token.title", "N", page.Decimal(position)),
		Value: session.Label(t.Bytes),
		Rows: []page.Row{
			page.Fact(say("token.id"), c.tokenID(t.ID)),
			page.Fact(say("token.bytes"), session.Hex(t.Bytes)),
			page.Fact(say("token.kind"), originOf(c, t)),
		},
		Note: say("token.note_given"), Fn: view.FuncEncode,
	}
	if c.shown.Remote() != nil {
		r.Note, r.Fn = say("remote.note"), ""
	}
	for _, share := range view.Shares(tokens, position) {
		key := "token.part_bytes"
		if share.First == share.Last {
			key = "token.part_byte"
		}
		r.By = view.FuncShares
		r.Rows = append(r.Rows, page.Fact(say("token.part"), say(key, "Character", share.Character,
			"First", page.Decimal(share.First), "Last", page.Decimal(share.Last), "Size", page.Decimal(share.Size))))
	}
	if t.Flags&(wire.FlagDrawn|wire.FlagForced) == 0 {
		return r
	}
	r.Note, r.Fn = say("token.note_drawn"), view.FuncSample
	if t.Flags&wire.FlagForced != 0 {
		r.Note, r.Fn = say("token.note_forced"), view.FuncScore
	}
	if c.shown.Remote() != nil {
		r.Note, r.Fn = say("remote.note"), ""
	}
	number := func(name string, v float32) {
		if !math.IsNaN(float64(v)) {
			r.Rows = append(r.Rows, page.Fact(say(name), page.Exact(v)))
		}
	}
	number("token.prob", t.Prob)
	number("token.logprob", t.LogProb)
	number("token.draw", t.Draw)
	if t.Kept > 0 {
		r.Rows = append(r.Rows, page.Fact(say("token.kept"),
			say("token.kept_of", "N", page.Grouped(int(t.Kept)), "Vocab", page.Grouped(int(c.shown.Model().Vocab)))))
	}
	if t.Micros > 0 {
		r.Rows = append(r.Rows, page.Fact(say("token.micros"), page.Milliseconds(t.Micros)))
	}
	return r
}

// originOf names the ways in which a token came into the sequence.
func originOf(c *client, t wire.Token) string {
	text := c.words.Say("token.given")
	switch {
	case t.Flags&wire.FlagForced != 0:
		text = c.words.Say("token.forced")
	case t.Flags&wire.FlagDrawn != 0:
		text = c.words.Say("token.drawn")
	}
	if t.Flags&wire.FlagSpecial != 0 {
		text += ", " + c.words.Say("token.special")
	}
	return text
}
