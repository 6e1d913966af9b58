//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// What the page says of an engine that runs elsewhere: what it does not tell
// is said to be unknown.

// showRemote writes whose model it is in the place of its figures.
func (s *status) showRemote(model string, r *wire.Remote) {
	s.figure(model, "")
	s.figure(r.Address, s.c.words.Say("remote.badge"))
	if r.Server != "" {
		s.figure(r.Server, "")
	}
	if r.Detail != "" {
		s.figure(s.c.words.Say("remote.lost"), "")
	}
}

// sayRemote gives a view that stays empty with a remote engine its own word
// why, and takes it back.
func (c *client) sayRemote(name string, empty page.Element) {
	var key, away string
	switch name {
	case "vectors":
		key, away = "vectors.empty", "remote.vectors"
	case "attention":
		key, away = "attention.empty", "remote.attention"
	case "time":
		key, away = "time.empty", "remote.time"
	default:
		return
	}
	if c.shown.Remote() != nil {
		key = away
	}
	c.resay(empty.Find("[data-t]"), key)
}

// resay gives a piece of the markup other words, which the next change of
// language knows too.
func (c *client) resay(cell page.Element, key string) {
	if cell.Attr("data-t") != key {
		cell.SetAttr("data-t", key)
		cell.SetText(c.words.Say(key))
	}
}

// resayAttr is resay for an attribute.
func (c *client) resayAttr(e page.Element, name, key string) {
	e.SetAttr("data-t-"+name, key)
	e.SetAttr(name, c.words.Say(key))
}

// tokenID is a token's number in the vocabulary; a remote engine may not tell it.
func (c *client) tokenID(id int32) string {
	if r := c.shown.Remote(); id < 0 || r != nil && !r.IDs {
		return c.words.Say("remote.id")
	}
	return page.Decimal(int(id))
}

// showRemote writes the gauges of a remote engine, and reports whether it is one.
func (v *blocksView) showRemote() bool {
	r := v.c.shown.Remote()
	v.remote.SetHidden(r == nil)
	if r == nil {
		return false
	}
	say := v.c.words.Say
	says := "blocks.remote"
	if r.Blocks {
		says = "blocks.remote_blocks"
	}
	v.says.Show(say(says))
	v.remote.SetFlag("data-blocks", r.Blocks)
	v.remote.Clear()
	for _, g := range []struct {
		key    string
		value  float32
		format func(float64) string
	}{
		{"blocks.remote_running", r.Running, count}, {"blocks.remote_waiting", r.Waiting, count}, {"blocks.remote_kv", r.KVUsage, view.Percent}, {"blocks.remote_hits", r.Hits, view.Percent},
		{"blocks.remote_preemptions", r.Preemptions, count}, {"blocks.remote_ttft", r.TTFT, inMilliseconds}, {"blocks.remote_itl", r.ITL, inMilliseconds},
	} {
		text := say("remote.id")
		switch {
		case g.value < 0:
			text = say("blocks.remote_none")
		case g.value == g.value:
			text = g.format(float64(g.value))
		}
		v.remote.Append(page.Create("dt", "quiet").With(say(g.key)), page.Create("dd", "mono").With(text))
	}
	return true
}

func count(n float64) string { return page.Grouped(int(n)) }

func inMilliseconds(seconds float64) string {
	return strconv.FormatFloat(1000*seconds, 'f', 1, 64) + " ms"
}
