//go:build js && wasm

package main

import (
	"strings"
	"syscall/js"

	"vitrine/visualizer/recording"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// replay plays a recording into a session of its own.
type replay struct {
	*recording.Player
	c       *client
	label   recording.Label
	file    string // its name; empty for the recording that the server brings
	running bool
	played  float64 // when it was last advanced, as [now] has it
	timer   js.Value
}

// start runs on at the speed at which the recording was made; from the end it
// begins again.
func (r *replay) start() {
	if r.Done() {
		r.c.show(r)
	}
	r.running = true
	r.played = page.Now()
	r.schedule()
}

func (r *replay) pause() {
	r.running = false
	page.CancelTimer(r.timer)
}

// schedule waits for the next record.
func (r *replay) schedule() {
	wait, more := r.Wait()
	if !more {
		r.running = false
		r.c.changed(change{frames: session.ChangeState})
		return
	}
	r.timer = page.After(int(wait)+1, func() {
		at := page.Now()
		r.apply(r.Advance(at - r.played))
		r.played = at
		if r.running {
			r.schedule()
		}
	})
}

// step plays one token on.
func (r *replay) step() {
	r.pause()
	r.apply(r.Step())
	r.c.changed(change{frames: session.ChangeState})
}

// apply gives records to the session. A record that is no frame of this version
// is passed over: the rest of the recording is still worth seeing.
func (r *replay) apply(records []recording.Record) {
	for _, record := range records {
		if frame, err := wire.DecodeFrame(record.Frame); err == nil {
			r.c.changed(change{frames: r.c.shown.Apply(frame)})
		}
	}
}

// recordings are the ways in which a recording comes to the page.
type recordings struct {
	c       *client
	fetched bool // the server's own was asked for
}

func newRecordings(c *client) *recordings {
	r := &recordings{c: c}
	input := page.ByID("load-file")
	page.ByID("load").OnClick(func() { input.Call("click") })
	input.On("change", func(jsEvent) {
		file := input.Get("files").Index(0)
		if file.IsUndefined() {
			return
		}
		name := file.Get("name").String()
		read(file.Call("arrayBuffer"), func(b []byte) { r.open(b, name) }, func() {
			r.c.status.complain(func() string { return r.c.words.Say("recording.not_read", "Name", name) })
		})
		input.SetValue("") // the same file may be chosen again
	})
	page.ByID("replay-again").OnClick(func() {
		c.show(c.replay)
		c.play.start()
	})
	page.ByID("replay-leave").OnClick(c.leaveReplay)
	return r
}

// fetch plays the recording that the server brings, if it has one.
func (r *recordings) fetch() {
	if r.fetched {
		return
	}
	r.fetched = true
	nothing := func() {} // there is none; the page says anyway that there is no model yet
	then(page.Window.Call("fetch", "/recording.vitrine"), func(response js.Value) {
		if !response.Get("ok").Bool() {
			return
		}
		read(response.Call("arrayBuffer"), func(b []byte) {
			if len(r.c.live.Tokens()) == 0 && !r.c.canAsk() {
				r.open(b, "")
			}
		}, nothing)
	}, nothing)
}

// open plays a recording from its bytes.
func (r *recordings) open(file []byte, name string) {
	label, records, err := recording.Read(file)
	if err != nil {
		r.complain(err, len(records))
		if len(records) == 0 {
			return
		}
	}
	r.c.show(&replay{Player: recording.NewPlayer(records), c: r.c, label: label, file: name})
	r.c.play.start()
}

// complain says what is wrong with a recording of which so many records are whole. The
// words of the error are English and meant for a log.
func (r *recordings) complain(err error, whole int) {
	key, pairs := "recording.unreadable", []string(nil)
	if e, ok := err.(*recording.Error); ok { //nolint:errorlint // package recording returns no other, and wraps none
		pairs = []string{"Field", e.Field, "At", page.Decimal(e.Offset)}
		switch {
		case strings.HasSuffix(e.Field, "Version"):
			key = "recording.other_version"
		case whole > 0:
			key = "recording.damaged"
		}
	}
	r.c.status.complain(func() string { return r.c.words.Say(key, pairs...) })
}

// update writes the label that says that this is a recording.
func (r *recordings) update(what change) {
	if !what.saw(changedSession|changedLanguage|changedSocket) && !what.has(session.ChangeStatus) {
		return
	}
	page.ByID("replay").SetHidden(r.c.replay == nil)
	if r.c.replay == nil {
		return
	}
	text := r.c.words.Say("recording.playing", "Model", r.c.replay.label.Model)
	if r.c.replay.file != "" {
		text = r.c.words.Say("recording.file", "Name", r.c.replay.file)
	}
	text = r.c.words.Sentences(text, r.c.words.Say("recording.limits"))
	if note := wire.Told(r.c.replay.label.Note, r.c.words.Lang); note != "" {
		text = r.c.words.Sentences(text, note)
	}
	page.ByID("replay-text").SetText(text)
	page.ByID("replay-leave").SetHidden(!r.c.canAsk())
}

// show puts a recording in the live session's place, from its beginning.
func (c *client) show(r *replay) {
	c.play.halt()
	c.replay = r
	r.Restart()
	c.shown = session.NewRecorded()
	c.forgetPlace()
}

// leaveReplay goes back to the live session.
func (c *client) leaveReplay() {
	if c.replay == nil {
		return
	}
	c.play.halt()
	c.replay = nil
	c.shown = c.live
	c.forgetPlace()
}

// forgetPlace begins with another session.
func (c *client) forgetPlace() {
	c.at.token, c.at.key, c.following = -1, -1, true
	c.inspector.Release()
	c.changed(everything)
}

// then calls done with what a promise gives, or failed if it gives nothing: why it does
// not, the browser says in its own language.
func then(promise js.Value, done func(js.Value), failed func()) {
	var onDone, onFailed js.Func
	release := func() {
		onDone.Release()
		onFailed.Release()
	}
	onDone = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		done(args[0])
		return nil
	})
	onFailed = js.FuncOf(func(js.Value, []js.Value) any {
		release()
		failed()
		return nil
	})
	promise.Call("then", onDone, onFailed)
}

// read is then for a promise of an ArrayBuffer.
func read(promise js.Value, done func([]byte), failed func()) {
	then(promise, func(buffer js.Value) { done(page.BytesOf(buffer)) }, failed)
}
