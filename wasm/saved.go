//go:build js && wasm

package main

import (
	"vitrine/visualizer/recording"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// savedLimit bounds the frames that are held for saving, in bytes. When it is
// reached the oldest dense frames go, whose loss a replay survives: it then
// shows no attention or logits for those tokens.
const savedLimit = 64 << 20

// saved is what the server sent in this session, to be saved to a file.
type saved struct {
	c       *client
	records []recording.Record
	bytes   int
	oldest  int     // records before it are not dense
	dropped int     // dense frames that went
	clock   float64 // milliseconds of the recording so far
	last    float64 // when the last frame came, as [now] has it
}

// savedPause is the longest pause that a recording keeps, in milliseconds:
// nobody wants to wait again for what someone else was typing.
const savedPause = 1500

func newSaved(c *client) *saved {
	s := &saved{c: c}
	page.ByID("save").OnClick(s.save)
	return s
}

// take keeps a frame if the session used it.
func (s *saved) take(raw []byte, changed session.Change) {
	kind, err := wire.KindOf(raw)
	if err != nil || changed == 0 {
		return
	}
	switch kind {
	case wire.KindStatus, wire.KindProblem:
		return
	case wire.KindTiming, wire.KindMachine: // they say something of this machine only
		return
	}
	at := page.Now()
	if len(s.records) > 0 {
		s.clock += min(at-s.last, savedPause)
	}
	s.last = at
	s.records = append(s.records, recording.Record{At: uint32(s.clock), Frame: raw})
	s.bytes += len(raw)
	for ; s.bytes > savedLimit && s.oldest < len(s.records); s.oldest++ {
		if old := &s.records[s.oldest]; isDense(old.Frame) {
			s.bytes -= len(old.Frame)
			old.Frame = nil
			s.dropped++
		}
	}
}

// isDense reports whether a frame holds a matrix or a whole vocabulary.
func isDense(raw []byte) bool {
	kind, _ := wire.KindOf(raw)
	return kind == wire.KindAttentionRows || kind == wire.KindLogits || kind == wire.KindHeadMatrix
}

// save offers the session as a file to download.
func (s *saved) save() {
	if len(s.c.live.Tokens()) == 0 {
		s.c.status.complain(func() string { return s.c.words.Say("recording.nothing") })
		return
	}
	var w recording.Writer
	for _, r := range s.records {
		if r.Frame == nil {
			continue
		}
		if err := w.Add(r.At, r.Frame); err != nil {
			s.c.recordings.complain(err, 0)
			return
		}
	}
	model := s.c.live.Model()
	date := page.Window.Get("Date").New().Call("toISOString").String()[:len("2006-01-02")]
	label := recording.Label{Title: s.title(), Model: model.Title, Date: date}
	if s.dropped > 0 {
		label.Note = s.c.words.Told(func(w *page.Words) string { return w.Count("recording.left_out", s.dropped) })
	}
	blob := page.Window.Get("Blob").New([]any{page.JsBytes(w.File(label))}, map[string]any{"type": "application/octet-stream"})
	address := page.Window.Get("URL").Call("createObjectURL", blob)
	anchor := page.Create("a", "")
	anchor.Set("href", address)
	anchor.Set("download", "vitrine-"+date+recordingSuffix)
	anchor.Call("click")
	page.After(10_000, func() { page.Window.Get("URL").Call("revokeObjectURL", address) })
}

// recordingSuffix ends the names of recordings.
const recordingSuffix = ".vitrine"

// title is the first thing that was asked.
func (s *saved) title() string {
	for _, m := range s.c.live.Messages() {
		if m.Role == wire.RoleUser {
			return m.Text
		}
	}
	return ""
}
