//go:build js && wasm

package main

import (
	"vitrine/visualizer/session"
	"vitrine/visualizer/wire"
)

// savedLimit bounds the frames that are held for saving, in bytes. When it is
// reached the oldest dense frames go, whose loss a replay survives: it then
// shows no attention or logits for those tokens.
const savedLimit = 64 << 20

// saved is what the server sent in this session, to be saved to a file.
type saved struct {
	c       *client
	records []record
	bytes   int
	dropped int     // dense frames that went
	started float64 // when the first came, as [now] has it
}

// record is one frame with its time.
type record struct {
	at    float64 // milliseconds since the recording began
	frame []byte
}

func newSaved(c *client) *saved { return &saved{c: c} }

// take keeps a frame if the session used it.
func (s *saved) take(raw []byte, changed session.Change) {
	kind, err := wire.KindOf(raw)
	if err != nil || changed == 0 || kind == wire.KindStatus || kind == wire.KindProblem {
		return
	}
	if len(s.records) == 0 {
		s.started = now()
	}
	s.records = append(s.records, record{now() - s.started, raw})
	s.bytes += len(raw)
	for i := 0; s.bytes > savedLimit && i < len(s.records); i++ {
		if old := s.records[i].frame; old != nil && isDense(old) {
			s.bytes -= len(old)
			s.records[i].frame = nil
			s.dropped++
		}
	}
}

// isDense reports whether a frame holds a matrix or a whole vocabulary.
func isDense(raw []byte) bool {
	kind, _ := wire.KindOf(raw)
	return kind == wire.KindAttentionRows || kind == wire.KindLogits || kind == wire.KindHeadMatrix
}
