//go:build js && wasm

package main

import (
	"strconv"

	"vitrine/visualizer/view"
	"vitrine/visualizer/wire"
)

// What the page says of an engine that runs elsewhere: what it does not tell
// is said to be unknown.

// showRemote writes whose model it is in the place of its figures.
func (s *status) showRemote(model string, r *wire.Remote) {
	s.figure(model, "")
	s.figure(r.Address, s.c.words.say("remote.badge"))
	if r.Server != "" {
		s.figure(r.Server, "")
	}
	if r.Detail != "" {
		s.figure(s.c.words.say("remote.lost"), "")
	}
}

// sayRemote gives a view that stays empty with a remote engine its own word
// why, and takes it back.
func (c *client) sayRemote(name string, empty element) {
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
	c.resay(empty.find("[data-t]"), key)
}

// resay gives a piece of the markup other words, which the next change of
// language knows too.
func (c *client) resay(cell element, key string) {
	if cell.attr("data-t") != key {
		cell.setAttr("data-t", key)
		cell.setText(c.words.say(key))
	}
}

// tokenID is a token's number in the vocabulary; a remote engine may not tell it.
func (c *client) tokenID(id int32) string {
	if r := c.shown.Remote(); id < 0 || r != nil && !r.IDs {
		return c.words.say("remote.id")
	}
	return decimal(int(id))
}

// showRemote writes the gauges of a remote engine, and reports whether it is one.
func (v *blocksView) showRemote() bool {
	r := v.c.shown.Remote()
	v.remote.setHidden(r == nil)
	if r == nil {
		return false
	}
	say := v.c.words.say
	says := "blocks.remote"
	if r.Blocks {
		says = "blocks.remote_blocks"
	}
	v.says.show(say(says))
	v.remote.setFlag("data-blocks", r.Blocks)
	v.remote.clear()
	for _, g := range []struct {
		key    string
		value  float32
		format func(float64) string
	}{
		{"blocks.remote_running", r.Running, count}, {"blocks.remote_waiting", r.Waiting, count}, {"blocks.remote_kv", r.KVUsage, view.Percent}, {"blocks.remote_hits", r.Hits, view.Percent},
		{"blocks.remote_preemptions", r.Preemptions, count}, {"blocks.remote_ttft", r.TTFT, inMilliseconds}, {"blocks.remote_itl", r.ITL, inMilliseconds},
	} {
		text := say("remote.id")
		if g.value == g.value {
			text = g.format(float64(g.value))
		}
		v.remote.append(create("dt", "quiet").with(say(g.key)), create("dd", "mono").with(text))
	}
	return true
}

func count(n float64) string { return grouped(int(n)) }

func inMilliseconds(seconds float64) string {
	return strconv.FormatFloat(1000*seconds, 'f', 1, 64) + " ms"
}
