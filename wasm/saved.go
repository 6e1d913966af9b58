//go:build js && wasm

package main

import (
	"slices"

	"vitrine/visualizer/recording"
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
	"vitrine/wasm/page"
)

// savedLimit bounds the frames that are held for saving, in bytes. When it is
// reached the oldest answers to questions go, whose loss a replay survives: it then
// shows no attention or logits for those tokens. Where that is not enough the
// recording begins anew with what is known.
const savedLimit = 64 << 20

// saved is what the server sent in this conversation, to be saved to a file.
type saved struct {
	c       *client
	records []recording.Record
	bytes   int
	oldest  int     // records before it tell of the conversation itself
	dropped int     // frames that went
	branch  uint32  // the active one
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
func (s *saved) take(raw []byte, frame wire.Frame, changed session.Change) {
	if changed == 0 {
		return
	}
	switch f := frame.(type) {
	case *wire.Status, *wire.Problem:
		return
	case *wire.Timing, *wire.Machine, *wire.KVRead: // they say something of this machine only
		return
	case *wire.Tokens:
		other := f.Branch != s.branch
		s.branch = f.Branch
		if f.From == 0 && (other || len(f.Tokens) == 0) { // a new conversation
			s.dropped = 0
			s.begin()
			return
		}
	}
	if len(raw) < smallFrame {
		raw = slices.Clone(raw) // it is a piece of a bundle, all of which would be held with it
	}
	s.add(raw)
	for ; s.bytes > savedLimit && s.oldest < len(s.records); s.oldest++ {
		if old := &s.records[s.oldest]; isAnswer(old.Frame) {
			s.bytes -= len(old.Frame)
			old.Frame = nil
			s.dropped++
		}
	}
	if s.bytes > savedLimit {
		for i := range s.records {
			if s.records[i].Frame != nil && isAnswer(s.records[i].Frame) {
				s.dropped++
			}
		}
		s.begin()
	}
}

// smallFrame is the size of a frame below which it is small in its bundle, in bytes.
const smallFrame = 16 << 10

func (s *saved) add(raw []byte) {
	at := page.Now()
	if len(s.records) > 0 {
		s.clock += min(at-s.last, savedPause)
	}
	s.last = at
	s.records = append(s.records, recording.Record{At: uint32(s.clock), Frame: raw})
	s.bytes += len(raw)
}

// begin makes a recording that tells at once what is known of the conversation.
func (s *saved) begin() {
	live := s.c.live
	pieces := s.records
	s.records, s.bytes, s.oldest, s.clock = nil, 0, 0, 0
	frames := []wire.Frame{live.Hello()}
	if r := live.Remote(); r != nil {
		frames = append(frames, r)
	}
	frames = append(frames, &wire.Tokens{Branch: live.ActiveBranch(), Tokens: live.Tokens()})
	frames = append(frames, live.State())
	// Until the branches are told anew, they and the messages are those of before.
	if slices.ContainsFunc(live.Branches(), func(b wire.Branch) bool { return b.ID == live.ActiveBranch() }) {
		for i, m := range live.Messages() {
			m.Index, m.Append = uint16(i), false
			frames = append(frames, &m)
		}
		frames = append(frames, &wire.Branches{Active: live.ActiveBranch(), Branches: live.Branches()})
	}
	for _, f := range frames {
		s.add(wire.AppendFrame(nil, f))
	}
	for _, r := range pieces { // these are not asked for twice
		if kind, _ := wire.KindOf(r.Frame); kind == wire.KindPieces && s.bytes < savedLimit/2 {
			s.add(r.Frame)
		}
	}
	s.c.watched = 0 // subscribing anew asks for the whole of the pool
}

// isAnswer reports whether a frame answers a question, or holds what can be asked for.
func isAnswer(raw []byte) bool {
	kind, _ := wire.KindOf(raw)
	return kind >= wire.KindMerges && kind <= wire.KindSource || kind == wire.KindAttentionRows || kind == wire.KindLogits
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
			s.c.status.complain(func() string { return s.c.words.Say("recording.not_saved") })
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
