//go:build js && wasm

package main

import (
	"syscall/js"

	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// replay plays a recording into a session of its own, at the speed at which it
// was made or token by token.
type replay struct {
	c       *client
	name    string // of the file; empty for the recording that the server brings
	records []record
	next    int     // the record that is due
	clock   float64 // milliseconds of the recording that have been played
	running bool
	timer   js.Value
}

// start runs on.
func (r *replay) start() {
	if r.running {
		return
	}
	if r.done() {
		r.c.show(r)
	}
	r.running = true
	r.schedule()
}

// pause stops where it is.
func (r *replay) pause() {
	r.running = false
	cancelTimer(r.timer)
}

// done reports whether everything was played.
func (r *replay) done() bool { return r.next >= len(r.records) }

// schedule waits for the next record.
func (r *replay) schedule() {
	if r.done() {
		r.running = false
		r.c.changed(change{frames: session.ChangeState})
		return
	}
	due := r.records[r.next].at
	r.timer = after(int(due-r.clock), func() {
		r.clock = due
		for !r.done() && r.records[r.next].at <= due {
			r.apply()
		}
		if r.running {
			r.schedule()
		}
	})
}

// step plays on to the end of the next tokens and what came with them.
func (r *replay) step() {
	r.pause()
	for met := false; !r.done(); {
		kind, _ := wire.KindOf(r.records[r.next].frame)
		if kind == wire.KindTokens {
			if met {
				break
			}
			met = true
		}
		r.clock = r.records[r.next].at
		r.apply()
	}
	r.c.changed(change{frames: session.ChangeState})
}

// apply gives the next record to the session. A record that is no frame of
// this version is passed over: the rest of the recording is still worth seeing.
func (r *replay) apply() {
	raw := r.records[r.next].frame
	r.next++
	if frame, err := wire.DecodeFrame(raw); err == nil {
		r.c.changed(change{frames: r.c.shown.Apply(frame)})
	}
}

// show puts a recording in the live session's place, from its beginning.
func (c *client) show(r *replay) {
	if c.replay != nil && c.replay != r {
		c.replay.pause()
	}
	c.play.pause()
	c.replay = r
	r.next, r.clock = 0, 0
	c.shown = session.NewRecorded()
	c.at.token, c.following = -1, true
	c.changed(everything)
}

// leaveReplay goes back to the live session.
func (c *client) leaveReplay() {
	if c.replay == nil {
		return
	}
	c.replay.pause()
	c.play.pause()
	c.replay = nil
	c.shown = c.live
	c.at.token, c.following = -1, true
	c.changed(everything)
}

// showReplay writes the label that says that this is a recording.
func (c *client) showReplay() {
	byID("replay").setHidden(c.replay == nil)
	if c.replay == nil {
		return
	}
	text := c.words.say("recording.playing", "Model", c.shown.Model().Title)
	if c.replay.name != "" {
		text = c.words.say("recording.file", "Name", c.replay.name)
	}
	byID("replay-text").setText(text + " " + c.words.say("recording.limits"))
	byID("replay-leave").setHidden(!c.canAsk())
}
